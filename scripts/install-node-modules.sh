#!/usr/bin/env bash
# Installs Express and Fastify, for the tests of paths, into .tools/node, unless they are installed.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(express@4.21.2 fastify@4.29.0)
home=.tools/node

if [[ "$(cat "$home/installed" 2>/dev/null || true)" == "${packages[*]}" ]]; then
    exit 0
fi
echo "==> Installing ${packages[*]} into $home"
rm -rf "$home"
mkdir -p "$home"
echo '{ "private": true }' > "$home/package.json"
npm install --prefix "$home" --ignore-scripts --no-audit --no-fund --silent "${packages[@]}"
echo "${packages[*]}" > "$home/installed"

#!/usr/bin/env bash
# Installs schemathesis, for `make api-test`, into .tools/schemathesis, unless it is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

version=4.32.5
home=.tools/schemathesis

if [[ "$("$home/bin/schemathesis" --version 2>/dev/null || true)" == *" $version" ]]; then
    exit 0
fi
echo "==> Installing schemathesis $version into $home"
rm -rf "$home"
python3 -m venv "$home"
"$home/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version"
"$home/bin/schemathesis" --version

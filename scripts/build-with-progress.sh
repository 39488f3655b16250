#!/usr/bin/env bash
# Runs `cargo build` with the given arguments and prints how many crates are compiled. On a terminal cargo does that by
# itself; without one it hides its progress bar, and several silent minutes look like a build that hangs.
#
#   scripts/build-with-progress.sh --locked --profile demo --bin sidegate
set -euo pipefail
cd "$(dirname "$0")/.."

cargo=${CARGO:-cargo}
if [[ -t 2 ]]; then
    exec "$cargo" build "$@"
fi

# Every package that the binary is built from, once: the build reports each of them when its library is compiled.
total=$("$cargo" tree --locked --edges normal,build --prefix none | awk 'NF { print $1, $2 }' | sort -u | wc -l)
"$cargo" build --quiet --message-format=json-render-diagnostics "$@" | {
    # A package can be compiled twice, for the binary and for a build script: it counts once.
    declare -A compiled=()
    while IFS= read -r message; do
        if [[ $message != *'"reason":"compiler-artifact"'* || $message == *'"kind":["custom-build"]'* ]]; then
            continue
        fi
        package=${message#*'"package_id":"'}
        package=${package%%'"'*}
        if [[ -n ${compiled[$package]:-} ]]; then
            continue
        fi
        compiled[$package]=1
        if ((${#compiled[@]} % 25 == 0)); then
            echo "    compiled ${#compiled[@]} of $total crates after $SECONDS s"
        fi
    done
    echo "    built after $SECONDS s"
}

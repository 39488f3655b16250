#!/usr/bin/env bash
# Runs each fuzz target of fuzz/ for some seconds (default 60), or only those named after that. An input that breaks a
# promise of the code ends the run and is kept in fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.13.1
seconds=${1:-60}
shift || true
export PATH="$PWD/.tools/bin:$PATH"

if [[ "$(cargo fuzz --version 2>/dev/null || true)" != *" $version" ]]; then
    echo "==> Installing cargo-fuzz $version into .tools"
    cargo install cargo-fuzz --version "$version" --locked --quiet --root .tools
fi
targets=("$@")
if [[ ${#targets[@]} -eq 0 ]]; then
    targets=()
    for file in fuzz/fuzz_targets/*.rs; do
        targets+=("$(basename "$file" .rs)")
    done
fi

scripts/make-fuzz-seeds.py
# The versions that are tested otherwise.
cp Cargo.lock fuzz/Cargo.lock
# Sanitizers need a nightly compiler, and this code has no `unsafe` for them to watch. Coverage does not.
options=(--sanitizer none --target-dir target/fuzz)
echo "==> Building"
cargo fuzz build "${options[@]}"
for target in "${targets[@]}"; do
    echo "==> Fuzzing $target for $seconds s"
    log=$(mktemp)
    if ! cargo fuzz run "${options[@]}" "$target" -- -max_total_time="$seconds" -max_len=4096 -timeout=10 \
        -print_final_stats=1 >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        exit 1
    fi
    sed -n 's/^stat::number_of_executed_units: */    executions: /p; s/^stat::peak_rss_mb: */    memory, MB: /p' "$log"
    rm -f "$log"
done

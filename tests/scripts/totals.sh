#!/usr/bin/env bash
# Sums up what `cargo test -- --show-output` says on its standard input (totals.awk), line by line as it comes.
set -euo pipefail
options=()
# mawk, Debian's awk, reads and writes in blocks of some kilobytes unless an option says not to; other awks do not know the word.
# Asked without a pipe: `grep -q` would end before awk has written everything, which then counts as a failure of the pipe.
if [[ $(awk -W version </dev/null 2>&1) == mawk* ]]; then options=(-W interactive); fi
exec awk "${options[@]}" -f "$(dirname "$0")/totals.awk"

#!/usr/bin/env bash
# Sums up what `cargo test -- --show-output` says on its standard input (totals.awk), line by line as it comes.
set -euo pipefail
options=()
# mawk, Debian's awk, reads and writes in blocks of some kilobytes unless an option says not to; other awks do not know the word.
if awk -W version </dev/null 2>&1 | grep -q '^mawk'; then options=(-W interactive); fi
exec awk "${options[@]}" -f "$(dirname "$0")/totals.awk"

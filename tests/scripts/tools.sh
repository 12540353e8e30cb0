#!/usr/bin/env bash
# Installs lints that do not come with Rust: typos from PyPI, the others from crates.io. They are compiled once; what is there in
# its version stays.
#
#   tests/scripts/tools.sh DIRECTORY TOOL...       typos, cargo-machete or cargo-deny, into DIRECTORY/bin
set -euo pipefail
if [ $# -lt 2 ]; then
    sed -n 's/^#   //p' "$0" >&2
    exit 2
fi
directory=$1
shift

declare -A versions=([typos]=1.52.0 [cargo-machete]=0.9.2 [cargo-deny]=0.20.2)

for tool in "$@"; do
    version=${versions[$tool]}
    [ ! -e "$directory/$tool-$version" ] || continue
    case $tool in
        typos)
            python3 -m venv "$directory/python"
            "$directory/python/bin/pip" install --quiet --disable-pip-version-check "typos==$version"
            mkdir -p "$directory/bin"
            ln -sf ../python/bin/typos "$directory/bin/typos"
            ;;
        *) cargo install --quiet --locked --root "$directory" --version "$version" "$tool" ;;
    esac
    touch "$directory/$tool-$version"
done

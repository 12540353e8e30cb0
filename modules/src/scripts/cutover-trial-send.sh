# cutover-trial-send ROOT WORD...: feeds the command WORD..., the tar of a copy, those entries of ROOT whose paths, one a line and
# base64-encoded, come on standard input, instead of all that is there. What is not there any more is left out.
set -euf
export LC_ALL=C
cd -- "$1"
shift
IFS='
'
for path in $(base64 -d); do
    if [ -e "$path" ] || [ -L "$path" ]; then printf '%s\0' "$path"; fi
done | "$@" --no-recursion --null -T -

# cutover-trial-list ROOT: writes a manifest of some entries of the tree at ROOT, whose paths, one a line and base64-encoded, come
# on standard input. What is not there any more is left out. Reads only.
set -euf
export LC_ALL=C
cd -- "$1"
shift
IFS='
'
for path in $(base64 -d); do
    if [ -e "$path" ] || [ -L "$path" ]; then set -- "$@" "$path"; fi
done
{
    printf 'cutover-manifest 3\0'
    find "$@" -maxdepth 0 -printf '%y %m %U %G %s %T@ %i %b\0%p\0%l\0'
    printf 'hashes\0'
    find "$@" -maxdepth 0 -type f ! -size +1048576c -print0 | hash_small
    printf '\0'
    find "$@" -maxdepth 0 -type f -size +1048576c -print0 | hash_large
    find "$@" -maxdepth 0 -print0 | attributes
    printf 'left out\0\0count\0%s\n\0end\0' "$#"
} | base64 -w 0

# cutover-manifest ROOT [NAME...]: writes everything worth comparing about the tree at ROOT, base64-encoded, leaving out
# the NAMEs directly in it. Three NUL-terminated sections (metadata, hashes, extended attributes) and `end`, without
# which the manifest is not complete. Reads only.
set -eu
export LC_ALL=C
cd -- "$1"
shift
for name do
    shift
    set -- "$@" -path "./$name" -prune -o
done
{
    printf 'cutover-manifest 1\0'
    find . -xdev "$@" -printf '%y %m %U %G %s %T@ %i %b\0%P\0%l\0'
    printf 'hashes\0'
    find . -xdev "$@" -type f -print0 | xargs -0 -r sha256sum -b --
    if command -v getfattr >/dev/null 2>&1; then
        printf '\0attributes\0'
        find . -xdev "$@" -print0 | xargs -0 -r getfattr -h -d -m - -e hex --
    else
        printf '\0no attributes\0'
    fi
    printf '\0end\0'
} | base64 -w 0

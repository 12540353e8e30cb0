# cutover-manifest ROOT [NAME...]: writes everything worth comparing about the tree at ROOT, base64-encoded, leaving out
# the NAMEs directly in it. NUL-terminated sections: metadata, hashes of small files, hashes of large files, extended
# attributes, what a copy does not carry, how many entries a walk finds that does not stop at other devices, and `end`,
# without which the manifest is not complete. Reads only.
set -eu
export LC_ALL=C
cd -- "$1"
shift
for name do
    shift
    set -- "$@" -path "./$name" -prune -o
done
{
    printf 'cutover-manifest 2\0'
    find . -xdev "$@" -printf '%y %m %U %G %s %T@ %i %b\0%P\0%l\0'
    printf 'hashes\0'
    find . -xdev "$@" -type f ! -size +1048576c -print0 | xargs -0 -r sha256sum -b --
    printf '\0'
    # Large files side by side, and by openssl where it is there: it uses what the processor has for this.
    find . -xdev "$@" -type f -size +1048576c -print0 | xargs -0 -r -n 1 -P 4 sh -c '
        if command -v openssl >/dev/null 2>&1; then
            hash=$(openssl dgst -sha256 -r <"$1")
        else
            hash=$(sha256sum -b <"$1")
        fi && printf "%s\0%s\0" "${hash%% *}" "$1"
    ' cutover-hash
    if command -v getfattr >/dev/null 2>&1; then
        printf 'attributes\0'
        find . -xdev "$@" -print0 | xargs -0 -r getfattr -h -d -m - -e hex --
    else
        printf 'no attributes\0'
    fi
    odd=$(left_out)
    printf '\0left out\0%s\0count\0' "$odd"
    # A mount may be large, or not answer at all; a tree that has one is refused without being counted.
    [ -n "$odd" ] || find . "$@" -printf x | wc -c
    printf '\0end\0'
} | base64 -w 0

# manifest ROOT [NAME...]: writes everything worth comparing about the tree at ROOT, base64-encoded, leaving out the NAMEs
# directly in it. NUL-terminated sections: metadata, hashes of small files, hashes of large files, extended attributes, what a copy
# does not carry, how many entries a walk finds that does not stop at other devices, and `end`, without which the manifest is
# not complete. Reads only.
manifest() {
    cd -- "$1"
    shift
    for name do
        shift
        set -- "$@" -path "./$name" -prune -o
    done
    {
        printf 'cutover-manifest 3\0'
        find . -xdev "$@" -printf '%y %m %U %G %s %T@ %i %b\0%P\0%l\0'
        printf 'hashes\0'
        find . -xdev "$@" -type f ! -size +1048576c -print0 | hash_small
        printf '\0'
        find . -xdev "$@" -type f -size +1048576c -print0 | hash_large
        find . -xdev "$@" -print0 | attributes
        odd=$(left_out)
        printf 'left out\0%s\0count\0' "$odd"
        # A mount may be large, or not answer at all; a tree that has one is refused without being counted.
        [ -n "$odd" ] || find . "$@" -printf x | wc -c
        printf '\0end\0'
    } | base64 -w 0
}

# hash_small, hash_large, attributes: what it tells of files whose names, NUL-terminated, come on standard input.
hash_small() {
    xargs -0 -r sha256sum -b --
}

# Of a large file the digest is that of its size and of a line for each piece of 64 MiB that is not all zeros: its number and
# SHA-256. So it does not matter whether zeros are stored or are a hole, and nothing is read where the holes are. tar
# looks for them, as it does for the copy; where it finds none, all is read. Several files side by side, and by openssl where it
# is there: it uses what the processor has for this.
hash_large() {
    xargs -0 -r -n 1 -P 4 sh -c "$HASH_LARGE" cutover-hash
}
HASH_LARGE='
    set -eu
    piece=67108864
    sum() {
        if command -v openssl >/dev/null 2>&1; then openssl dgst -sha256 -r; else sha256sum -b; fi
    }
    exec 5<"$1"
    size=$(stat -L -c %s -- /proc/self/fd/5)
    pieces=
    if [ "$(stat -L -c %b -- /proc/self/fd/5)" -lt "$((size / 512))" ]; then
        pieces=$(
            tar -c -h --format=posix --sparse --sparse-version=0.1 -f - /proc/self/fd/5 2>/dev/null |
                head -c 16777216 | tr "\\000" "\\n" | grep -a -m 1 "^[0-9]* GNU[.]sparse[.]map=" |
                awk -v "piece=$piece" "$DATA_PIECES"
        ) || pieces=
    fi
    [ -n "$pieces" ] || pieces=$(seq 0 "$(((size - 1) / piece))")
    lines=$size
    for number in $pieces; do
        from=$((number * piece))
        left=$((size - from))
        [ "$left" -lt "$piece" ] || left=$piece
        ! cmp -s -n "$left" -i "$from:0" -- "$1" /dev/zero || continue
        hash=$({ { dd if="$1" bs=1048576 skip="$((number * 64))" count=64 iflag=fullblock status=none || echo unread >&3; } | sum; } 3>&1)
        case $hash in
        *unread*) exit 1 ;;
        esac
        lines="$lines
$number ${hash%% *}"
    done
    hash=$(echo "$lines" | sum)
    printf "%s\\0%s\\0" "${hash%% *}" "$1"
'
# The pieces that have data in them, from a record of a map of holes; fails if the record was cut off.
export DATA_PIECES='
    length($0) + 1 == $1 {
        sub(/^[0-9]* GNU[.]sparse[.]map=/, "")
        count = split($0, at, ",")
        for (i = 1; i < count; i += 2) {
            for (number = int(at[i] / piece); number * piece < at[i] + at[i + 1]; number++) {
                if (!seen[number]++) printf "%.0f\n", number
            }
        }
        whole = 1
    }
    END { exit !whole }
'

attributes() {
    if command -v getfattr >/dev/null 2>&1; then
        printf 'attributes\0'
        xargs -0 -r getfattr -h -d -m - -e hex --
    else
        cat >/dev/null
        printf 'no attributes\0'
    fi
    printf '\0'
}

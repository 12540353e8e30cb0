# cutover-image DISK BYTES IMAGE: writes the first BYTES of DISK into the file IMAGE, reads both back and compares them. Prints
# `made` or `kept`, the checksum, which goes into IMAGE.sha256, too, and IMAGE. Until it is proven, the file is IMAGE.partial, so
# an IMAGE that is there is whole: it is kept if it equals the disk, and is never overwritten (exit code 3).
set -eu
export LC_ALL=C
umask 077
disk=$1
bytes=$2
image=$3
# What DRBD writes goes past the kernel's cache of the disk beneath it.
blockdev --flushbufs "$disk" 2>/dev/null || :
if [ -e "$image" ]; then
    if ! cmp -s -n "$bytes" -- "$disk" "$image" || [ "$(stat -c %s -- "$image")" != "$bytes" ]; then
        echo "$image: is there, and is not what is on $disk now: move it away" >&2
        exit 3
    fi
    sum=$(sha256sum <"$image")
    echo "kept ${sum%% *} $image"
    exit 0
fi
mkdir -p -- "$(dirname -- "$image")"
trap 'rm -f -- "$image.partial"' EXIT
trap 'exit 1' HUP INT TERM
dd if="$disk" of="$image.partial" bs=1M count="$bytes" iflag=count_bytes,fullblock conv=sparse,fsync status=none
# Both are read from the disks they are on, not from memory.
dd if="$image.partial" iflag=nocache count=0 2>/dev/null || :
blockdev --flushbufs "$disk" 2>/dev/null || :
cmp -n "$bytes" -- "$disk" "$image.partial" >&2
if [ "$(stat -c %s -- "$image.partial")" != "$bytes" ]; then
    echo "$disk: has less than $bytes bytes" >&2
    exit 1
fi
sum=$(sha256sum <"$image.partial")
echo "${sum%% *}  $(basename -- "$image")" >"$image.sha256"
mv -f -T -- "$image.partial" "$image"
sync
echo "made ${sum%% *} $image"

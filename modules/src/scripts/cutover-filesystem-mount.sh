# cutover-filesystem-mount TYPE: takes an image of a file system from standard input, as tar packs it, checks it, mounts it read-only,
# then for writing as after a failover, and removes it. Prints `check`, `mount` and `write`, each with `ok`, `failed` or
# `missing`; and lines that begin with a dash, what the program and the kernel say of a failure.
set -eu
export LC_ALL=C
type=$1
work=$(mktemp -d "${TMPDIR:-/tmp}/cutover-filesystem.XXXXXXXX")
device=
finish() {
    ! mountpoint -q "$work/at" || umount "$work/at" || umount -l "$work/at"
    [ -z "$device" ] || losetup -d "$device"
    rm -rf --one-file-system -- "$work"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM
tar -C "$work" -x -z -f -
mkdir "$work/at"
# tell NAME COMMAND...
tell() {
    name=$1
    shift
    if words=$("$@" 2>&1 </dev/null); then
        echo "$name ok"
        return 0
    fi
    echo "$name failed"
    printf '%s\n' "$words" | head -n 10 | sed 's/^/- /'
    dmesg 2>/dev/null | grep -F "(${device#/dev/})" | grep -v -E '[)]: (mounted filesystem|re-mounted|unmounting|Mounting|Unmounting|Ending)' | tail -n 3 | sed 's/^\[[^]]*\] */- /' || :
    return 1
}
device=$(losetup -f --show "$work/image")
case $type in
xfs) check='xfs_repair -n' ;;
*) check='e2fsck -f -n' ;;
esac
if command -v "${check%% *}" >/dev/null 2>&1; then
    tell check $check "$device" || :
else
    echo 'check missing'
fi
if tell mount mount -t "$type" -o ro "$device" "$work/at"; then
    tell write mount -o remount,rw "$work/at" || :
fi

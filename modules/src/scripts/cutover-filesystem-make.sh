# cutover-filesystem-make TYPE OPTION...: makes a file system in an image of 640 MiB, next to nothing of which is stored, writes the
# image to standard output, as tar packs it, and removes it. From 512 MiB on mkfs chooses as for a disk.
set -eu
export LC_ALL=C
type=$1
shift
work=$(mktemp -d "${TMPDIR:-/tmp}/cutover-filesystem.XXXXXXXX")
trap 'rm -rf -- "$work"' EXIT
trap 'exit 1' HUP INT TERM
truncate -s 640M "$work/image"
# The image is not a device, which mkfs would ask about.
case $type in
ext4) set -- -F "$@" ;;
esac
"mkfs.$type" -q "$@" "$work/image" >&2
tar -C "$work" -c -z -f - --sparse image

# cutover-look PATH [NAME...]: says what is at PATH, on which device, how much it takes and how much is free there, its
# generation, what in it a copy does not carry, and which processes have something in it open. NAMEs directly in it do not count. Reads only.
set -eu
export LC_ALL=C
path=$1
shift
for name do
    shift
    set -- "$@" ! -name "$name"
done
near=$path
while [ ! -e "$near" ]; do
    near=$(dirname -- "$near")
done
if [ -L "$path" ]; then
    kind=link
elif [ -d "$path" ]; then
    kind=directory
elif [ -e "$path" ]; then
    kind=other
else
    kind=absent
fi
printf 'kind=%s\n' "$kind"
printf 'device=%s\n' "$(findmnt -n -o SOURCE -T "$near" | tail -n 1)"
# An ext4 file system in which the kernel has found something wrong says so until it is checked.
kernel=$(readlink -f -- "$(findmnt -n -o SOURCE -T "$near" | tail -n 1 | sed 's/\[.*//')") || kernel=
if [ -n "$kernel" ] && [ -r "/sys/fs/ext4/${kernel##*/}/errors_count" ]; then
    printf 'errors=%s\n' "$(cat "/sys/fs/ext4/${kernel##*/}/errors_count")"
fi
printf 'free=%s\n' "$(df -B1 --output=avail -- "$near" | tail -n 1 | tr -d ' ')"
# Where inodes are made as they are needed (btrfs), there are none to count.
df --output=itotal,iavail -- "$near" | awk 'END { print "free_inodes=" ($1 + 0 > 0 ? $2 : "") }'
[ "$kind" = directory ] || exit 0
printf 'entries=%s\n' "$(find "$path" -mindepth 1 -maxdepth 1 ! -name .cutover-copy "$@" -printf x | wc -c)"
printf 'allocated=%s\n' "$(du -sxB1 -- "$path" | cut -f 1)"
printf 'inodes=%s\n' "$(du -sx --inodes -- "$path" | cut -f 1)"
# Another one as soon as anything in it is written, even if size and time of content are set back: the kernel counts changes (%C).
printf 'generation=%s\n' "$(
    cd -- "$path" && find . -xdev -printf '%P %y %m %U %G %s %T@ %C@ %i\0' | sort -z | sha256sum | cut -c 1-64
)"
if [ -L "$path/.cutover-copy" ]; then
    printf 'unfinished=%s\n' "$(readlink -- "$path/.cutover-copy")"
fi
(cd -- "$path" && left_out) | sed 's/^/odd=/'
# By device and inode, not by name: a container's processes know the same files under other names.
{
    find "$path" -xdev -printf 'tree %D:%i\n'
    find -L /proc/[0-9]*/cwd -maxdepth 0 -printf 'open %D:%i %p\n' 2>/dev/null || :
    find -L /proc/[0-9]*/fd -mindepth 1 -maxdepth 1 -printf 'open %D:%i %p\n' 2>/dev/null || :
} | awk '
    $1 == "tree" { tree[$2] = 1; next }
    $2 in tree { split($3, part, "/"); if (!seen[part[3]]++) print part[3] }
' | while read -r pid; do
    printf 'holder=%s %s\n' "$pid" "$(cat "/proc/$pid/comm" 2>/dev/null || echo gone)"
done

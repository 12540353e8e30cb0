# Lists what uses a directory: $1. If it is a mount point, what uses the file system mounted there; otherwise what uses the
# tree beneath it. A line for each use: process id, command, how (open, cwd, root, exe, mount), path; separated by tabs.
# Reads /proc only. Containers are found by their mount tables, so a pod counts even if no file of it is open.
LC_ALL=C
export LC_ALL
path=$1
device=$(stat -c %d -- "$path") || exit 1
major=$(((device >> 8) & 4095))
minor=$(((device & 255) | ((device >> 12) & 1048320)))
target=$(findmnt -n -o TARGET -T "$path") || exit 1
inside=$(findmnt -n -o FSROOT -T "$path") || exit 1
if [ "$target" = "$path" ]; then
    whole=yes
else
    whole=no
    inside=${inside%/}${path#"${target%/}"}
fi
say() {
    printf '%s\t%s\t%s\t%s\n' "$1" "$(cat "/proc/$1/comm" 2>/dev/null)" "$2" "$3"
}
# Open files and directories, by the device they are on.
{
    find -L /proc/[0-9]*/fd -mindepth 1 -maxdepth 1 -printf '%D %p\n'
    find -L /proc/[0-9]*/cwd /proc/[0-9]*/root /proc/[0-9]*/exe -maxdepth 0 -printf '%D %p\n'
} 2>/dev/null | while read -r on link; do
    [ "$on" = "$device" ] || continue
    process=${link#/proc/}
    how=${process#*/}
    process=${process%%/*}
    case $how in fd/*) how=open ;; esac
    file=$(readlink "$link") || continue
    if [ "$whole" = yes ]; then
        say "$process" "$how" "$file"
    else
        case $file in "$path" | "$path"/*) say "$process" "$how" "$file" ;; esac
    fi
done
# Mount tables of other mount namespaces. A copy of our own mount that follows us when we unmount is no use.
host=$(readlink /proc/self/ns/mnt)
seen=
for process in /proc/[0-9]*; do
    space=$(readlink "$process/ns/mnt" 2>/dev/null) || continue
    case " $host $seen " in *" $space "*) continue ;; esac
    seen="$seen $space"
    at=$(awk -v device="$major:$minor" -v inside="$inside" -v path="$path" '
        $3 == device && (inside == "/" || $4 == inside || index($4, inside "/") == 1) {
            follows = 0
            for (field = 7; field <= NF && $field != "-"; field++) if ($field ~ /^(shared|master):/) follows = 1
            if ($5 == path && follows) next
            print $5
            exit
        }' "$process/mountinfo" 2>/dev/null)
    [ -n "$at" ] && say "${process#/proc/}" mount "$at"
done
exit 0

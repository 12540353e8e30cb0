# Lists what uses a directory: $1. If it is a mount point, what uses the file system mounted there; otherwise what uses the
# tree beneath it. A line for each use: process id, command, how (open, cwd, root, exe, mount), path; separated by tabs.
# Reads /proc only, and starts no program for each process or file: there may be many. Containers are found by their mount
# tables, so a pod counts even if no file of it is open.
LC_ALL=C
export LC_ALL
path=$1
device=$(stat -c %d -- "$path") || exit 1
target=$(findmnt -n -o TARGET -T "$path") || exit 1
inside=$(findmnt -n -o FSROOT -T "$path") || exit 1
if [ "$target" = "$path" ]; then
    whole=yes
else
    whole=
    inside=${inside%/}${path#"${target%/}"}
fi
{
    # The devices that open files and directories are on, where they are, and who has which mount table.
    find -L /proc/[0-9]*/fd -mindepth 1 -maxdepth 1 -printf 'device\t%p\t%D\n'
    find -L /proc/[0-9]*/cwd /proc/[0-9]*/root /proc/[0-9]*/exe -maxdepth 0 -printf 'device\t%p\t%D\n'
    find /proc/[0-9]*/fd -mindepth 1 -maxdepth 1 -printf 'link\t%p\t%l\n'
    find /proc/[0-9]*/cwd /proc/[0-9]*/root /proc/[0-9]*/exe -maxdepth 0 -printf 'link\t%p\t%l\n'
    find /proc/[0-9]*/ns/mnt -maxdepth 0 -printf 'table\t%p\t%l\n'
} 2>/dev/null |
    path=$path inside=$inside device=$device whole=$whole own=$(readlink /proc/self/ns/mnt) awk -F '\t' '
    BEGIN {
        path = ENVIRON["path"]; device = ENVIRON["device"]; whole = ENVIRON["whole"]
        seen[ENVIRON["own"]] = 1
        # As the kernel numbers it, and writes it in mount tables.
        minor = device % 256 + int(device / 1048576) * 256
        number = int(device / 256) % 4096 ":" minor
        inside = coded(ENVIRON["inside"]); point = coded(path)
    }
    function coded(name,    at, letter, all) {
        for (at = 1; at <= length(name); at++) {
            letter = substr(name, at, 1)
            if (letter == "\\") letter = "\\134"
            else if (letter == " ") letter = "\\040"
            else if (letter == "\t") letter = "\\011"
            else if (letter == "\n") letter = "\\012"
            all = all letter
        }
        return all
    }
    function say(process, how, what,    command, file) {
        file = "/proc/" process "/comm"
        getline command < file
        close(file)
        printf "%s\t%s\t%s\t%s\n", process, command, how, what
    }
    # Where a mount table has it. A copy of our own mount that follows us when we unmount is no use.
    function mounted(file,    line, field, count, at, follows, found) {
        while (found == "" && (getline line < file) > 0) {
            count = split(line, field, " ")
            if (field[3] != number) continue
            if (inside != "/" && field[4] != inside && index(field[4], inside "/") != 1) continue
            follows = 0
            for (at = 7; at <= count && field[at] != "-"; at++) if (field[at] ~ /^(shared|master):/) follows = 1
            if (field[5] != point || !follows) found = field[5]
        }
        close(file)
        return found
    }
    $1 == "device" && $3 == device { on[$2] = 1 }
    $1 == "link" && ($2 in on) && (whole || $3 == path || index($3, path "/") == 1) {
        split($2, part, "/")
        say(part[3], part[4] == "fd" ? "open" : part[4], $3)
    }
    $1 == "table" && $3 != "" && !($3 in seen) {
        seen[$3] = 1
        split($2, part, "/")
        where = mounted("/proc/" part[3] "/mountinfo")
        if (where != "") say(part[3], "mount", where)
    }'

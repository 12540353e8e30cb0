# cutover-trial-pick ROOT [NAME...]: picks a few entries of the tree at ROOT that stand for all: of each type, owner, mode and set
# of extended attributes the smallest, the oldest and the newest, the longest name, the largest file with holes, two names of one
# file, and the directories above them. NAMEs directly in it are left out. Prints, base64-encoded, one a line: how many
# kinds there are, how many of them have nothing small enough, the bytes to be read, and the paths, parents first. Reads only.
set -eu
export LC_ALL=C
cd -- "$1"
shift
for name do
    shift
    set -- "$@" -path "./$name" -prune -o
done
{
    if command -v getfattr >/dev/null 2>&1; then
        find . -xdev "$@" -print0 | xargs -0 -r getfattr -h -m - -- 2>/dev/null | awk '
            function flush() { if (names != "") print "A", names, path; names = "" }
            /^# file: / { flush(); path = substr($0, 9); next }
            $0 != "" && $0 != "security.selinux" { names = names $0 "," }
            END { flush() }
        ' || :
    fi
    find . -xdev "$@" -printf 'E %y %m %U:%G %n %i %b %s %T@ ./%P\0' | tr '\n\0' '\001\n'
} | awk '
    # In 512 bytes: the largest file that is read, and all of them together.
    BEGIN { one = 131072; all = 1048576 }
    $1 == "A" {
        names = $2
        path = substr($0, length($2) + 4)
        sub(/^[.]\//, "", path)
        has[path == "." ? "" : path] = names
        next
    }
    {
        type = $2; mode = $3; owner = $4; links = $5; inode = $6; blocks = type == "f" ? $7 : 0; size = $8; time = $9
        path = $0
        for (field = 0; field < 9; field++) path = substr(path, index(path, " ") + 1)
        path = substr(path, 3)
        if (type == "d") inherits[path] = mode ~ /^[2367]...$/
        if (path ~ /\001/ || type !~ /^[fdlp]$/) next
        above = path
        if (!sub(/\/[^\/]*$/, "", above)) above = ""
        kind = type " " mode " " owner " " has[path] " " inherits[above]
        if (!(kind in kinds)) { kinds[kind] = 1; order[++count] = kind }
        if (blocks > one) next
        taken[path] = blocks
        # Of two that are equal the first by name, so that it is the same one every time.
        if (!(kind in best) || before(blocks, taken[best[kind]], path, best[kind])) best[kind] = path
        if (!some || before(time + 0, first, path, oldest)) { first = time + 0; oldest = path }
        if (!some || before(-time, -last, path, newest)) { last = time + 0; newest = path }
        name = path
        sub(/.*\//, "", name)
        if (!some || before(-length(name), -longest, path, long)) { longest = length(name); long = path }
        some = 1
        if (type == "f" && blocks * 512 < size && size > holes) { holes = size; sparse = path }
        if (type != "d" && links > 1 && pair == "") {
            if (inode in other) pair = path
            else other[inode] = path
            if (pair != "") mate = other[inode]
        }
    }
    function before(one, other, path, than) {
        return one < other || one == other && (path "") < (than "")
    }
    function emit(path,    above, key, at) {
        if (path in done) return
        done[path] = 1
        if (path != "") {
            above = path
            if (!sub(/\/[^\/]*$/, "", above)) above = ""
            emit(above)
        }
        # In their order everything in a directory stands together: tar sets its time when it comes to something else.
        key = path
        gsub(/\//, "\001", key)
        for (at = ++listed; at > 1 && keys[at - 1] > key; at--) {
            keys[at] = keys[at - 1]
            list[at] = list[at - 1]
        }
        keys[at] = key
        list[at] = path == "" ? "." : "./" path
    }
    function pick(path) {
        if (path in done || total + taken[path] > all || listed > 200) return
        total += taken[path]
        emit(path)
    }
    END {
        emit("")
        for (number = 1; number <= count; number++) {
            kind = order[number]
            if (kind in best) pick(best[kind])
            if (!(kind in best) || !(best[kind] in done)) untried++
        }
        pick(oldest); pick(newest); pick(long); pick(sparse); pick(mate)
        if (mate in done) pick(pair)
        printf "%d %d %.0f\n", count, untried, total * 512
        for (number = 1; number <= listed; number++) print list[number]
    }
' | base64 -w 0

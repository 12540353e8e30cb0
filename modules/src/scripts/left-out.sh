# left_out: lists what is in the tree at the working directory and is not carried by a copy, as lines `TYPE PATH`: `m` for a
# mount point, `x` for a directory on another device that is not mounted (a subvolume of btrfs), or find's letter for a
# socket or device, or `u` for what cannot be read. A line feed in a name is shown as `?`. Reads only.
left_out() {
    find . -xdev -printf '%D %y %P\0' | tr '\n\0' '?\n' | awk '
        NR == 1 { own = $1; next }
        $2 == "d" ? $1 != own : $2 ~ /^[sbc]$/ {
            kind = $2 == "d" ? "x" : $2
            sub(/^[^ ]* [^ ]* /, "")
            print kind, $0
        }
    '
    # Root reads everything, unless a file system of another kind, or another host, does not let it.
    find . -xdev ! -type l ! -type s \( ! -readable -o -type d ! -executable \) -printf 'u %P\0' 2>/dev/null | tr '\n\0' '?\n'
    # The mount table escapes as octal numbers what would disturb; so is the path that is looked for.
    here=$(pwd -P | sed 's/\\/\\134/g; s/ /\\040/g; s/\t/\\011/g')
    HERE=${here%/}/ awk '
        index($5, ENVIRON["HERE"]) == 1 { print "m " substr($5, length(ENVIRON["HERE"]) + 1) }
    ' /proc/self/mountinfo
}

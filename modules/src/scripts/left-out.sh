# left_out: lists what is in the tree at the working directory and is not carried by a copy, as lines `TYPE PATH`: `m` for a
# mount point, `x` for a directory on another device that is not mounted (a subvolume of btrfs), or find's letter for a
# socket or device, `u` for what cannot be read, `n` for a path that is too long to be opened by its name, `a FLAGS` for the flags of
# chattr, `!` if they cannot be read. A line feed in a name is shown as `?`. Reads only.
left_out() {
    find . -xdev -printf '%D %y %P\0' | tr '\n\0' '?\n' | awk '
        NR == 1 { own = $1; next }
        {
            kind = $2 == "d" ? "x" : $2
            odd = $2 == "d" ? $1 != own : $2 ~ /^[sbc]$/
            sub(/^[^ ]* [^ ]* /, "")
            if (odd) print kind, $0
            if (length($0) > 4090) print "n", $0
        }
    '
    # Root reads everything, unless a file system of another kind, or another host, does not let it.
    find . -xdev ! -type l ! -type s \( ! -readable -o -type d ! -executable \) -printf 'u %P\0' 2>/dev/null | tr '\n\0' '?\n'
    # Where a file system has no flags, lsattr fails and prints nothing. Those that say how something is stored do not matter.
    if command -v lsattr >/dev/null 2>&1; then
        find . -xdev \( -type f -o -type d \) -print0 | xargs -0 -r lsattr -d -- 2>/dev/null | awk '
            $1 ~ /^[-A-Za-z]+$/ && length($1) > 9 && $1 ~ /[iajSDEFPV]/ {
                flags = $1
                gsub(/[^iajSDEFPV]/, "", flags)
                sub(/^[^ ]* *(\.\/)?/, "")
                print "a", flags, $0
            }
        ' || :
    else
        echo '! lsattr'
    fi
    # The mount table escapes as octal numbers what would disturb; so is the path that is looked for.
    here=$(pwd -P | sed 's/\\/\\134/g; s/ /\\040/g; s/\t/\\011/g')
    HERE=${here%/}/ awk '
        index($5, ENVIRON["HERE"]) == 1 { print "m " substr($5, length(ENVIRON["HERE"]) + 1) }
    ' /proc/self/mountinfo
}

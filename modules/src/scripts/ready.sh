# ready DIRECTORY: makes it, and takes from it what a directory inherits from the one above and hands on to all that is made in
# it: its group and default ACLs. A copy is to have what the source has.
ready() {
    mkdir -p -- "$1"
    chmod g-s -- "$1"
    if command -v setfacl >/dev/null 2>&1; then
        setfacl -b -k -- "$1" 2>/dev/null || :
    fi
}

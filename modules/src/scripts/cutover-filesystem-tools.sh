# cutover-filesystem-tools TYPE: prints the versions of the kernel and of the tools of a type of file system, empty where a tool is
# missing. Reads only.
export LC_ALL=C
version() {
    printf '%s=' "$1"
    if command -v "$2" >/dev/null 2>&1; then "$2" -V 2>&1 | head -n 1; else echo; fi
}
printf 'kernel=%s\n' "$(uname -r)"
version mkfs "mkfs.$1"
case $1 in
xfs) version fsck xfs_repair ;;
*) version fsck e2fsck ;;
esac

# cutover-copy SOURCE DESTINATION [NAME...]: copies what is in SOURCE into DESTINATION on one host, with all attributes,
# and sets the attributes of DESTINATION to those of SOURCE. NAMEs directly in SOURCE are left out. With tar as between hosts, so
# that a trial of it says what both will do.
set -eu
export LC_ALL=C
source=$1
destination=$2
shift 2
for name do
    shift
    set -- "$@" "--exclude=./$name"
done
# The reader's exit code comes back through file descriptor 3.
read=$(
    {
        {
            tar -C "$source" -c -f - --format=posix --numeric-owner --acls --xattrs '--xattrs-include=*' --sparse \
                --one-file-system --anchored --no-wildcards "$@" . && echo 0 >&3 || echo "$?" >&3
        } | tar -C "$destination" -x -f - --numeric-owner --same-owner -p --acls --xattrs '--xattrs-include=*' >&2
    } 3>&1
)
exit "$read"

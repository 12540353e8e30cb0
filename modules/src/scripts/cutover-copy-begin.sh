# cutover-copy-begin DESTINATION SOURCE [NAME...]: makes DESTINATION ready for a copy of SOURCE: an empty directory with
# the marker `.cutover-copy`, a symbolic link that says what is being copied. What an unfinished copy of the same SOURCE
# left is removed; anything else is refused (exit code 3). NAMEs directly in it stay.
set -eu
export LC_ALL=C
destination=$1
source=$2
shift 2
for name do
    shift
    set -- "$@" ! -name "$name"
done
marker=$destination/.cutover-copy
ready "$destination"
# An assignment, so that a failing find ends the script instead of looking like an empty directory.
there=$(find "$destination" -mindepth 1 -maxdepth 1 "$@" -printf x)
if [ -L "$marker" ]; then
    if [ "$(readlink -- "$marker")" != "$source" ]; then
        echo "$destination: holds an unfinished copy of $(readlink -- "$marker")" >&2
        exit 3
    fi
elif [ -n "$there" ]; then
    echo "$destination: not empty" >&2
    exit 3
else
    ln -s -- "$source" "$marker"
fi
find "$destination" -mindepth 1 -maxdepth 1 ! -name .cutover-copy "$@" -exec rm -rf --one-file-system -- {} +

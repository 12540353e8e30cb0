# cutover-trial-receive DIRECTORY NAME: unpacks what tar packed from standard input into a new directory NAME, in DIRECTORY or
# the nearest one above that exists, writes a manifest of it, and removes it. What a trial that was killed has left under this
# name is removed, too.
set -eu
export LC_ALL=C
near=$1
while [ ! -e "$near" ]; do
    near=$(dirname -- "$near")
done
scratch=$near/$2
time=$(find "$near" -maxdepth 0 -printf '%T@')
remove() {
    rm -rf --one-file-system -- "$scratch"
    touch -d "@$time" -- "$near"
}
remove
trap remove EXIT
trap 'exit 1' HUP INT TERM
ready "$scratch"
tar -C "$scratch" -x -f - --numeric-owner --same-owner -p --acls --xattrs '--xattrs-include=*' >&2
manifest "$scratch"

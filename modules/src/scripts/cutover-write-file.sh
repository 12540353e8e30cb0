# cutover-write-file PATH MODE OWNER: replaces PATH with standard input in one step: a reader sees the old content or the
# new, never half of it. An empty MODE or OWNER keeps what the old file has; a new one is root's, 0644.
set -eu
export LC_ALL=C
umask 077
new=$(mktemp -- "$(dirname -- "$1")/.cutover.XXXXXXXX")
trap 'rm -f -- "$new"' EXIT
cat >"$new"
if [ -e "$1" ]; then
    chown --reference="$1" -- "$new"
    chmod --reference="$1" -- "$new"
else
    chmod 0644 -- "$new"
fi
# The owner first: changing it clears setuid and setgid.
[ -z "$3" ] || chown -- "$3" "$new"
[ -z "$2" ] || chmod -- "$2" "$new"
sync -- "$new" 2>/dev/null || sync
mv -f -T -- "$new" "$1"

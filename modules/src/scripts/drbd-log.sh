# Tells what the kernel has logged of the connection of a DRBD resource, $1: in this boot and, as far as the journal goes back,
# in earlier ones. First the node's own clock and the time of the oldest entry, then the lines, oldest first; of very many
# the last. Reads only. The grep of journalctl itself is not everywhere: it needs PCRE.
LC_ALL=C
export LC_ALL
command -v journalctl >/dev/null || {
    echo 'journalctl: not found' >&2
    exit 127
}
journal() {
    journalctl --no-pager -o short-unix _TRANSPORT=kernel
}
printf 'now %s\n' "$(date +%s)"
printf 'begins %s\n' "$(journal | grep -m 1 '^[0-9]' | cut -d ' ' -f 1)"
journal 2>/dev/null | grep -F " drbd $1" | grep -F 'conn( ' | tail -n 2000
exit 0

# Says whether TCP ports of an address answer: $1 is the address, the rest are ports. A line for each: the port and `open`,
# `refused` (the host answers, nothing listens) or `unreachable`. Sends nothing but the handshake.
LC_ALL=C
export LC_ALL
address=$1
shift
for port in "$@"; do
    output=$(timeout 3 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$address" "$port" 2>&1)
    case $?:$output in
    0:*) word=open ;;
    *'Connection refused'*) word=refused ;;
    127:*) printf 'bash is not installed\n' >&2; exit 127 ;;
    *) word=unreachable ;;
    esac
    printf '%s %s\n' "$port" "$word"
done

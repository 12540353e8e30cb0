# Measures what a TCP connection between two hosts carries. One side runs `receive PORT SECONDS MINIMUM` and ends with 1 if
# less than MINIMUM bytes per second arrive; the other runs `send ADDRESS PORT SECONDS`. Zeros are sent, nothing is written.
# Python because it is on the hosts; the program runs on 2.7 and on 3.
for python in python3 python python2 /usr/libexec/platform-python; do
    command -v "$python" >/dev/null 2>&1 && break
    python=
done
[ -n "$python" ] || { echo "no python on this host" >&2; exit 127; }
exec "$python" -c '
import socket, sys, time
verb = sys.argv[1]
if verb == "receive":
    port, seconds, minimum = int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind(("", port))
    except socket.error as error:
        sys.exit("cannot listen on port %d: %s" % (port, error))
    server.listen(1)
    server.settimeout(20)
    try:
        link = server.accept()[0]
    except socket.timeout:
        sys.exit("nobody connected to port %d within 20 s" % port)
    link.settimeout(seconds + 10)
    total, began = 0, time.time()
    try:
        while True:
            part = link.recv(1 << 18)
            if not part:
                break
            total += len(part)
    except (socket.timeout, socket.error) as error:
        sys.exit("the connection broke after %d bytes: %s" % (total, error))
    took = max(time.time() - began, 0.001)
    # What the sender says comes through the pipe, after the data: whoever does not read it makes the sender fail.
    sys.stdin.read()
    rate = int(total / took)
    print("received %d bytes in %.3f s: %d bytes/s" % (total, took, rate))
    if rate < minimum:
        sys.exit("%d bytes/s is less than the minimum of %d bytes/s" % (rate, minimum))
elif verb == "send":
    address, port, seconds = sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    began = time.time()
    while True:
        try:
            link = socket.create_connection((address, port), 5)
            break
        except (socket.timeout, socket.error) as error:
            if time.time() - began > 15:
                sys.exit("cannot connect to %s port %d: %s" % (address, port, error))
            time.sleep(0.2)
    link.settimeout(seconds + 10)
    block, total, began = b"\0" * (1 << 18), 0, time.time()
    try:
        while time.time() - began < seconds:
            link.sendall(block)
            total += len(block)
    except (socket.timeout, socket.error) as error:
        sys.exit("the connection broke after %d bytes: %s" % (total, error))
    link.close()
    print("sent %d bytes in %.3f s" % (total, time.time() - began))
else:
    sys.exit("wrong arguments")
' "$@"

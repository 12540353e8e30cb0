"""Process 1 of the lab and of each of its hosts: starts the services of /etc/lab/services.json and starts them again
when they end, but for those that run once. No init system: it stops nothing, has no targets and no units. Without that file it only reaps.

It says `ready` when its namespaces are made, and begins when a line comes on its standard input: by then the host has
its network.
"""

import json
import os
import sys
import time
from pathlib import Path

SERVICES = Path("/etc/lab/services.json")
RESTART_AFTER = 1.0


def start(service: dict) -> int:
    """Starts a service with its output in /var/log."""
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    log = os.open(f"/var/log/{service['name']}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        os.execvpe(service["argv"][0], service["argv"], os.environ | service.get("env", {}))
    except OSError as error:
        print(f"{service['argv'][0]}: {error}", file=sys.stderr, flush=True)
        os._exit(127)


def main() -> None:
    is_host = len(sys.argv) > 1 and sys.argv[1] == "host"
    print("ready", flush=True)
    if not sys.stdin.readline():
        sys.exit("whoever brought this up is gone, and has not recorded it")
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    services = json.loads(SERVICES.read_text()) if is_host and SERVICES.exists() else []
    running = {start(service): service for service in services}
    due: list[tuple[float, dict]] = []
    while True:
        while due and due[0][0] <= time.monotonic():
            service = due.pop(0)[1]
            running[start(service)] = service
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG if due else 0)
        except ChildProcessError:
            pid = 0
        if pid in running:
            service = running.pop(pid)
            if not service.get("once"):
                due.append((time.monotonic() + RESTART_AFTER, service))
        elif not pid:
            time.sleep(0.2)


if __name__ == "__main__":
    main()

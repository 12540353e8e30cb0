"""A witness: asks both ends of each pair for their role, all the time, by connections of its own. Not the program that
is tested: its finding must not depend on that one's eyes."""

import subprocess
import threading
import time

from . import inventory, network

# One line for each look; ends with the connection, or when the witness goes.
LOOK = "while sleep %s; do echo $(drbdsetup role etcd%d 2>/dev/null || echo none); done"


def watch(lab, interval):
    """Prints a line whenever a role changes; ends with 3 at the first moment two ends are Primary, never by itself else."""
    network.enter(lab.namespace)
    roles, seen = {}, threading.Condition()

    def follow(machine, pair):
        while True:
            argv = inventory.ssh(lab, machine) + [LOOK % (interval, pair)]
            with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as ssh:
                for line in ssh.stdout:
                    with seen:
                        roles[pair, machine.site] = (line.strip(), time.monotonic())
                        seen.notify()
            with seen:
                roles[pair, machine.site] = ("unreachable", time.monotonic())
                seen.notify()
            time.sleep(interval)

    for pair in range(lab.pairs):
        for machines in lab.sites().values():
            threading.Thread(target=follow, args=(machines[pair], pair), daemon=True).start()
    shown, began = {}, time.monotonic()
    while True:
        with seen:
            seen.wait()
            now = {key: role for key, (role, _) in roles.items()}
        for key, role in now.items():
            if shown.get(key) != role:
                print(f"{time.monotonic() - began:8.2f} etcd{key[0]} {key[1]} {role}", flush=True)
        shown = now
        for pair in range(lab.pairs):
            ends = [now.get((pair, site), "") for site in lab.sites()]
            if all(end.startswith("Primary") for end in ends):
                print(f"{time.monotonic() - began:8.2f} etcd{pair} TWO PRIMARIES", flush=True)
                return 3

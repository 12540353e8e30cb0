"""A witness: has both kernels of each pair tell every change of a role, by connections of its own. Not the program that
is tested: its finding must not depend on that one's eyes."""

import subprocess
import threading
import time

from . import inventory, network

# For how long two ends may seem Primary: the word of the one's demotion may come later than that of the other's promotion.
TOLERANCE = 2.0
LOOK = 0.1


class End:
    """One end as the witness knows it. A machine without power has no role, whatever it reported last."""

    def __init__(self, lab, machine, resource):
        self.lab, self.machine, self.resource = lab, machine, resource
        self.reported = "unknown"
        threading.Thread(target=self.follow, daemon=True).start()

    def follow(self):
        """Reads `events2` for ever; again, when the machine is back."""
        while True:
            argv = inventory.ssh(self.lab, self.machine, shared=False) + ["drbdsetup", "events2", self.resource]
            pipe = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
            with subprocess.Popen(argv, text=True, **pipe) as events:
                for line in events.stdout:
                    words = line.split()
                    if words[:2] == ["exists", "-"] and self.reported == "unknown":
                        self.reported = "down"
                    if words[1:2] != ["resource"] or f"name:{self.resource}" not in words:
                        continue
                    if words[0] == "destroy":
                        self.reported = "down"
                    for word in words:
                        if word.startswith("role:"):
                            self.reported = word.removeprefix("role:")
            self.reported = "unknown"
            time.sleep(0.5)

    @property
    def role(self):
        """Its role now."""
        return "off" if self.machine.pid() is None else self.reported


def watch(lab):
    """Prints a line for each change of a role; ends with 3 when two ends of a pair are Primary, and never by itself else."""
    network.enter(lab.namespace)
    ends = {}
    for pair in range(lab.pairs):
        for site, machines in lab.sites().items():
            ends[f"etcd{pair}", site] = End(lab, machines[pair], f"etcd{pair}")
    began, shown, both = time.monotonic(), {}, {}
    while True:
        now = time.monotonic()
        roles = {key: end.role for key, end in ends.items()}
        for (resource, site), role in roles.items():
            if shown.get((resource, site)) != role:
                print(f"{now - began:8.2f} {resource} {site} {role}", flush=True)
        shown = roles
        for resource in {resource for resource, _ in roles}:
            if all(role == "Primary" for (name, _), role in roles.items() if name == resource):
                since = both.setdefault(resource, now)
                if now - since > TOLERANCE:
                    print(f"{now - began:8.2f} {resource} TWO PRIMARIES", flush=True)
                    return 3
            else:
                both.pop(resource, None)
        time.sleep(LOOK)

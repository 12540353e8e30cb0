"""The lab as a whole: a directory with machines, one network, one inventory. What runs is asked of the kernel, not
remembered: so a lab that was interrupted anywhere can be taken down."""

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import time

from . import Problem, image, inventory, network, run
from .machine import SITES, SOCKET, Machine, is_machine, kill


class Lab:
    """The lab in a directory."""

    def __init__(self, directory=None):
        given = directory or os.environ.get("CUTOVER_DRBD_LAB")
        self.directory = pathlib.Path(given).absolute() if given else image.cache() / "drbd-lab"
        self.namespace = "cutover-drbd-" + hashlib.sha256(str(self.directory).encode()).hexdigest()[:8]
        self.inventory = self.directory / "inventory.yml"

    @property
    def facts(self):
        """The options of `up`."""
        try:
            return json.loads((self.directory / "lab.json").read_text())
        except FileNotFoundError:
            raise Problem("the lab is not up: run `tests/lab/run drbd up` first") from None

    @property
    def pairs(self):
        """How many pairs it has."""
        return self.facts["pairs"]

    def running(self):
        """Itself, if it is up."""
        if not self.inventory.exists() or not network.exists(self.namespace):
            raise Problem("the lab is not up: run `tests/lab/run drbd up` first")
        return self

    def sites(self):
        """The machines by site."""
        return {site: [Machine(self.directory, site, n + 1) for n in range(self.pairs)] for site in SITES}

    def machines(self):
        """All machines."""
        return [machine for machines in self.sites().values() for machine in machines]

    def machine(self, site, node):
        """One machine by its names."""
        for machine in self.machines():
            if (machine.site, machine.node) == (site, node):
                return machine
        raise Problem(f"no machine is {site}/{node}: there are {', '.join(machine.name for machine in self.machines())}")

    @contextlib.contextmanager
    def alone(self):
        """One command at a time changes the lab."""
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        with open(self.directory.with_name(self.directory.name + ".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def up(self, pairs, memory):
        """Builds, clears what was left, starts all machines and waits for their SSH servers. An interrupt takes all down."""
        if not 1 <= pairs <= 9:
            raise Problem("1 to 9 pairs")
        built = image.build()
        with self.alone():
            self.clear()
            self.directory.mkdir(mode=0o700)
            facts = {"pairs": pairs, "memory": memory, "image": str(built)}
            (self.directory / "lab.json").write_text(json.dumps(facts))
            try:
                for key in ("id_ed25519", "host_key"):
                    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "cutover-lab", "-f", self.directory / key)
                network.create(self.namespace)
                machines = self.machines()
                for machine in machines:
                    machine.create(built, self.directory / "host_key", self.directory / "id_ed25519.pub")
                    for bridge, tap in machine.taps.items():
                        network.plug(tap, bridge)
                    machine.power_on(built, memory)
                for machine in machines:
                    machine.wait_for_first_boot(lambda: machine.power_on(built, memory), 300 + 60 * pairs)
                inventory.write(self)
            except BaseException:
                self.clear()
                raise

    def down(self):
        """Ends it."""
        with self.alone():
            self.clear()
        self.directory.with_name(self.directory.name + ".lock").unlink(missing_ok=True)

    def clear(self):
        """Ends this lab's machines, removes its network and its directory, whatever of it there is."""
        if network.exists(self.namespace):
            for connection in self.directory.glob(f"*/*/{SOCKET}"):
                inventory.hang_up(connection)
            for pid in network.pids(self.namespace):
                if is_machine(pid, self.directory):
                    kill(pid)
            network.remove(self.namespace)
        if self.directory.exists():
            if not (self.directory / "lab.json").exists() and any(self.directory.iterdir()):
                raise Problem(f"{self.directory} is not a directory of a lab, and is left alone")
            shutil.rmtree(self.directory)

    def status(self):
        """A line for each machine."""
        self.running()
        network.enter(self.namespace)
        lines = []
        for machine in self.machines():
            words = f"{machine.name}  {machine.address}  replication {machine.replication}"
            pid = machine.pid()
            if pid is None:
                lines.append(f"{words}  off")
                continue
            rss = next(line for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
            words += f"  pid {pid}  {int(rss.split()[1]) // 1024} MiB"
            words += "  ssh" if machine.answers() else "  no ssh"
            words += "  CUT" if network.is_cut(machine.taps["replication"]) else ""
            lines.append(words)
        return "\n".join(lines)

    def kill(self, site, node):
        """Power off without a warning."""
        self.running()
        machine = self.machine(site, node)
        machine.power_off()
        inventory.hang_up(machine.connection)

    def start(self, site, node, wait=True):
        """Power on."""
        self.running()
        with self.alone():
            network.enter(self.namespace)
            machine = self.machine(site, node)
            machine.power_on(pathlib.Path(self.facts["image"]), self.facts["memory"])
        if wait:
            machine.wait()

    def reboot(self, site, node, hard=False):
        """Reboots, and waits until it is another boot that takes SSH."""
        self.running()
        network.enter(self.namespace)
        machine = self.machine(site, node)
        before = self.boot_id(machine)
        if hard:
            machine.reset()
        else:
            subprocess.run(inventory.ssh(self, machine) + ["systemctl", "reboot"], capture_output=True)
        inventory.hang_up(machine.connection)
        limit = time.monotonic() + 300
        while (now := self.boot_id(machine)) in (None, before):
            if time.monotonic() > limit:
                raise Problem(f"{machine.name} is not back after 300 s (boot {now}): look at {machine.directory}/console.log")
            time.sleep(0.5)

    def boot_id(self, machine):
        """Which boot it is in; None if it does not answer."""
        asked = subprocess.run(
            inventory.ssh(self, machine, shared=False) + ["cat", "/proc/sys/kernel/random/boot_id"],
            capture_output=True,
            text=True,
        )
        return asked.stdout.strip() or None

    def cut(self, site, node):
        """Cuts one machine off the replication network."""
        self.running()
        network.enter(self.namespace)
        network.cut(self.machine(site, node).taps["replication"])

    def heal(self):
        """Brings the replication network together again."""
        self.running()
        network.enter(self.namespace)
        for machine in self.machines():
            network.heal(machine.taps["replication"], "replication")

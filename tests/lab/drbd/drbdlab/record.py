"""Plays the commands of a record on a fresh pair and writes what the real tools printed, for the fixtures of parsers and of
the sandbox. The order of machines and power cuts is that of the record of DRBD 9 (sandbox/tests-data)."""

import pathlib
import subprocess
import time

from . import Problem, inventory, network

HEAD = """# What DRBD {kernel} (kernel module) with drbd-utils {tools} says. Two machines, both with hostname worker01, 172.16.1.1 and 172.16.2.1,
# resource etcd0 as in the runbook (128 MB disk /dev/vdb). '$' = command, [rc=N] = exit code. Output is verbatim.
"""
RESOURCE = """resource etcd0 {{
    net {{
        protocol C;
        allow-two-primaries no;
    }}
    on worker01 {{
        device /dev/drbd0;
        disk /dev/vdb;
        address {own}:7790;
        meta-disk internal;
    }}
    on remote_{peer} {{
        device /dev/drbd0;
        disk /dev/vdb;
        address {peer}:7790;
        meta-disk internal;
    }}
}}
"""


def scenes(path):
    """The headings of a record, each with its commands."""
    found = []
    for line in pathlib.Path(path).read_text().splitlines():
        if line.startswith("##### "):
            found.append((line, []))
        elif line.startswith("$ "):
            found[-1][1].append(line.removeprefix("$ "))
    return found


class Recorder:
    """Two fresh machines and the text so far."""

    def __init__(self, lab):
        self.lab = lab
        self.sides = {site: machines[0] for site, machines in lab.sites().items()}

    def ssh(self, site, script, **options):
        """Runs a script on a side."""
        argv = inventory.ssh(self.lab, self.sides[site]) + [script]
        return subprocess.run(argv, stdin=subprocess.DEVNULL, text=True, capture_output=True, **options)

    def play(self, site, commands):
        """Records commands."""
        for command in commands:
            # One stream, as on a terminal.
            done = self.ssh(site, f"exec 2>&1; {command}")
            print(f"$ {command}\n{done.stdout}[rc={done.returncode}]", flush=True)

    def quiet(self, site, script):
        """Prepares something that the record does not tell."""
        done = self.ssh(site, script)
        if done.returncode != 0:
            raise Problem(f"{site}: {script}: {done.stdout}{done.stderr}")
        return done.stdout

    def settle(self, site):
        """Waits until no resync runs."""
        limit = time.monotonic() + 300
        while "replication:Established peer-disk:UpToDate" not in self.ssh(site, "drbdsetup events2 --now etcd0").stdout:
            if time.monotonic() > limit:
                raise Problem("the resync does not end")
            time.sleep(1)

    def power(self, site, on, service):
        """Takes the power from a side or switches it on again. `service`: its DRBD comes up at boot."""
        machine = self.sides[site]
        if not on:
            verb = "enable" if service else "disable"
            self.quiet(site, f"systemctl -q {verb} drbd.service && sync")
            self.lab.kill(machine.site, machine.node)
        else:
            self.lab.start(machine.site, machine.node)


def record(lab, path):
    """Plays all scenes."""
    network.enter(lab.namespace)
    scene = [commands for _, commands in scenes(path)]
    headings = [heading for heading, _ in scenes(path)]
    it = Recorder(lab)
    p, s = "primary", "standby"
    for site, other in ((p, s), (s, p)):
        text = RESOURCE.format(own=it.sides[site].replication, peer=it.sides[other].replication)
        it.quiet(site, f"echo 'ssh 22/tcp' > /etc/services; cat > /etc/drbd.d/cke_etcd0.res <<'END'\n{text}END")
    version = dict(line.split("=", 1) for line in it.quiet(p, "drbdadm --version").splitlines())
    code = int(version["DRBD_KERNEL_VERSION_CODE"], 16)
    kernel = f"{code >> 16}.{code >> 8 & 255}.{code & 255}"
    print(HEAD.format(kernel=kernel, tools=version["DRBDADM_VERSION"]), end="")

    def heading(number):
        print(headings[number], flush=True)

    for number, site in enumerate((p, s, p, s)):
        heading(number)
        it.play(site, scene[number])
        if number >= 2:
            it.settle(site)
    it.power(p, False, False)
    heading(4)
    it.play(s, scene[4])
    it.power(s, False, True)
    it.power(p, True, False)
    heading(5)
    it.play(p, scene[5])
    it.power(p, False, True)
    it.power(p, True, True)
    it.power(s, True, True)
    time.sleep(20)
    heading(6)
    it.play(s, scene[6][:5])
    it.play(p, scene[6][5:])
    heading(7)
    it.play(p, scene[7][:3])
    it.play(s, scene[7][3:6])
    it.settle(p)
    it.play(p, scene[7][6:])

"""One virtual machine: its names and addresses, its disks, its process. Not how it is reached: that is SSH's."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

from . import Problem, cpio, run
from .image import SSH_PORT

SITES = {"primary": 1, "standby": 2}
SPARE_MIB = 128
SOCKET = "ssh"
# `la57`: four levels of page tables are walked faster than five. `cache=unsafe`: a flush of the machine's writes to this host's
# page cache, which survives `kill -9`, and does not wait for this host's disk.
QEMU = "-machine q35 -cpu max,la57=off -nodefaults -display none -no-user-config".split()
# `norandmaps`: what is translated for one process serves the next one too. `nokaslr`: the kernel does not move itself at boot.
# `highres`: Go's programs sleep 20 µs fifty times whenever they have nothing left to do, and each of these ends in a switch of
# processes; a sleep takes 4 ms now, at least.
KERNEL = "console=ttyS0 quiet net.ifnames=0 mitigations=off norandmaps nokaslr highres=off audit=0 apparmor=0 panic=1 systemd.show_status=0"


class Machine:
    """A machine of the lab in `directory`."""

    def __init__(self, directory, site, number):
        self.site, self.number = site, number
        self.node = f"worker{number:02}"
        self.name = f"{site}/{self.node}"
        self.address = f"10.16.{SITES[site]}.{number}"
        self.replication = f"172.16.{SITES[site]}.{number}"
        self.serial = f"{site}-{self.node}"
        self.directory = pathlib.Path(directory) / site / self.node
        self.taps = {bridge: f"{bridge[0]}{SITES[site]}{number}" for bridge in ("control", "replication")}

    @property
    def disk(self):
        """The spare disk, as it is called inside."""
        return f"/dev/disk/by-id/virtio-{self.serial}"

    @property
    def connection(self):
        """The socket of the shared SSH connection to it."""
        return self.directory / SOCKET

    def create(self, image, host_key, authorized_key, more=None, spare_mib=SPARE_MIB):
        """Makes its disks and its seed: what makes it another machine than its neighbour. `more` files, by path: (mode, text)."""
        self.directory.mkdir(parents=True, exist_ok=True)
        run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", image / "root.img", self.directory / "root.qcow2")
        with open(self.directory / "spare.img", "wb") as disk:
            disk.truncate(spare_mib << 20)
        machine_id = f"{SITES[self.site]:016x}{self.number:016x}"
        files = {
            "etc/hostname": (0o644, self.node),
            "etc/machine-id": (0o444, machine_id),
            "etc/hosts": (0o644, f"127.0.0.1 localhost\n127.0.1.1 {self.node}"),
            "etc/ssh/ssh_host_ed25519_key": (0o600, host_key.read_text().strip()),
            "root/.ssh/authorized_keys": (0o600, authorized_key.read_text().strip()),
            **(more or {}),
        }
        entries = {"seed": None}
        for path, (mode, text) in files.items():
            parts = path.split("/")[:-1]
            for depth in range(len(parts)):
                entries["/".join(["seed", *parts[: depth + 1]])] = None
            entries[f"seed/{path}"] = (mode, f"{text}\n".encode())
        entries["addresses"] = (0o644, self.addresses().encode())
        common = (image / "initramfs").read_bytes()
        # Linux looks for the next archive at a multiple of four.
        (self.directory / "initramfs").write_bytes(common + bytes(-len(common) % 4) + cpio.archive(entries))

    def addresses(self):
        """The addresses that its initramfs sets on its network cards."""
        return f"eth0={self.address}/16\neth1={self.replication}/16\n"

    def power_on(self, image, memory, kernel="", disks=()):
        """Starts its process, inside the network of this one. `kernel`: more words for it; `disks`: files of more disks, read-only."""
        if self.pid() is not None:
            return
        # The translation cache takes a gigabyte by default; one too small for what runs is emptied again and again.
        accel = f"tcg,thread=multi,tb-size={memory * 2 // 3}"
        argv = ["qemu-system-x86_64", *QEMU, "-accel", accel, "-name", self.name, "-m", str(memory)]
        argv += ["-kernel", image / "vmlinuz", "-initrd", self.directory / "initramfs", "-append", f"{KERNEL} {kernel}".strip()]
        # In this order they are vda and vdb.
        for name, form, serial in (("root.qcow2", "qcow2", "root"), ("spare.img", "raw", self.serial)):
            argv += ["-drive", f"file={self.directory}/{name},if=none,id={serial},format={form},cache=unsafe"]
            argv += ["-device", f"virtio-blk-pci,drive={serial},serial={serial}"]
        for number, file in enumerate(disks):
            argv += ["-drive", f"file={file},if=none,id=more{number},format=raw,readonly=on"]
            argv += ["-device", f"virtio-blk-pci,drive=more{number},serial=more{number}"]
        for place, tap in enumerate(self.taps.values()):
            mac = f"52:54:00:{SITES[self.site]:02x}:{self.number:02x}:{place:02x}"
            argv += ["-netdev", f"tap,id={tap},ifname={tap},script=no,downscript=no"]
            argv += ["-device", f"virtio-net-pci,netdev={tap},mac={mac}"]
        argv += ["-device", "virtio-rng-pci", "-serial", f"file:{self.directory}/console.log"]
        argv += ["-qmp", f"unix:{self.directory}/qmp,server=on,wait=off", "-pidfile", self.directory / "pid"]
        with open(self.directory / "qemu.log", "ab") as log:
            subprocess.Popen(
                [str(word) for word in argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=lambda: os.nice(5),
            )

    def pid(self):
        """Its process, if it runs. A number that another process has got meanwhile does not count."""
        try:
            pid = int((self.directory / "pid").read_text())
        except (FileNotFoundError, ValueError):
            return None
        return pid if is_machine(pid, self.directory) else None

    def power_off(self):
        """`kill -9`, and the end of it."""
        pid = self.pid()
        if pid is None:
            return
        kill(pid)
        (self.directory / "pid").unlink(missing_ok=True)

    def reset(self):
        """The reset button."""
        self.monitor("system_reset")

    def monitor(self, command, **arguments):
        """Has its monitor execute a command; returns what it answers."""
        with socket.socket(socket.AF_UNIX) as qmp:
            qmp.settimeout(10)
            qmp.connect(str(self.directory / "qmp"))
            stream = qmp.makefile("rw")
            stream.readline()
            for words in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                stream.write(json.dumps(words) + "\n")
                stream.flush()
                answer = {}
                # Events come in between.
                while not answer.keys() & {"return", "error"}:
                    answer = json.loads(stream.readline())
            return answer.get("return")

    def answers(self):
        """Whether its SSH server greets. Only from inside the network."""
        try:
            with socket.create_connection((self.address, SSH_PORT), timeout=1) as stream:
                stream.settimeout(5)
                return stream.recv(4) == b"SSH-"
        except OSError:
            return False

    def wait(self, seconds=300):
        """Waits until its SSH server greets."""
        limit = time.monotonic() + seconds
        while not self.answers():
            if self.pid() is None and time.monotonic() > limit - seconds + 3:
                words = (self.directory / "qemu.log").read_text().strip().splitlines()[-3:]
                raise Problem(f"{self.name} has ended: {'; '.join(words) or 'without a word'}")
            if time.monotonic() > limit:
                raise Silent(f"{self.name} takes no SSH after {seconds} s: {self.symptoms()}")
            time.sleep(0.2)

    def wait_for_first_boot(self, power_on, seconds=300):
        """Waits until its SSH server greets for the first time. A machine that stays silent loses its power once and `power_on`
        starts it again: an emulated processor hangs in some boots of many. Later on that would hide what is on its disks."""
        try:
            self.wait(seconds)
        except Silent as silent:
            print(f"{silent}. Its power is cut once, and it boots again", flush=True)
            self.power_off()
            power_on()
            self.wait(seconds)

    def symptoms(self):
        """Where its processor is, three times, and the end of its console."""
        seen = []
        for _ in range(3):
            try:
                registers = self.monitor("human-monitor-command", **{"command-line": "info registers"})
            except (OSError, ValueError) as error:
                registers = f"its monitor: {error}"
            seen.append(" ".join(re.findall(r"(?:RIP|HLT)=\w+", registers)) or registers)
            time.sleep(0.5)
        console = (self.directory / "console.log").read_text(errors="replace").split("\n")
        last = " | ".join(line.strip() for line in console[-6:] if line.strip())
        return f"processor at {', '.join(seen)}; console: {last or 'empty'}"


class Silent(Problem):
    """A machine that runs and takes no SSH."""


def is_machine(pid, directory):
    """Whether a process is a machine whose files are below a directory."""
    try:
        argv = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return argv[0] == "qemu-system-x86_64" and any(word.startswith(f"file:{directory}/") for word in argv)


def kill(pid):
    """Ends one process at once and waits until it is gone."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    limit = time.monotonic() + 10
    while time.monotonic() < limit:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass
        try:
            state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
            threads = len(os.listdir(f"/proc/{pid}/task"))
        except (FileNotFoundError, ProcessLookupError):
            return
        # Its first thread may be gone while another still holds its files.
        if state == "Z" and threads <= 1:
            return
        time.sleep(0.02)
    raise Problem(f"process {pid} does not end")

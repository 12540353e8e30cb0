"""Hosts: namespaces of their own for network, mounts, hostname and processes, on a root directory of their own.

The root directory has the machine's /usr, read-only; /etc is a copy of what programs need of it, and all else is the
host's own. So whatever is done on a host over SSH stays there.
"""

import json
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

from . import machines
from .process import is_dead, kill, recall, remember, run
from .settings import CACHE, HOSTS, KUBERNETES, LAB, SITES, Host

#: What of /etc is copied.
ETC = """alternatives bash.bashrc debian_version drbd.conf drbd.d e2scrub.conf environment group host.conf ld.so.cache
ld.so.conf ld.so.conf.d localtime login.defs mke2fs.conf netconfig nsswitch.conf os-release passwd profile protocols rpc
services shells""".split()


def disk_file(host: Host) -> Path:
    """The file behind a host's spare disk."""
    return host.directory / "sdc.img"


def attach_disk(host: Host, megabytes: int) -> None:
    """Makes the loop device that will be the host's /dev/sdc. It outlives the host, so it is not a part of booting."""
    host.directory.mkdir(parents=True, exist_ok=True)
    with disk_file(host).open("wb") as file:
        file.truncate(megabytes << 20)
    (host.directory / "loop").write_text(run("losetup", "--find", "--show", disk_file(host)))


def make_root(host: Host, services: list[dict], files: dict[str, str]) -> None:
    """Makes the root directory: skeleton, a copy of parts of /etc, and the files given, by path."""
    for path in (
        "dev proc sys run tmp usr root opt/lab opt/kubernetes opt/images data/vmdata/hpvolumes etc/lab etc/drbd.d etc/systemd/system "
        "var/lib/kubelet var/lib/containerd var/lib/cni var/lib/drbd var/log var/tmp var/spool mnt srv"
    ).split():
        (host.root / path).mkdir(parents=True, exist_ok=True)
    for path in ("sbin", "bin", "lib"):
        (host.directory / "local" / path).mkdir(parents=True, exist_ok=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (host.root / name).symlink_to(f"usr/{name}")
    (host.root / "var/run").symlink_to("/run")
    for name in (Path("/etc") / name for name in ETC):
        if name.is_dir() and not name.is_symlink():
            shutil.copytree(
                name,
                host.root / "etc" / name.name,
                symlinks=True,
                dirs_exist_ok=True,
                ignore=shutil.ignore_patterns("*.res"),
            )
        elif name.exists():
            shutil.copy2(name, host.root / "etc" / name.name, follow_symlinks=False)
    (host.root / "root").chmod(0o700)
    known = "".join(f"{other.address} {other.name}\n" for other in host.site.hosts)
    files = {
        "etc/hostname": host.name + "\n",
        "etc/hosts": f"127.0.0.1 localhost\n{known}",
        "etc/resolv.conf": "",
        # No password; `!` would lock the account for keys, too.
        "etc/shadow": "root:*:19000:0:99999:7:::\n",
        "etc/machine-id": uuid.uuid4().hex + "\n",
        "etc/lab/services.json": json.dumps(services, indent=1),
        **files,
    }
    for path, text in files.items():
        file = host.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_text(text)
        file.chmod(0o600 if any(word in path for word in ("key", "token", "shadow")) else 0o644)


def make_networks() -> None:
    """Makes one bridge for each site; the lab's own namespace is the router between them."""
    lines = ["link set lo up"]
    for site in SITES:
        lines += [
            f"link add {site.name} type bridge",
            f"addr add {site.gateway}/24 dev {site.name}",
            f"link set {site.name} up",
        ]
        lines += [f"route add {host.pods} via {host.address}" for host in site.workers]
    run("ip", "-batch", "-", stdin="\n".join(lines) + "\n")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1\n")


def boot(*several: Host, first_boot: bool = False) -> None:
    """Starts hosts together. Runs inside the lab's namespaces."""
    for host in several:
        if host.is_machine:
            machines.power_on(host)
    for host, parent in [(host, launch(host)) for host in several if not host.is_machine]:
        if parent.stdout.readline() != "ready\n":
            sys.exit(f"{host.id} does not boot: {(host.directory / 'boot.log').read_text()}")
        pid = int(Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text())
        remember(pid, host.directory / "pid")
        connect(host, pid)
        parent.stdin.write("go\n")
        parent.stdin.flush()
    for host in several:
        if host.is_machine:
            machines.wait(host, first_boot)


def launch(host: Host) -> subprocess.Popen:
    """Starts a host's process 1 in new namespaces; it says when it is ready for a network."""
    disk = host.directory / "loop"
    command = [
        "unshare",
        "--net",
        "--mount",
        "--uts",
        "--ipc",
        "--pid",
        "--fork",
        "--kill-child",
        LAB / "scripts" / "boot-host.sh",
        host.directory,
        host.name,
        LAB,
        CACHE / f"kubernetes-{KUBERNETES}",
        *([disk.read_text().strip()] if disk.exists() else []),
    ]
    with (host.directory / "boot.log").open("w") as log:
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
        )


def connect(host: Host, pid: int) -> None:
    """Attaches a host's network card."""
    card = f"{host.site.name[0]}-{host.name}"
    run("ip", "link", "add", card, "type", "veth", "peer", "name", "eth0", "netns", pid)
    run("ip", "link", "set", card, "master", host.site.name, "up")
    lines = [
        "link set lo up",
        f"addr add {host.address}/24 dev eth0",
        "link set eth0 up",
        f"route add default via {host.site.gateway}",
    ]
    lines += [f"route add {other.pods} via {other.address}" for other in host.site.workers if other != host]
    run("nsenter", "--target", pid, "--net", "ip", "-batch", "-", stdin="\n".join(lines) + "\n")


def power_off(host: Host) -> None:
    """Ends a host as a power cut does. Runs inside the lab's namespaces."""
    if host.is_machine:
        return machines.power_off(host)
    if pid := recall(host.directory / "pid"):
        kill(pid)


def is_up(host: Host) -> bool:
    """Whether a host runs. Runs inside the lab's namespaces."""
    if host.is_machine:
        return machines.is_up(host)
    pid = recall(host.directory / "pid")
    return pid is not None and not is_dead(pid)


def on(host: Host, *argv: object, **more: object) -> str:
    """Runs a program on a host. Runs inside the lab's namespaces."""
    if host.is_machine:
        return machines.on(host, *argv, **more)
    pid = recall(host.directory / "pid")
    if pid is None:
        sys.exit(f"{host.id} is not up")
    return run("nsenter", "--target", pid, "--all", *argv, **more)


def find(name: str) -> Host:
    """The host with a name such as `primary/worker01`."""
    for host in HOSTS:
        if host.id == name:
            return host
    sys.exit(f"no host `{name}`; there are: {', '.join(host.id for host in HOSTS)}")

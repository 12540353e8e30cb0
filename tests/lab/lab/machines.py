"""Workers that are virtual machines: what is on their disks and in their seed, their power, and how they are reached.

They are those of the DRBD lab, with systemd, a kernel of their own and its DRBD. Their processes are below the lab's own,
so that they end with it. A card on the site's bridge carries everything, as on the manual's machines.
"""

import shlex
import shutil
import sys

from . import certificates, machine_image
from .process import run
from .settings import CACHE, DISK_MB, KUBERNETES, LAB, MACHINE_MB, SSH_PORT, STATE, Host

from drbdlab import Problem  # noqa: E402  (machine_image says where it is)
from drbdlab.machine import Machine  # noqa: E402

#: A disk that all machines have as /opt, read-only: kubelet, the images of the pods, the lab's own programs.
OPT = STATE / "opt.img"
#: kubelet 1.20 as the lab configures it wants control groups of version 1.
KERNEL = "systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=1"
#: Services that Debian's own units start.
DEBIANS = ("sshd", "containerd")

OPT_MOUNT = """\
[Unit]
Description=Programs of the lab
[Mount]
What=/dev/vdc
Where=/opt
Type=ext4
Options=ro
"""
NETWORK = """\
[Unit]
Description=Routes of the lab
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/sbin/ip -batch /etc/lab/routes
ExecStart=/sbin/sysctl -q net.ipv4.ip_forward=1
"""
SERVICE = """\
[Unit]
Description={name} of the lab
Wants=lab-network.service
After=lab-network.service containerd.service
RequiresMountsFor=/opt
StartLimitIntervalSec=0
[Service]
{environment}ExecStart={argv}
Restart=always
RestartSec=1
KillMode=process
OOMScoreAdjust=-500
"""


class Worker(Machine):
    """A machine of the DRBD lab with one card, on its site's bridge."""

    def __init__(self, host: Host):
        super().__init__(STATE / "hosts", host.site.name, host.number)
        self.host = host
        self.address = self.replication = host.address
        self.taps = {host.site.name: f"{host.site.name[0]}-{host.name}"}

    def addresses(self) -> str:
        """The address that its initramfs sets on its card."""
        return f"eth0={self.address}/24\n"


def make_opt() -> None:
    """Makes the disk for /opt."""
    tree = STATE / "opt"
    shutil.copytree(LAB, tree / "lab", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(STATE / "images", tree / "images")
    (tree / "kubernetes").mkdir()
    shutil.copy2(CACHE / f"kubernetes-{KUBERNETES}" / "kubelet", tree / "kubernetes")
    size = sum(file.stat().st_size for file in tree.rglob("*") if file.is_file())
    with OPT.open("wb") as disk:
        disk.truncate(size * 5 // 4 + (32 << 20))
    run("mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", "-d", tree, OPT)
    shutil.rmtree(tree)


def make(host: Host, services: list[dict], files: dict[str, str]) -> None:
    """Makes a machine's disks and its seed."""
    own = [service for service in services if service["name"] not in DEBIANS]
    units = "etc/systemd/system"
    routes = [f"route replace default via {host.site.gateway}"]
    routes += [f"route replace {other.pods} via {other.address}" for other in host.site.workers if other != host]
    known = "".join(f"{other.address} {other.name}\n" for other in host.site.hosts if other != host)
    files = {
        "etc/hosts": f"127.0.0.1 localhost\n{host.address} {host.name}\n{known}",
        "etc/resolv.conf": "",
        "etc/lab/routes": "\n".join(routes),
        # The second disk, by the name that it has on the manual's machines.
        "etc/udev/rules.d/90-lab.rules": 'SUBSYSTEM=="block", KERNEL=="vdb", SYMLINK+="sdc"',
        f"{units}/opt.mount": OPT_MOUNT,
        f"{units}/lab-network.service": NETWORK,
        f"{units}/multi-user.target.d/lab.conf": "[Unit]\nWants=" + " ".join(f"{one['name']}.service" for one in own),
        **{f"{units}/{service['name']}.service": unit(service) for service in own},
        **files,
    }
    private = ("key", "token", "kubeconfig")
    more = {path: (0o600 if any(word in path for word in private) else 0o644, text) for path, text in files.items()}
    public = certificates.SSH_KEY.with_suffix(".pub")
    Worker(host).create(machine_image.path(), certificates.host_key(host), public, more, DISK_MB)


def unit(service: dict) -> str:
    """A unit for a service."""
    environment = "".join(f"Environment={name}={value}\n" for name, value in service.get("env", {}).items())
    return SERVICE.format(name=service["name"], environment=environment, argv=shlex.join(service["argv"]))


def power_on(host: Host) -> None:
    """Starts a machine. Runs inside the lab's namespaces."""
    worker = Worker(host)
    for bridge, tap in worker.taps.items():
        if not run("ip", "-o", "link", "show", "dev", tap, accept=(0, 1)):
            run("ip", "tuntap", "add", "dev", tap, "mode", "tap")
        run("ip", "link", "set", tap, "master", bridge, "up")
    worker.power_on(machine_image.path(), MACHINE_MB, KERNEL, [OPT])


def wait(host: Host, first_boot: bool) -> None:
    """Waits until a machine takes SSH."""
    worker = Worker(host)
    try:
        if first_boot:
            worker.wait_for_first_boot(lambda: power_on(host))
        else:
            worker.wait(600)
    except Problem as problem:
        sys.exit(str(problem))


def power_off(host: Host) -> None:
    """Ends a machine as a power cut does."""
    Worker(host).power_off()


def is_up(host: Host) -> bool:
    """Whether a machine runs."""
    return Worker(host).pid() is not None


def on(host: Host, *argv: object, **more: object) -> str:
    """Runs a program on a machine."""
    options = ("BatchMode=yes", "ConnectTimeout=10", "LogLevel=ERROR", "ServerAliveInterval=5", "IdentitiesOnly=yes")
    words = [word for option in options for word in ("-o", option)]
    words += ["-o", f"UserKnownHostsFile={certificates.KNOWN_HOSTS}", "-i", certificates.SSH_KEY, "-p", SSH_PORT]
    return run("ssh", "-F", "none", *words, f"root@{host.address}", shlex.join(map(str, argv)), **more)

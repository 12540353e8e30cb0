"""Brings everything up: first from outside (tools, disks, the lab's process), then inside its namespaces."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

from . import certificates, clean, control_plane, hosts, images, inside, inventory, machine_image, machines, nodes, objects, ssh, stand_in, tools, workload
from .api import Api
from .process import remember, say, wait_for
from .settings import DISK_MB, HOSTS, LAB, LAB_ON_HOST, MACHINES, NAME, PATIENCE, SITES, STATE, Host


def up(argv: list[str]) -> None:
    """What `tests/lab/run up` does."""
    if argv not in ([], ["hosts"]):
        sys.exit("give nothing, or `hosts` for the clusters without the service")
    if inside.MARK not in os.environ:
        check()
        clean.lock()
        clean.down()
        tools.get()
        if MACHINES:
            say("the image of the machines (some minutes, once for a machine)")
            machine_image.build()
        prepare()
        start()
    inside.again(lambda: build(argv), "up", *argv)


def check() -> None:
    """Refuses a machine on which it cannot work."""
    if os.getuid() != 0:
        sys.exit("the lab needs root: it makes namespaces, mounts and loop devices")
    if "bookworm" not in Path("/etc/os-release").read_text():
        sys.exit("the lab is made for Debian 12 (bookworm): it builds Kubernetes from that release's source package")
    if not Path("/sys/fs/cgroup/memory/cgroup.procs").exists():
        sys.exit("the lab needs control groups of version 1 (kernel: systemd.unified_cgroup_hierarchy=0)")
    if stand_in.is_wanted() or MACHINES:
        stand_in.find()


def prepare() -> None:
    """Makes keys, images, disks and the hosts' root directories."""
    say("prepare keys, images, disks and hosts")
    STATE.mkdir(mode=0o700)
    certificates.make()
    images.make()
    for site in SITES:
        site.kubeconfig.write_text(control_plane.kubeconfig(site))
        site.kubeconfig.chmod(0o600)
    inventory.make()
    if MACHINES:
        machines.make_opt()
    for host in HOSTS:
        if host.is_machine:
            machines.make(host, services(host), files(host))
            continue
        if host.has_disk:
            hosts.attach_disk(host, DISK_MB)
        hosts.make_root(host, services(host), files(host))
    stand_in.make()


def services(host: Host) -> list[dict]:
    """All that runs on a host."""
    if host.is_worker:
        return ssh.services() + stand_in.services() + nodes.services(host) + own("provisioner")
    return ssh.services() + control_plane.services(host) + own("dns", "cke")


def own(*modules: str) -> list[dict]:
    """Programs of the lab itself."""
    return [
        {
            "name": module,
            "argv": ["/usr/bin/python3", "-B", "-m", f"lab.{module}"],
            "env": {"PYTHONPATH": str(LAB_ON_HOST)},
        }
        for module in modules
    ]


def files(host: Host) -> dict[str, str]:
    """All that is written below a host's root."""
    if host.is_machine:
        return control_plane.credentials(host.site) | nodes.files(host)
    if host.is_worker:
        return ssh.files(host) | control_plane.credentials(host.site) | nodes.files(host)
    return ssh.files(host) | control_plane.files(host)


def start() -> None:
    """Starts the lab's process: process 1 of the namespaces that all hosts are in."""
    script = (
        '"$1/scripts/join-cgroup.sh" "$2" && exec unshare --net --mount --ipc --pid --fork --kill-child --mount-proc '
        '/usr/bin/python3 -B "$1/lab/init.py"'
    )
    with (STATE / "lab.log").open("w") as log:
        parent = subprocess.Popen(
            ["bash", "-c", script, "bash", LAB, NAME],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    if parent.stdout.readline() != "ready\n":
        sys.exit(f"the lab's process does not start: {(STATE / 'lab.log').read_text()}")
    remember(int(Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text()), clean.LAB_PID)
    parent.stdin.write("go\n")
    parent.stdin.flush()


def build(argv: list[str]) -> None:
    """Boots the hosts and waits for the clusters. Runs inside."""
    say("boot the hosts")
    hosts.make_networks()
    hosts.boot(*HOSTS, first_boot=True)
    stand_in.start()
    apis = {site: Api.of(site.master.root / "etc/kubernetes") for site in SITES}
    for site, api in apis.items():
        wait_for(f"the API server of {site.name} is ready", api.is_ready, 180 * PATIENCE)
        objects.make(api)
    say("the API servers are ready")
    for site, api in apis.items():
        wait_for(f"the kinds of {site.name} are served", partial(objects.make_nodes, api, site), 30 * PATIENCE)
        wait_for(f"the nodes of {site.name} are ready", partial(objects.nodes_are_ready, api, site), 180 * PATIENCE)
    say("all nodes are ready")
    if "hosts" not in argv:
        workload.install(SITES[0], apis[SITES[0]])
        say("the service is ready")
        workload.fill(apis[SITES[0]])

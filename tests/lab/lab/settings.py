"""What the lab is made of: names, addresses, sizes, paths. What has a variable in the environment can be chosen."""

import os
from dataclasses import dataclass
from pathlib import Path

#: Whether the workers are virtual machines with real DRBD, and not namespaces with the stand-in.
MACHINES = os.environ.get("LAB_MACHINES") == "yes"
#: The lab's name: of its state, control groups and lock. Labs with other names do not know of each other.
NAME = os.environ.get("LAB_NAME") or ("cutover-machines" if MACHINES else "cutover-lab")
#: Workers on each site. worker01..03 have a spare disk; the service begins on the last three.
WORKERS = int(os.environ.get("LAB_WORKERS", "3" if MACHINES else "6"))
#: Replicas of the service, and workers with a spare disk: 1 to 3.
REPLICAS = int(os.environ.get("LAB_REPLICAS", "3"))
#: The spare disk, /dev/sdc. A member of etcd takes 130 MB before it has any data: two segments of its log.
DISK_MB = int(os.environ.get("LAB_DISK_MB", "320"))
#: How many times longer things may take than on workers that are namespaces: the processors of machines are emulated.
PATIENCE = 4 if MACHINES else 1
#: Memory of a worker that is a virtual machine.
MACHINE_MB = int(os.environ.get("LAB_MACHINE_MB", "768"))
#: Data that is written into the service.
DATA_MB = int(os.environ.get("LAB_DATA_MB", "8" if MACHINES else "40"))
#: Values of the release that differ from the chart's.
VALUES = {"readinessProbe": {"periodSeconds": 10, "timeoutSeconds": 10}} if MACHINES else {}
if REPLICAS != 3:
    VALUES["replicas"] = REPLICAS
#: Major version of the helm that is in the PATH of `tests/lab/run enter`: 4 or 3.
HELM = os.environ.get("LAB_HELM", "4")

#: Everything the lab keeps while it is up. `down` removes it.
STATE = Path("/var/lib") / NAME
#: What takes long to get, once for a machine.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cutover-lab"
#: This directory's parent: tests/lab.
LAB = Path(__file__).resolve().parent.parent
#: Where a host sees tests/lab, the programs in the cache, and what is its own of the state.
LAB_ON_HOST = Path("/opt/lab")
KUBERNETES_ON_HOST = Path("/opt/kubernetes")

KUBERNETES = "1.20.2"
SSH_PORT = 6233
API_PORT = 6443
DNS_DOMAIN = "cluster.local"
PROVISIONER = "kubevirt.io/hostpath-provisioner"
VOLUMES = "/data/vmdata/hpvolumes"

NAMESPACE = "common"
RELEASE = "common-etcd"
STATEFULSET = "common-etcd-etcd"


@dataclass(frozen=True)
class Host:
    """A machine of a site: a worker, or the one with the control plane."""

    site: "Site"
    name: str
    number: int

    @property
    def id(self) -> str:
        """Its name in the lab: `primary/worker01`."""
        return f"{self.site.name}/{self.name}"

    @property
    def address(self) -> str:
        """Its address: 172.16.1.N on the first site."""
        return f"172.16.{self.site.number}.{self.number}"

    @property
    def pods(self) -> str:
        """The network of its pods."""
        return f"10.{self.site.number}.{self.number}.0/24"

    @property
    def is_worker(self) -> bool:
        """Whether pods run on it."""
        return self.name != "master"

    @property
    def is_machine(self) -> bool:
        """Whether it is a virtual machine."""
        return MACHINES and self.is_worker

    @property
    def has_disk(self) -> bool:
        """Whether it has a spare disk."""
        return self.is_worker and self.number <= REPLICAS

    @property
    def directory(self) -> Path:
        """Where the lab keeps it."""
        return STATE / "hosts" / self.site.name / self.name

    @property
    def root(self) -> Path:
        """Its root directory, as seen from outside."""
        return self.directory / "root"


@dataclass(frozen=True)
class Site:
    """A cluster with its hosts."""

    name: str
    number: int

    @property
    def gateway(self) -> str:
        """The address of the lab's router on the site's network."""
        return f"172.16.{self.number}.254"

    @property
    def services(self) -> str:
        """The network of its cluster addresses. Nothing listens there: names resolve to the pods themselves."""
        return f"10.10{self.number}.0.0/24"

    @property
    def master(self) -> Host:
        """The host with the control plane."""
        return Host(self, "master", 100)

    @property
    def workers(self) -> list[Host]:
        """The hosts that pods run on."""
        return [Host(self, f"worker{number:02}", number) for number in range(1, WORKERS + 1)]

    @property
    def hosts(self) -> list[Host]:
        """All of them."""
        return [self.master, *self.workers]

    @property
    def kubeconfig(self) -> Path:
        """Credentials of the cluster's administrator."""
        return STATE / f"{self.name}.kubeconfig"


SITES = [Site("primary", 1), Site("standby", 2)]
HOSTS = [host for site in SITES for host in site.hosts]

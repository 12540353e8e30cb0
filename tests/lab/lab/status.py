"""Shows what there is. Runs inside the lab's namespaces."""

from pathlib import Path

from .api import Api
from .hosts import is_up
from .objects import is_ready
from .settings import SITES, Site


def show() -> None:
    """Prints hosts, nodes, pods and memory."""
    for site in SITES:
        down = [host.name for host in site.hosts if not is_up(host)]
        print(f"{site.name}: {len(site.hosts) - len(down)} hosts up{', down: ' + ', '.join(down) if down else ''}")
        if site.master.name in down:
            continue
        for line in [*nodes(site), *pods(site)]:
            print(f"  {line}")
    print(f"memory: {memory() >> 20} MB in {len(processes())} processes")


def api(site: Site) -> Api:
    """The site's API server."""
    return Api.of(site.master.root / "etc/kubernetes")


def nodes(site: Site) -> list[str]:
    """A line for each node."""
    return [
        f"node {item['metadata']['name']}: {'Ready' if is_ready(item) else 'not ready'}"
        for item in api(site).get("/api/v1/nodes")["items"]
    ]


def pods(site: Site) -> list[str]:
    """A line for each pod."""
    return [
        f"pod {item['metadata']['namespace']}/{item['metadata']['name']} on {item['spec'].get('nodeName', 'no node')}: "
        f"{item['status']['phase']}{', ready' if is_ready(item) else ''}"
        for item in api(site).get("/api/v1/pods")["items"]
    ]


def processes() -> list[Path]:
    """The processes of the lab: /proc shows no others here."""
    return [path for path in Path("/proc").iterdir() if path.name.isdigit()]


def memory() -> int:
    """The bytes that the lab's processes have in memory, shared pages counted in parts."""
    total = 0
    for path in processes():
        try:
            lines = (path / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))
    return total

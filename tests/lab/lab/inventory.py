"""The lab's inventory: inventories/lab.yml, or for a lab that is not as that file says one like it, in its state."""

from pathlib import Path

from .settings import LAB, MACHINES, NAME, REPLICAS, STATE, WORKERS

SHIPPED = LAB.parent.parent / "inventories" / "lab.yml"
SHIPPED_STATE, SHIPPED_WORKERS, SHIPPED_PAIRS = "/var/lib/cutover-lab", 6, 3


def is_shipped() -> bool:
    """Whether the shipped one is right."""
    return (NAME, WORKERS, REPLICAS) == ("cutover-lab", SHIPPED_WORKERS, SHIPPED_PAIRS)


def path() -> Path:
    """Where it is."""
    return SHIPPED if is_shipped() else STATE / "inventory.yml"


def make() -> None:
    """Writes it: its own state, and only the workers and pairs there are. A login takes emulated processors seconds."""
    if is_shipped():
        return
    text = SHIPPED.read_text().replace(SHIPPED_STATE, str(STATE)).split(f"  - resource: etcd{REPLICAS}\n")[0]
    gone = tuple(f"worker{number:02}:" for number in range(WORKERS + 1, SHIPPED_WORKERS + 1))
    if MACHINES:
        text = text.replace("      port: 6233\n", "      port: 6233\n      connect_timeout: 1m\n", 1)
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    path().write_text("".join(f"{line}\n" for line in lines if not (gone and line.strip().startswith(gone))))

"""The lab's inventory: inventories/lab.yml, or for a lab that is not as that file says one like it, in its state."""

from pathlib import Path

from .settings import LAB, NAME, STATE, WORKERS

SHIPPED = LAB.parent.parent / "inventories" / "lab.yml"
SHIPPED_STATE, SHIPPED_WORKERS = "/var/lib/cutover-lab", 6


def is_shipped() -> bool:
    """Whether the shipped one is right."""
    return NAME == "cutover-lab" and WORKERS == SHIPPED_WORKERS


def path() -> Path:
    """Where it is."""
    return SHIPPED if is_shipped() else STATE / "inventory.yml"


def make() -> None:
    """Writes it: its own state, and only the workers there are."""
    if is_shipped():
        return
    lines = [line for line in SHIPPED.read_text().splitlines() if not line.startswith("#")]
    gone = tuple(f"worker{number:02}:" for number in range(WORKERS + 1, SHIPPED_WORKERS + 1))
    lines = [line.replace(SHIPPED_STATE, str(STATE)) for line in lines if not line.strip().startswith(gone or ("\0",))]
    path().write_text("\n".join(lines) + "\n")

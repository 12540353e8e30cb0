"""The two programs that are tried, and the DRBD of the hosts, whose kernel has none: `cutover-drbd-stand-in`, with a directory
that all of them share.

`LAB_DRBD=none` leaves it out. `LAB_CUTOVER` is `cutover`, and the stand-in is beside it; by default the newest that cargo
has built.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from .process import run
from .settings import HOSTS, LAB, MACHINES, REPLICAS, SITES, STATE, Host

#: The shared directory, as seen from outside. On a host it is at the stand-in's own default path.
SHARED = STATE / "drbd"
#: `cutover`, for those who work on the lab, and the stand-in.
PROGRAM = STATE / "bin" / "cutover"
STAND_IN = STATE / "bin" / "cutover-drbd-stand-in"
PROGRAMS = ("drbdadm", "drbdsetup", "drbdmeta")

#: Hosts of both sites have the same hostname, so each says its name among all.
WRAPPER = """\
#!/bin/sh
CUTOVER_STAND_IN_MACHINE={id} exec /usr/local/lib/cutover-drbd-stand-in {program} "$@"
"""


def is_wanted() -> bool:
    """Whether hosts are to have it."""
    if MACHINES:
        return False
    kind = os.environ.get("LAB_DRBD", "stand-in")
    if kind not in ("stand-in", "none"):
        sys.exit(f"LAB_DRBD={kind}: give `stand-in` or `none`")
    return kind == "stand-in"


def find() -> Path:
    """`cutover`, with the stand-in beside it where hosts are to have that."""
    if named := os.environ.get("LAB_CUTOVER"):
        return whole(Path(named))
    target = Path(os.environ.get("CARGO_TARGET_DIR") or LAB.parent.parent / "target")
    built = [path for path in (target / profile / "cutover" for profile in ("release", "debug")) if path.exists()]
    if not built:
        sys.exit(f"{target} has no cutover: `cargo build --workspace --bins`, or leave DRBD out with LAB_DRBD=none")
    return whole(max(built, key=lambda path: path.stat().st_mtime))


def whole(program: Path) -> Path:
    """The same, if the hosts' DRBD is there as well."""
    if is_wanted() and not program.with_name(STAND_IN.name).exists():
        sys.exit(f"{program.parent} has no {STAND_IN.name}: `cargo build --workspace --bins`, or leave it out with LAB_DRBD=none")
    return program


def make() -> None:
    """Makes the directory and installs the programs on every worker. The programs are copies: building goes on meanwhile.
    Machines need only that of `cutover`, for those who work on the lab."""
    if is_wanted() or MACHINES:
        PROGRAM.parent.mkdir()
        shutil.copy2(find(), PROGRAM)
    if not is_wanted():
        return
    shutil.copy2(find().with_name(STAND_IN.name), STAND_IN)
    SHARED.mkdir(mode=0o700)
    for host in HOSTS:
        if not host.is_worker:
            continue
        os.link(STAND_IN, host.directory / "local" / "lib" / STAND_IN.name)
        for program in PROGRAMS:
            file = host.directory / "local" / "sbin" / program
            file.write_text(WRAPPER.format(id=host.id, program=program))
            file.chmod(0o755)


def services() -> list[dict]:
    """What a host does when it boots."""
    return [{"name": "drbd", "argv": ["/opt/lab/scripts/start-drbd.sh"], "once": True}] if is_wanted() else []


def start() -> None:
    """Lets the disks follow while nobody asks. Runs inside the lab's namespaces, and ends with them."""
    if not SHARED.exists():
        return
    with (STATE / "replicate.log").open("a") as log:
        subprocess.Popen(
            [STAND_IN, "--dir", SHARED, "replicate"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def call(*words: str, accept: tuple[int, ...] = (0,)) -> None:
    """Tells it what happens to hosts and links; nothing if the hosts do not have it."""
    if SHARED.exists() and STAND_IN.exists():
        run(STAND_IN, "--dir", SHARED, *words, accept=accept)


def power(host: Host, change: str) -> None:
    """Tells it that a host has lost or got its power. One that has never asked it anything is not known to it."""
    if host.has_disk:
        call("power", change, host.id, accept=(0, 1))


def link(change: str) -> None:
    """Cuts or heals the links between the sites."""
    for number in range(1, REPLICAS + 1):
        call("link", change, *(f"172.16.{site.number}.{number}" for site in SITES))

"""The DRBD of the hosts, whose kernel has none: `cutover stand-in`, with a directory that all of them share.

`LAB_DRBD=none` leaves it out. `LAB_CUTOVER` is the program; if not given, the newest of those that cargo has built.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from .process import run
from .settings import HOSTS, LAB, MACHINES, REPLICAS, SITES, STATE, Host

#: The shared directory and the program, as seen from outside. On a host it is at the stand-in's own default path.
SHARED = STATE / "drbd"
PROGRAM = STATE / "bin" / "cutover"
PROGRAMS = ("drbdadm", "drbdsetup", "drbdmeta")

#: Hosts of both sites have the same hostname, so each says its name among all.
WRAPPER = """\
#!/bin/sh
CUTOVER_STAND_IN_MACHINE={id} exec /usr/local/lib/cutover stand-in {program} "$@"
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
    """The program."""
    if named := os.environ.get("LAB_CUTOVER"):
        return Path(named)
    target = Path(os.environ.get("CARGO_TARGET_DIR") or LAB.parent.parent / "target")
    built = [path for path in (target / profile / "cutover" for profile in ("release", "debug")) if path.exists()]
    if not built:
        sys.exit(f"{target} has no cutover, which is the hosts' DRBD: `cargo build`, or leave it out with LAB_DRBD=none")
    return max(built, key=lambda path: path.stat().st_mtime)


def make() -> None:
    """Makes the directory and gives every worker the programs. The program is a copy: building goes on meanwhile. Machines
    need only the copy, for those who work on the lab."""
    if is_wanted() or MACHINES:
        PROGRAM.parent.mkdir()
        shutil.copy2(find(), PROGRAM)
    if not is_wanted():
        return
    SHARED.mkdir(mode=0o700)
    for host in HOSTS:
        if not host.is_worker:
            continue
        os.link(PROGRAM, host.directory / "local" / "lib" / "cutover")
        for program in PROGRAMS:
            file = host.directory / "local" / "sbin" / program
            file.write_text(WRAPPER.format(id=host.id, program=program))
            file.chmod(0o755)


def services() -> list[dict]:
    """What a host does when it boots."""
    return [{"name": "drbd", "argv": ["/opt/lab/start-drbd"], "once": True}] if is_wanted() else []


def start() -> None:
    """Lets the disks follow while nobody asks. Runs inside the lab's namespaces, and ends with them."""
    if not SHARED.exists():
        return
    with (STATE / "replicate.log").open("a") as log:
        subprocess.Popen(
            [PROGRAM, "stand-in", "--dir", SHARED, "replicate"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def call(*words: str, accept: tuple[int, ...] = (0,)) -> None:
    """Tells it what happens to hosts and links; nothing if the hosts do not have it."""
    if SHARED.exists() and PROGRAM.exists():
        run(PROGRAM, "stand-in", "--dir", SHARED, *words, accept=accept)


def power(host: Host, change: str) -> None:
    """Tells it that a host has lost or got its power. One that has never asked it anything is not known to it."""
    if host.has_disk:
        call("power", change, host.id, accept=(0, 1))


def link(change: str) -> None:
    """Cuts or heals the links between the sites."""
    for number in range(1, REPLICAS + 1):
        call("link", change, *(f"172.16.{site.number}.{number}" for site in SITES))

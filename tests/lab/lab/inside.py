"""Gets into the lab: its namespaces have the clusters' networks. What runs inside sees the machine's files."""

import os
import sys

from . import certificates, tools
from .clean import LAB_PID
from .process import recall
from .settings import LAB, NAME, SITES, SSH_PORT
from .hosts import find

#: Set inside, so that a program that starts itself again knows where it is.
MARK = "CUTOVER_LAB_INSIDE"


def is_up() -> bool:
    """Whether the lab's process lives."""
    return MARK in os.environ or recall(LAB_PID) is not None


def again(function, *words: str) -> None:
    """Calls a function if this is inside; else runs `tests/lab/run WORDS...` inside, with the lab's processes in /proc."""
    if MARK in os.environ:
        function()
        return
    join = ["--target", lab_pid(), "--net", "--pid", "--mount", f"--wd={os.getcwd()}"]
    # What it starts shall be in the lab's control groups.
    script = '"$1/scripts/join-cgroup.sh" "$2" && shift 2 && exec "$@"'
    os.execve(
        "/bin/bash",
        ["bash", "-c", script, "bash", str(LAB), NAME, "nsenter", *join, str(LAB / "run"), *words],
        os.environ | {MARK: "yes"},
    )


def lab_pid() -> str:
    """The lab's process."""
    pid = recall(LAB_PID)
    if pid is None:
        sys.exit("the lab is down; tests/lab/run up brings it up")
    return str(pid)


def enter(argv: list[str]) -> None:
    """Becomes a program inside the lab's network; `ssh SITE/HOST ...` finds key and address itself."""
    path = f"{tools.helm()}:{os.environ['PATH']}"
    kubeconfigs = ":".join(str(site.kubeconfig) for site in SITES)
    if argv[:1] == ["ssh"] and len(argv) > 1:
        argv = [
            "ssh",
            "-p",
            str(SSH_PORT),
            "-i",
            str(certificates.SSH_KEY),
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            f"UserKnownHostsFile={certificates.KNOWN_HOSTS}",
            f"root@{find(argv[1]).address}",
            *argv[2:],
        ]
    argv = argv or [os.environ.get("SHELL", "/bin/bash")]
    os.execvpe(
        "nsenter",
        ["nsenter", "--target", lab_pid(), "--net", *argv],
        os.environ | {"PATH": path, "KUBECONFIG": kubeconfigs},
    )

"""Removes everything that the lab, or an earlier one that crashed, has made. What is not there is no fault."""

import fcntl
import json
import os
import shutil
import sys
import time
from pathlib import Path

from . import stand_in
from .process import kill, recall, run, say
from .settings import CACHE, NAME, STATE

LAB_PID = STATE / "lab.pid"
LOCK = CACHE / ("lab.lock" if NAME == "cutover-lab" else f"{NAME}.lock")


def lock() -> None:
    """Makes sure that nobody else brings the lab up or down, until this process and what it becomes has ended."""
    CACHE.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    os.set_inheritable(descriptor, True)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"the lab is being brought up or down by another process, which holds {LOCK}")


def down() -> None:
    """Ends the lab's process, and with it all hosts, pods, networks and mounts; then what outlives them."""
    if pid := recall(LAB_PID):
        say("end the lab's process, and all below it")
        kill(pid)
    stand_in.call("clear")
    for device in json.loads(run("losetup", "--list", "--json", "--output", "NAME,BACK-FILE") or "{}").get(
        "loopdevices", []
    ):
        if (device["back-file"] or "").startswith(f"{STATE}/"):
            run("losetup", "--detach", device["name"])
    remove_cgroups()
    if STATE.exists():
        # A directory beneath a mount may have been sealed.
        run("chattr", "-R", "-f", "-i", *STATE.glob("hosts/*/*/root/data"), "/dev/null", accept=(0, 1))
        shutil.rmtree(STATE)


def remove_cgroups() -> None:
    """Removes the lab's control groups, wherever in the hierarchies it was started."""
    for top in Path("/sys/fs/cgroup").glob(f"**/{NAME}"):
        for directory, _, _ in os.walk(top, topdown=False):
            for _ in range(50):
                try:
                    os.rmdir(directory)
                    break
                except OSError:
                    time.sleep(0.1)


def left() -> list[str]:
    """What is still there of a lab: nothing, after `down`."""
    found = [str(path) for path in (STATE,) if path.exists()]
    found += [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/{NAME}")]
    found += [
        line
        for line in run("losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE").splitlines()
        if f"{STATE}/" in line
    ]
    found += [line for line in Path("/proc/self/mounts").read_text().splitlines() if f"{STATE}/" in line]
    return found

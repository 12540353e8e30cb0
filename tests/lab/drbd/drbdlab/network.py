"""The lab's network: a namespace of its own with two bridges. `control` carries SSH, `replication` carries DRBD with the
manual's own addresses, so that the one can be cut while the other goes on. Nothing outside the namespace is reached."""

import ctypes
import os
import pathlib

from . import Problem, run

BRIDGES = ("control", "replication")
CLONE_NEWNET = 0x40000000


def create(namespace):
    """Makes the namespace, enters it, and makes the bridges; this host's own address is only on `control`."""
    run("ip", "netns", "add", namespace)
    enter(namespace)
    run("ip", "link", "set", "lo", "up")
    for bridge in BRIDGES:
        run("ip", "link", "add", bridge, "type", "bridge")
        run("ip", "link", "set", bridge, "up")
    run("ip", "addr", "add", "10.16.0.1/16", "dev", "control")


def enter(namespace):
    """Makes this process, and all it starts from now on, part of the namespace."""
    path = pathlib.Path("/run/netns") / namespace
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        raise Problem("the lab is not up: run `machines up` first") from None
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(file, CLONE_NEWNET) != 0:
        raise Problem(f"cannot enter {path}: {os.strerror(ctypes.get_errno())}")
    os.close(file)


def exists(namespace):
    """Whether it is there."""
    return (pathlib.Path("/run/netns") / namespace).exists()


def plug(tap, bridge):
    """A cable from a machine's network card to a bridge."""
    run("ip", "tuntap", "add", "dev", tap, "mode", "tap")
    run("ip", "link", "set", tap, "master", bridge)
    run("ip", "link", "set", tap, "up")


def cut(tap):
    """Drops everything, unseen by the machine: its link stays up, as when a line far away breaks."""
    run("ip", "link", "set", tap, "nomaster")


def heal(tap, bridge):
    """Puts the cable back."""
    run("ip", "link", "set", tap, "master", bridge)


def is_cut(tap):
    """Whether it hangs in the air."""
    return " master " not in run("ip", "-o", "link", "show", "dev", tap)


def pids(namespace):
    """The processes in it."""
    return [int(pid) for pid in run("ip", "netns", "pids", namespace).split()]


def remove(namespace):
    """Removes it; bridges and cables go with it."""
    run("ip", "netns", "del", namespace)

"""Runs programs, and finds a process again that an earlier run has started."""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

#: When the program started that a person has called, in seconds of the machine's clock.
STARTED = float(os.environ.setdefault("CUTOVER_LAB_STARTED", str(time.monotonic())))


def say(text: str) -> None:
    """Tells a person what goes on, with the seconds since the start."""
    print(f"{time.monotonic() - STARTED:6.1f} s  {text}", flush=True)


def run(*argv: object, stdin: str | None = None, accept: tuple[int, ...] = (0,), **more: object) -> str:
    """Runs a program to its end and returns its standard output; ends the lab's own work if it fails."""
    words = [str(word) for word in argv]
    done = subprocess.run(words, input=stdin, text=True, capture_output=True, **more)
    if done.returncode not in accept:
        sys.exit(f"`{shlex.join(words)}` ended with {done.returncode}:\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def wait_for(what: str, look, seconds: float, every: float = 0.25):
    """Looks again and again until there is something, and returns it."""
    end = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > end:
            sys.exit(f"{what}: not so after {seconds:.0f} s")
        time.sleep(every)
    return seen


def born(pid: int) -> str | None:
    """When a process started, in ticks since boot. With the id it names one process; the id alone may come again."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return None


def remember(pid: int, file: Path) -> None:
    """Records a process that this run has started."""
    file.write_text(f"{pid} {born(pid)}\n")


def recall(file: Path) -> int | None:
    """The recorded process, if it still is the same and lives."""
    try:
        pid, start = file.read_text().split()
    except (FileNotFoundError, ValueError):
        return None
    return int(pid) if born(int(pid)) == start else None


def kill(pid: int) -> None:
    """Ends a process and waits until it is gone."""
    os.kill(pid, signal.SIGKILL)
    start = born(pid)
    wait_for(f"process {pid} is gone", lambda: born(pid) != start or is_dead(pid), 30, 0.05)


def is_dead(pid: int) -> bool:
    """Whether only its exit code is left of a process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True

"""`cutover` as a person calls it: words in, exit code and output out. Runs inside the lab's namespaces."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .. import stand_in, tools
from .. import inventory as inventories
from ..settings import LAB, PATIENCE, STATE

TOP = LAB.parent.parent
RUNS = STATE / "runs"
INVENTORY = inventories.path()


@dataclass
class Ended:
    """How a call ended."""

    code: int
    text: str

    @property
    def run(self) -> str:
        """The run's id."""
        return re.search(r"\(run (\S+)\)", self.text)[1]

    def events(self, kind: str) -> list[dict]:
        """The run's events of a kind."""
        lines = (RUNS / self.run / "events.jsonl").read_text().splitlines()
        return [event for event in map(json.loads, lines) if event["kind"] == kind]

    def times(self) -> str:
        """The seconds of each phase and of its steps."""
        lines = []
        for event in self.events("phase_finished"):
            lines.append(f"{event['took_ms'] / 1000:8.1f} s  {event['name']}")
        for event in self.events("step_finished"):
            if event["took_ms"] >= 1000:
                lines.append(f"{event['took_ms'] / 1000:8.1f} s    {event['path']}")
        return "\n".join(lines)


def start(*words: str, inventory: str | Path = INVENTORY, environment: dict | None = None) -> subprocess.Popen:
    """Starts it."""
    needs = words[0] in ("plan", "run", "check", "doctor")
    records = words[0] in ("run", "undo", "resume", "report", "runs", "doctor")
    command = [stand_in.PROGRAM, *words]
    command += ["-i", inventory] if needs else []
    command += ["--run-dir", RUNS] if records else []
    found = os.environ | {"PATH": f"{tools.helm()}:{os.environ['PATH']}", "NO_COLOR": "1"} | (environment or {})
    return subprocess.Popen(
        command,
        cwd=TOP,
        env=found,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def end(process: subprocess.Popen, timeout: float = 900 * PATIENCE) -> Ended:
    """Waits for its end."""
    try:
        text, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        text, _ = process.communicate()
        text += f"\nnot at its end after {timeout:.0f} s"
    return Ended(process.returncode, text)


def call(*words: str, timeout: float = 900 * PATIENCE, **more) -> Ended:
    """Runs it to its end."""
    return end(start(*words, **more), timeout)

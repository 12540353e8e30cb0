"""Counts what was checked, and tells it line by line."""

import signal
import subprocess
import sys
import time
from contextlib import contextmanager

from ..process import say
from ..settings import LAB


#: Before the words of a verb that runs inside.
INSIDE = "--inside"


class Failed(Exception):
    """Something that all that follows stands on is not so."""


class Tally:
    """What passed and what failed."""

    def __init__(self, argv: list[str]):
        #: The parts that the command line names.
        self.named = [word for word in argv if not word.startswith("-")]
        self.passed = self.failed = 0

    def check(self, what: str, good: object, detail: object = "") -> bool:
        """Counts one thing that must be so; the detail is printed when it is not."""
        if good:
            self.passed += 1
            say(f"ok      {what}")
        else:
            self.failed += 1
            say(f"FAILED  {what}")
            for line in str(detail).splitlines()[-60:]:
                print(f"          | {line}", flush=True)
        return bool(good)

    def must(self, what: str, good: object, detail: object = "") -> None:
        """The same, for what all that follows stands on."""
        if not self.check(what, good, detail):
            raise Failed(what)

    def equal(self, what: str, is_: object, wanted: object) -> bool:
        """Counts two things that must be the same."""
        return self.check(what, is_ == wanted, f"is      {is_}\nwanted  {wanted}")

    def all(self, parts: list) -> None:
        """Does parts one after the other, those that the command line names or else all of them, and tells the totals."""
        names = {part.__name__.replace("_", "-"): part for part in parts}
        chosen = self.named or list(names)
        if unknown := [name for name in chosen if name not in names]:
            sys.exit(f"no part {', '.join(unknown)}; there are: {', '.join(names)}")
        try:
            for name in chosen:
                with self.part(name.replace("-", " ")):
                    names[name]()
        except Failed:
            pass
        self.end()

    @contextmanager
    def part(self, name: str):
        """A part. What it does not stand on may fail in it; else the trial is left."""
        began = time.monotonic()
        say(f"------  {name}")
        try:
            yield
        except Failed:
            say(f"------  {name}: left, what follows makes no sense")
            raise
        except (Exception, SystemExit) as error:
            self.check(name, False, f"{type(error).__name__}: {error}")
        say(f"------  {name}: {time.monotonic() - began:.1f} s")

    def end(self) -> None:
        """Tells the totals, and ends the program accordingly."""
        print(f"\n{self.passed} passed, {self.failed} failed", flush=True)
        sys.exit(self.failed > 0 or self.passed == 0)


def outside(verb: str, argv: list[str]) -> int:
    """Brings the lab up, runs a verb of it again inside, and takes it down whatever happened, also when it is ended."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    keep = "--keep" in argv
    try:
        if "--no-up" not in argv and (code := subprocess.run([LAB / "run", "up"]).returncode):
            return code
        return subprocess.run([LAB / "run", verb, INSIDE, *argv]).returncode
    finally:
        if not keep:
            subprocess.run([LAB / "run", "down"])
            say("the lab is down")

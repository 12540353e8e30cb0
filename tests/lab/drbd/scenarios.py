#!/usr/bin/env python3
"""Runs the scenarios of tests/program/drbd/machines on pairs of machines of its own: gets what is missing, brings two pairs up, runs a
scenario on each at a time, and takes them down again whatever happens. The last line is `N passed, N failed`.

A host that cannot run them says `SKIPPED: reason` instead and ends with 0. Only for root on Debian 12."""

import argparse
import contextlib
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True

from drbdlab import Problem, image  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
INSTALL = HERE.parents[1] / "scripts" / "install.sh"
CARGO = "cargo test --workspace --locked --test program --no-run --message-format json-render-diagnostics".split()
MODULE = "drbd::machines::"
KILLS = f"{MODULE}kills::every_synced_record_survives_the_loss_of_the_primary"
#: What takes longest, first: nothing else then waits for it in the end.
LONGEST = [
    KILLS,
    f"{MODULE}two_sides_that_both_went_on_are_a_split_brain",
    f"{MODULE}a_rebooted_node_is_primary_again_only_with_its_marker",
]
BEGAN = time.monotonic()


class Skipped(Exception):
    """Why nothing can run here."""


def say(words):
    """A line of progress."""
    print(f"{time.monotonic() - BEGAN:4.0f} s  {words}", flush=True)


def arguments():
    parser = argparse.ArgumentParser(prog="tests/lab/run drbd scenarios", description=__doc__.split(":")[0] + ".")
    parser.add_argument("filter", nargs="?", help="only the scenarios whose name contains this")
    parser.add_argument("--dir", help="where the pairs keep their state, with a number behind it (default: in the cache)")
    parser.add_argument("--pairs", type=int, default=2, metavar="N", help="scenarios at a time (default: 2)")
    parser.add_argument("--kills", type=int, metavar="N", help=f"only the loss of the Primary, N times, the sides in turn")
    return parser.parse_args()


def ready():
    """Sees to all that the lab needs, or says why it cannot be had."""
    if os.geteuid() != 0:
        raise Skipped("the DRBD lab needs root: for its network and for the root image")
    if not os.path.exists("/dev/net/tun"):
        raise Skipped("the DRBD lab needs /dev/net/tun, and this host has none")
    if not shutil.which("apt-get"):
        raise Skipped("the DRBD lab is made from Debian's packages, and this host has no apt-get")
    # Twice: what is installed may take another package away, as qemu-system-x86 does a newer qemu-utils.
    for _ in range(2):
        if missing := image.missing():
            say(f"install {' '.join(missing)}")
            run([INSTALL, *missing], Skipped(f"{' '.join(missing)} cannot be installed"))
    if not image.path().exists():
        # Building asks apt for the kernel, too.
        run([INSTALL, "--lists"], Skipped("`apt-get update` fails: Debian's packages cannot be had"))


@contextlib.contextmanager
def child(argv, **options):
    """A program that does not outlive this one, with all that it started."""
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, start_new_session=True, **options) as process:
        try:
            yield process
        finally:
            for number, patience in ((signal.SIGINT, 20), (signal.SIGKILL, 5)):
                if process.poll() is None:
                    os.killpg(process.pid, number)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(patience)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def run(argv, failure):
    """Runs a program to its end; `failure` if it fails."""
    with child([str(word) for word in argv]) as process:
        if process.wait() != 0:
            raise failure


def up(directories):
    """Brings the pairs up, all at once."""
    with contextlib.ExitStack() as stack:
        started = [stack.enter_context(child([HERE / "machines.py", "--dir", it, "up", "1"])) for it in directories]
        if any([process.wait() != 0 for process in started]):
            raise Problem("the machines do not start")


def down(directories):
    """Takes the pairs down. Nothing interrupts that."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for directory in directories:
        subprocess.run([HERE / "machines.py", "--dir", directory, "down"], check=True, stdin=subprocess.DEVNULL, start_new_session=True)


def compiled():
    """Builds the tests; returns the program that they are."""
    program = None
    with child(CARGO, cwd=HERE.parents[2], text=True, stdout=subprocess.PIPE) as process:
        for message in map(json.loads, process.stdout):
            if message.get("executable") and message["target"]["name"] == "program":
                program = message["executable"]
        if process.wait() != 0 or not program:
            raise Problem("the tests do not build")
    return program


def chosen(options, program):
    """The names of the scenarios to run, in the order in which they begin."""
    listed = subprocess.run([program, "--ignored", "--list", MODULE], check=True, text=True, stdout=subprocess.PIPE).stdout
    names = re.findall("^(.*): test$", listed, re.MULTILINE)
    wanted = KILLS if options.kills else options.filter or ""
    place = {name: number for number, name in enumerate(LONGEST)}
    return sorted((name for name in names if wanted in name), key=lambda name: place.get(name, len(LONGEST)))


class Scenario:
    """One that runs on the pair in a directory."""

    def __init__(self, name, program, directory, kills):
        self.name, self.began, self.output = name, time.monotonic(), tempfile.TemporaryFile("w+")
        environment = os.environ | {"CUTOVER_DRBD_LAB": str(directory)}
        if kills:
            environment["CUTOVER_DRBD_KILLS"] = str(kills)
        self.owner = contextlib.ExitStack()
        argv = [program, "--ignored", "--nocapture", "--exact", name]
        self.process = self.owner.enter_context(child(argv, text=True, stdout=self.output, stderr=subprocess.STDOUT, env=environment))

    def passed(self):
        """Prints its output, and returns whether it has passed."""
        self.owner.close()
        self.output.seek(0)
        text = self.output.read()
        # The test runner's own totals are left out: whoever adds up would count each scenario twice.
        frame = ("running 1 test", "test result:")
        print("\n".join(line for line in text.splitlines() if line and not line.startswith(frame)), flush=True)
        passed = self.process.returncode == 0 and "test result: ok. 1 passed; 0 failed;" in text
        say(f"{self.name}: {time.monotonic() - self.began:.0f} s, {'passed' if passed else 'FAILED'}")
        return passed


def test(options, program, names, directories):
    """Runs the scenarios, on each pair one at a time; returns how many passed and how many failed."""
    waiting, running, passed = list(names), {}, []
    try:
        while waiting or running:
            for directory in directories:
                if (scenario := running.get(directory)) and scenario.process.poll() is not None:
                    passed.append(running.pop(directory).passed())
                if waiting and directory not in running:
                    running[directory] = Scenario(waiting.pop(0), program, directory, options.kills)
            time.sleep(0.2)
    finally:
        for scenario in running.values():
            scenario.owner.close()
    return passed.count(True), passed.count(False)


def scenarios(options):
    """Everything, from nothing to the totals."""
    ready()
    directory = pathlib.Path(options.dir).absolute() if options.dir else image.cache() / "drbd-scenarios"
    directory.parent.mkdir(parents=True, exist_ok=True)
    own = directory.with_name(directory.name + ".run")
    with open(own, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Problem(f"other scenarios are running in {directory}: wait for them, or choose another --dir") from None
        say("build the tests, and the image unless it is cached")
        with child([HERE / "machines.py", "build"]) as build:
            # While debootstrap waits for the network, the compiler does not.
            program = compiled()
            if build.wait() != 0:
                raise Problem("the image does not build")
        names = chosen(options, program)
        if not names:
            raise Problem(f"no scenario has {options.filter} in its name")
        pairs = range(1, 1 + max(1, min(options.pairs, len(names))))
        directories = [directory.with_name(f"{directory.name}-{number}") for number in pairs]
        try:
            say(f"start the machines of {len(directories)} pairs")
            up(directories)
            say("run the scenarios")
            totals = test(options, program, names, directories)
            say("take the machines down")
        finally:
            down(directories)
            own.unlink(missing_ok=True)
    say("done")
    return totals


def main():
    options = arguments()

    def interrupted(number, _):
        raise SystemExit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    try:
        passed, failed = scenarios(options)
    except Skipped as reason:
        print(f"SKIPPED: {reason}")
        return 0
    except Problem as problem:
        print(f"scenarios: {problem}", file=sys.stderr)
        passed, failed = 0, 1
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())

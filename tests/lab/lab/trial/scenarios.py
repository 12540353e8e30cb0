"""The bad worlds and the whole job on one lab, which saves bringing up a second one: each bad world leaves the service as it
was. And what a real API server answers. Runs inside."""

import os
import subprocess

from .. import tools
from .job import Job
from .program import INVENTORY, TOP
from .tally import Tally
from .trouble import Trouble


def all_of_them(tally: Tally) -> None:
    """All parts, in an order in which each finds what it needs."""

    def conformance() -> None:
        """What the sandbox is held to, against the real API server, hosts, helm and etcd."""
        words = ["cargo", "test", "--workspace", "--locked", "--test", "conformance", "--", "--nocapture"]
        found = os.environ | {"CUTOVER_LAB": INVENTORY, "PATH": f"{tools.helm()}:{os.environ['PATH']}", "RUST_BACKTRACE": "0"}
        done = subprocess.run(words, cwd=TOP, env=found, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        good = done.returncode == 0 and " 0 failed" in done.stdout and "SKIPPED" not in done.stdout
        tally.check("API server, hosts, helm and etcd answer as the sandbox is made to", good, done.stdout)

    job, trouble = Job(tally), Trouble(tally)
    tally.all([conformance, *trouble.before(), job.look, job.prepare, *trouble.after(), *job.after()])

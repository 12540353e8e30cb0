"""The bad worlds and the whole job on one lab, which saves bringing up a second one: each bad world leaves the service as it
was. And what a real API server answers. Runs inside."""

import os
import re
import subprocess

from .. import tools
from .job import Job
from .program import INVENTORY, TOP
from .tally import Tally
from .trouble import Trouble


def all_of_them(tally: Tally) -> None:
    """All parts, in an order in which each finds what it needs."""

    def conformance() -> None:
        """What the sandbox is held to, against the real API server, hosts, helm and etcd; its chart against the real helm's."""
        tests = {
            "API server, hosts, helm and etcd answer as the sandbox is made to": ["--test", "program", "conformance::"],
            "helm renders the chart as the sandbox does": ["--lib", "the_chart_renders_as_the_real_helm_renders_it"],
        }
        found = os.environ | {"CUTOVER_LAB": INVENTORY, "PATH": f"{tools.helm()}:{os.environ['PATH']}", "RUST_BACKTRACE": "0"}
        for what, chosen in tests.items():
            words = ["cargo", "test", "--workspace", "--locked", *chosen, "--", "--nocapture"]
            done = subprocess.run(words, cwd=TOP, env=found, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            ran = re.search(r" [1-9]\d* passed; 0 failed", done.stdout)
            tally.check(what, done.returncode == 0 and ran and "SKIPPED" not in done.stdout, done.stdout)

    job, trouble = Job(tally), Trouble(tally)
    tally.all([conformance, *trouble.before(), job.look, job.prepare, *trouble.after(), *job.after()])

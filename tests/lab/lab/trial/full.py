"""Everything real at once: the job on workers that are machines with real DRBD, and then the loss of the whole active site.
Runs inside the lab's namespaces."""

import time

from .. import hosts
from ..settings import REPLICAS, STATEFULSET
from .job import PRIMARY, STANDBY, Job
from .service import Service, Writer, missing
from .tally import Tally

#: Keys that are acknowledged before the site is lost.
ENOUGH = 100
TAKE_OVER = ("run", "tests/lab/playbooks/take-over.yml", "-e", "fenced=the trial: it has cut the power of all hosts itself")


class Full(Job):
    """The job, and what follows it."""

    def placed(self) -> None:
        """No member is where it is to be. A single one has no other worker."""
        nodes = [volume.host.name for volume in self.old]
        planned = [f"worker{ordinal + 1:02}" for ordinal in range(REPLICAS)]
        moves = all(node != plan for node, plan in zip(nodes, planned))
        self.tally.check("every member has to move", moves, f"{nodes}, planned {planned}")

    def lose_the_site(self) -> None:
        """Cuts the power of the active site while clients write, and serves on the other what was acknowledged to them."""
        writer = Writer(self.service, "/trial/lost/", until_down=True)
        end = time.monotonic() + 600
        while len(writer.acknowledged) < ENOUGH and time.monotonic() < end:
            time.sleep(0.2)
        lost = time.monotonic()
        for host in [*PRIMARY.workers, PRIMARY.master]:
            hosts.power_off(host)
        self.acknowledged |= writer.end()
        self.tally.must("clients wrote when the site was lost", len(writer.acknowledged) >= ENOUGH, len(writer.acknowledged))
        self.service = Service(STANDBY)
        self.run(*TAKE_OVER)
        self.tally.must("the standby serves", self.service.wait(), "")
        print(f"          it serves {time.monotonic() - lost:.1f} s after the loss", flush=True)
        self.intact("on the standby")
        writer = Writer(self.service, "/trial/standby/")
        time.sleep(10)
        acknowledged = writer.end()
        gone = missing(acknowledged, self.service.keys("/trial/standby/"))
        self.tally.check(f"{STATEFULSET} takes new keys there", len(acknowledged) > 0 and not gone, f"{len(acknowledged)} acknowledged, gone: {gone[:20]}")


def whole(tally: Tally) -> None:
    """All of it."""
    job = Full(tally)
    parts = [job.prepare, job.cut_over, job.lose_the_site]
    tally.all([job.placed, *parts] if REPLICAS > 1 else parts)

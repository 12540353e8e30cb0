"""Everything real at once: the job on workers that are machines with real DRBD, and then the loss of the whole active site,
the takeover, and the way back, several times in a row.
Runs inside the lab's namespaces."""

import os
import time

from .. import hosts
from ..api import ApiError
from ..settings import PATIENCE, REPLICAS, STATEFULSET
from .job import PRIMARY, STANDBY, Job
from .program import Ended
from .service import Service, Writer, missing
from .tally import Tally

#: Keys that are acknowledged before the site is lost.
ENOUGH = 100
#: How many times the site is lost, and comes back.
CIRCLES = int(os.environ.get("LAB_CIRCLES", "3"))
COMMIT = ("--approve", "approve-that-clients-write-here")
FAIL_OVER = ("run", "playbooks/etcd-failover.yml", *COMMIT, "--approve", "attest-that-the-lost-site-is-fenced=primary is fenced")
PROTECT = ("run", "playbooks/etcd-reprotect.yml", "--approve", "approve-that-the-victim-stops=primary loses its changes")
SWITCH_BACK = ("run", "playbooks/etcd-switchover.yml", *COMMIT, "--approve", "approve-the-outage=switch to primary")


def elapsed(ended: Ended, kind: str, path: str) -> float:
    """Seconds from the begin of a run to an event of a step."""
    found = [event for event in ended.events(kind) if event["path"].endswith(path)]
    return found[-1]["elapsed_ms"] / 1000


class Full(Job):
    """The job, and what follows it."""

    def placed(self) -> None:
        """No member is where it is to be. A single one has no other worker."""
        nodes = [volume.host.name for volume in self.old]
        planned = [f"worker{ordinal + 1:02}" for ordinal in range(REPLICAS)]
        moves = all(node != plan for node, plan in zip(nodes, planned))
        self.tally.check("every member has to move", moves, f"{nodes}, planned {planned}")

    def fail_over_and_back(self) -> None:
        """Loses the active site, takes over, gets it back and goes home: several times in a row."""
        for circle in range(1, CIRCLES + 1):
            self.lose_the_site(circle)
            self.take_over(circle)
            self.get_it_back()
            self.go_home(circle)

    def lose_the_site(self, circle: int) -> None:
        """Cuts the power of the active site while clients write."""
        writer = Writer(self.service, f"/trial/lost{circle}/", until_down=True)
        end = time.monotonic() + 600
        while len(writer.acknowledged) < ENOUGH and time.monotonic() < end:
            time.sleep(0.2)
        for host in [*PRIMARY.workers, PRIMARY.master]:
            hosts.power_off(host)
        self.acknowledged |= writer.end()
        self.tally.must("clients wrote when the site was lost", len(writer.acknowledged) >= ENOUGH, len(writer.acknowledged))

    def take_over(self, circle: int) -> None:
        """The standby serves what was acknowledged, and takes new keys."""
        lost = time.monotonic()
        ended = self.run(*FAIL_OVER)
        self.service = Service(STANDBY)
        self.tally.must("the standby serves", self.service.wait(), "")
        approved = elapsed(ended, "gate_answered", "attest-that-the-lost-site-is-fenced")
        for what, path in [("mounted everywhere", "/mount-the-replicated-disk"), ("started", "/start-the-service")]:
            print(f"          {what} {elapsed(ended, 'step_finished', path) - approved:.1f} s after the attestation", flush=True)
        print(f"          it serves {time.monotonic() - lost:.1f} s after the loss", flush=True)
        self.intact("on the standby")
        self.takes_keys(f"/trial/standby{circle}/", 10)

    def get_it_back(self) -> None:
        """The lost site is powered on, and protects the service again."""
        hosts.boot(PRIMARY.master, *PRIMARY.workers)
        primaries = {host.id: hosts.on(host, "drbdadm", "role", "all") for host in PRIMARY.workers}
        alone = not any("Primary/" in role for role in primaries.values())
        self.tally.check("no node that comes back is Primary by itself", alone, primaries)
        self.ready_again()
        self.run(*PROTECT)
        self.intact("while it is protected again")

    def ready_again(self) -> None:
        """Waits until the nodes of the site that was lost are known to be ready."""
        api = Service(PRIMARY).api
        end = time.monotonic() + 300 * PATIENCE
        while True:
            try:
                nodes = api.get("/api/v1/nodes")["items"]
                ready = [node for node in nodes for one in node["status"]["conditions"] if (one["type"], one["status"]) == ("Ready", "True")]
                if len(ready) == len(nodes):
                    return
            except (OSError, ApiError):
                pass
            if time.monotonic() > end:
                return self.tally.must("the nodes of the site are ready again", False, "")
            time.sleep(2)

    def go_home(self, circle: int) -> None:
        """The service is switched back to the site that was lost, while clients write."""
        writer = Writer(self.service, f"/trial/home{circle}/", until_down=True)
        try:
            self.run(*SWITCH_BACK)
        finally:
            self.acknowledged |= writer.end()
        self.service = Service(PRIMARY)
        self.tally.must("the primary serves again", self.service.wait(), "")
        self.intact("at home again")
        self.takes_keys(f"/trial/primary{circle}/", 5)

    def takes_keys(self, prefix: str, seconds: float) -> None:
        """It takes new keys, which stay."""
        writer = Writer(self.service, prefix)
        time.sleep(seconds)
        acknowledged = writer.end()
        self.acknowledged |= acknowledged
        gone = missing(acknowledged, self.service.keys(prefix))
        self.tally.check(f"{STATEFULSET} takes new keys there", len(acknowledged) > 0 and not gone, f"{len(acknowledged)} acknowledged, gone: {gone[:20]}")


def whole(tally: Tally) -> None:
    """All of it."""
    job = Full(tally)
    parts = [job.prepare, job.cut_over, job.fail_over_and_back]
    tally.all([job.placed, *parts] if REPLICAS > 1 else parts)

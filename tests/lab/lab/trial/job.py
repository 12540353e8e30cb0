"""The job: prepare, cut over and undo it, cut over again, and what must be so after each. Runs inside."""

import json
from collections import Counter
from functools import partial

from .. import hosts
from ..api import Api
from ..settings import MACHINES, NAMESPACE, RELEASE, REPLICAS, SITES, STATEFULSET, VALUES, VOLUMES, Host
from . import trees
from .program import Ended, call
from .service import Service, Writer, missing
from .tally import Tally

PRIMARY, STANDBY = SITES
#: Disks are small here, and the release that runs is tied by its values to the nodes it is to leave.
OWN_VALUES = f"values={json.dumps(VALUES)}"
EXTRA = ("-e", "volume_size=400Mi", "-e", OWN_VALUES)
#: Seconds without a leader that are not an outage: etcd elects another when one second passes without a sign of it, and emulated
#: processors that work for something else let it pass.
HICCUP = 30 if MACHINES else 0
#: Emulated processors carry little.
LINK = ("-e", "min_throughput=100KB/s", "-e", "max_rtt=1s") if MACHINES else ()
PREPARE = ("run", "playbooks/etcd-prepare.yml", *EXTRA, *LINK, "--approve", "approve-the-use-of-the-spare-disks")
CUTOVER = ("run", "playbooks/etcd-cutover.yml", *EXTRA, "--approve", "approve-the-outage")
CUTOVER += ("--approve", f"approve-the-removal-of-the-old-release={RELEASE}")
LAST_GATE = ("--approve", "approve-that-clients-write-again")
#: What files of all kinds a volume may hold beside etcd's own, which leaves them alone. Arguments: the directory.
ODD_FILES = """
cd "$1"
mkdir -p odd/deep; echo secret >odd/owned; chown 1234:4321 odd/owned; chmod 0640 odd/owned
ln odd/owned odd/hard; ln -s owned odd/soft; ln -s /nowhere odd/dangling; mkfifo odd/pipe
printf x >"odd/a name with spaces, ' and \\" and
a line feed"
truncate -s 3M odd/sparse; printf end >>odd/sparse
setfattr -n user.origin -v lab odd/owned; setfattr -n trusted.lab -v deep odd/deep; chmod 2775 odd/deep
setfacl -m u:1001:rw odd/owned; touch -d '2001-02-03 04:05:06.789 UTC' odd/sparse
"""


def host(number: int, site=PRIMARY) -> Host:
    """A worker."""
    return site.workers[number - 1]


def mount_point(ordinal: int) -> str:
    """Where a replica's disk is mounted."""
    return f"{VOLUMES}/{STATEFULSET}-{ordinal}"


def outages(writer: Writer) -> list[float]:
    """How long the service was away for clients, each time."""
    return [seconds for seconds in writer.outages if seconds > HICCUP]


class Volume:
    """Where a replica's data is, as the cluster says."""

    def __init__(self, api: Api, ordinal: int):
        claims = f"/api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims"
        self.name = api.get(f"{claims}/data-{STATEFULSET}-{ordinal}")["spec"]["volumeName"]
        self.spec = api.get(f"/api/v1/persistentvolumes/{self.name}")["spec"]
        self.path = self.spec["hostPath"]["path"]
        terms = self.spec["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"]
        self.host = hosts.find(f"primary/{terms[0]['values'][0]}")


class Job:
    """The job with what it knows of the time before."""

    def __init__(self, tally: Tally):
        self.tally, self.service = tally, Service(PRIMARY)
        self.acknowledged: dict[str, str] = {}
        self.identity = self.service.identity()
        self.old = [Volume(self.service.api, ordinal) for ordinal in range(REPLICAS)]
        for volume in self.old:
            hosts.on(volume.host, "bash", "-euc", ODD_FILES, "bash", volume.path)

    def run(self, *words: str, code: int = 0, must: bool = True) -> Ended:
        """Runs `cutover`, which must end with a code, and tells how long what took."""
        ended = call(*words)
        name = " ".join(word.removeprefix("playbooks/") for word in words[:2])
        judge = self.tally.must if must else self.tally.check
        judge(f"cutover {name} ends with {code}", ended.code == code, f"exit code {ended.code}\n{ended.text}")
        if words[0] in ("run", "undo"):
            print(ended.times(), flush=True)
        return ended

    def look(self) -> None:
        """What only looks."""
        self.run("check", "playbooks/etcd-prepare.yml", "playbooks/etcd-cutover.yml")
        self.run("doctor")
        self.run("plan", "playbooks/etcd-prepare.yml", *EXTRA)

    def prepare(self) -> None:
        """Prepares, while clients write; and again, which changes nothing."""
        writer = Writer(self.service, "/trial/prepare/")
        try:
            self.run(*PREPARE)
        finally:
            self.acknowledged |= writer.end()
        self.tally.check("the service was never away meanwhile", not outages(writer), writer.outages)
        again = self.run(*PREPARE)
        changed = [event["path"] for event in again.events("step_finished") if event["outcome"] == "changed"]
        self.tally.equal("the second time nothing is changed", changed, [])

    def after(self) -> list:
        """The parts after the preparation."""
        return [self.pinned, self.turn_back, self.cut_over, self.compare_sites]

    def pinned(self) -> None:
        """Without values the release would stay tied to its old nodes: seen before anything is touched."""
        words = [word for word in (*CUTOVER, *LAST_GATE) if word != OWN_VALUES]
        at = next(at for at, word in enumerate(words) if word == "-e" and words[at + 1] == "--approve")
        del words[at]
        ended = self.run(*words, code=1, must=False)
        self.tally.check("it says which label is missing", "lab/old-node=true" in ended.text, ended.text)
        self.tally.check("and has touched nothing", "still stands" not in ended.text, ended.text)

    def turn_back(self) -> None:
        """Cuts over up to the last gate, which is refused, and takes it all back."""
        writer = Writer(self.service, "/trial/back/", until_down=True)
        ended = self.run(*CUTOVER, code=3)
        self.acknowledged |= writer.end()
        self.tally.must("it was the last gate", "Let clients write again?" in ended.text, ended.text)
        self.tally.check("clients wrote until the outage", len(writer.acknowledged) > 10, len(writer.acknowledged))
        # Clients wrote after the last look before the stop, so nobody can say that none has written to the new volumes.
        give_up = "give-up-what-the-new-volumes-alone-may-hold"
        self.run("undo", ended.run, "--approve", f"undo={ended.run}", "--approve", give_up, code=7)
        self.tally.must("the service is ready again", self.service.wait(), "")
        volumes = [Volume(self.service.api, ordinal) for ordinal in range(REPLICAS)]
        self.tally.equal("on its old volumes", [one.name for one in volumes], [one.name for one in self.old])
        self.tally.equal("which are kept from now on", self.policies(volumes), ["Retain"] * REPLICAS)
        mounts = [hosts.on(host(number), "cat", "/proc/mounts") for number in range(1, REPLICAS + 1)]
        self.tally.check("no replicated disk is mounted", "drbd" not in "".join(mounts), mounts)
        self.intact("after the undo")

    def cut_over(self) -> None:
        """Cuts over for good, while clients write whenever they can."""
        writer = Writer(self.service, "/trial/over/")
        try:
            ended = self.run(*CUTOVER, *LAST_GATE)
        finally:
            self.acknowledged |= writer.end()
        self.tally.check("clients saw one outage", len(outages(writer)) == 1, writer.outages)
        print(f"          the outage took {sum(writer.outages):.1f} s for clients", flush=True)
        for refusal, count in Counter(writer.refusals).items():
            print(f"          while others served, {count} times: {refusal}", flush=True)
        self.intact("after the cutover")
        pods = self.service.pods()
        nodes = {name: pod["spec"]["nodeName"] for name, pod in pods.items()}
        wanted = {f"{STATEFULSET}-{ordinal}": f"worker0{ordinal + 1}" for ordinal in range(REPLICAS)}
        self.tally.equal("every member is on its planned node", nodes, wanted)
        volumes = [Volume(self.service.api, ordinal) for ordinal in range(REPLICAS)]
        paths = [(one.host.name, one.path) for one in volumes]
        planned = [(f"worker0{ordinal + 1}", f"{mount_point(ordinal)}/data") for ordinal in range(REPLICAS)]
        self.tally.equal("every volume is on its replicated disk", paths, planned)
        self.tally.equal("new volumes are kept", self.policies(volumes), ["Retain"] * REPLICAS)
        self.tally.equal("old volumes are kept", self.policies(self.old), ["Retain"] * REPLICAS)
        for ordinal, (old, new) in enumerate(zip(self.old, volumes)):
            self.compare_volumes(ended.run, ordinal, old, new)

    def compare_volumes(self, run: str, ordinal: int, old: Volume, new: Volume) -> None:
        """The old directory is there, its backup is the same, and the new one differs only in what etcd has written."""
        before = trees.of(old.host, old.path)
        self.tally.check(f"the old directory of replica {ordinal} is there", "member/wal" in before, before.keys())
        backup = trees.of(old.host, f"/data/vmdata/backup/{run}/{STATEFULSET}-{ordinal}")
        self.tally.check(f"its backup is the same in all", before == backup, trees.differences(before, backup))
        now = trees.of(new.host, new.path)
        odd = partial(filter, lambda item: not item[0].startswith("member"))
        same = dict(odd(before.items())) == dict(odd(now.items()))
        self.tally.check(f"what etcd did not write is the same", same, trees.differences(before, now))
        both = before.keys() & now.keys()
        lasting = [{path: attributes for path, attributes in trees.owners(tree).items() if path in both} for tree in (before, now)]
        self.tally.check("owners, modes and extended attributes, too", lasting[0] == lasting[1], trees.differences(*lasting))

    def policies(self, volumes: list[Volume]) -> list[str]:
        """The reclaim policies of volumes, as they are now."""
        found = [self.service.api.get(f"/api/v1/persistentvolumes/{volume.name}") for volume in volumes]
        return [item["spec"]["persistentVolumeReclaimPolicy"] for item in found]

    def intact(self, when: str) -> None:
        """Nothing that was acknowledged is lost, and the cluster is the same one."""
        self.tally.must(f"the service is ready {when}", self.service.wait(), "")
        lost = missing(self.acknowledged, self.service.keys("/trial/"))
        self.tally.check(f"all {len(self.acknowledged)} acknowledged keys are there {when}", not lost, lost[:20])
        self.tally.equal("and the data of before", len(self.service.keys("/lab/data/")) > 0, True)
        self.tally.equal("cluster and members are the same", self.service.identity(), self.identity)
        hashes = self.service.hashes()
        self.tally.check("all members hash the same", len(set(hashes.values())) == 1, hashes)

    def compare_sites(self) -> None:
        """With the service stopped, the standby's disks hold what the primary's do; then everything back."""
        self.service.scale(0)
        for ordinal in range(REPLICAS):
            here, there = host(ordinal + 1), host(ordinal + 1, STANDBY)
            path, device, resource = mount_point(ordinal), "/dev/drbd0", f"etcd{ordinal}"
            before = trees.of(here, path)
            hosts.on(here, "umount", path)
            hosts.on(here, "drbdadm", "secondary", resource)
            hosts.on(there, "drbdadm", "primary", resource)
            hosts.on(there, "mount", "-o", "ro", device, "/mnt")
            after = trees.of(there, "/mnt")
            self.tally.check(f"{there.id} holds what {here.id} does", before == after, trees.differences(before, after))
            hosts.on(there, "umount", "/mnt")
            hosts.on(there, "drbdadm", "secondary", resource)
            hosts.on(here, "drbdadm", "primary", resource)
            hosts.on(here, "mount", device, path)
        self.service.scale(REPLICAS)
        self.intact("after the disks were on the standby")


def whole(tally: Tally) -> None:
    """All of it."""
    job = Job(tally)
    tally.all([job.look, job.prepare, *job.after()])

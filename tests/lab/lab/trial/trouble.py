"""Bad worlds: what goes wrong in a window, each with the exit code and the words it must end with, and nothing half-done
that cannot be undone. Runs inside."""

import json
import os
import re
import shutil
import subprocess
import threading
import time

from .. import hosts, power, tools
from ..certificates import KNOWN_HOSTS
from ..settings import NAMESPACE, RELEASE, REPLICAS, SITES, STATE, STATEFULSET
from ..workload import OLD_NODES, TENANT
from .job import CUTOVER, PREPARE, PRIMARY, Volume, host
from .program import INVENTORY, RUNS, TOP, Ended, call, end, start
from .service import Service, Writer, missing
from .tally import Tally

BACKUPS = "/data/vmdata/backup"
#: What holds a claim back, in a bad world.
HOLDER = "lab.example/backup"
#: Makes a user who is not root. Arguments: what sudo lets that one do.
OPERATOR = """
grep -q ^operator: /etc/passwd || echo operator:x:1777:1777::/home/operator:/bin/bash >>/etc/passwd
grep -q ^operator: /etc/shadow || echo 'operator:*:19000:0:99999:7:::' >>/etc/shadow
mkdir -p /home/operator /etc/pam.d
chmod 0644 /etc/ssh/authorized_keys
printf '%s\\n' 'auth required pam_unix.so' 'account required pam_permit.so' 'session required pam_permit.so' >/etc/pam.d/sudo
printf 'Defaults secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"\\noperator ALL=(root) %s\\n' "$1" >/etc/sudoers
chmod 0440 /etc/sudoers
"""
REMOVAL = f"approve-the-removal-of-the-old-release={RELEASE}"


class Trouble:
    """The lab after the preparation, and what its clients have been promised."""

    def __init__(self, tally: Tally):
        self.tally, self.service = tally, Service(PRIMARY)
        writer = Writer(self.service, "/trial/")
        time.sleep(3)
        self.acknowledged, self.identity = writer.end(), self.service.identity()
        self.tally.check("there is something to lose", len(self.acknowledged) > 10)

    def ends(self, ended: Ended, code: int, words: str, untouched: bool) -> None:
        """Judges how a run ended."""
        self.tally.must(f"it ends with {code}", ended.code == code, f"exit code {ended.code}\n{ended.text}")
        self.tally.check(f"it says `{words}`", words in ended.text, ended.text)
        if untouched:
            self.tally.check("nothing was touched", "still stands" not in ended.text, ended.text)

    def back(self, ended: Ended) -> None:
        """Takes a run back: the service is what it was."""
        undone = call("undo", ended.run, "--approve", f"undo={ended.run}")
        self.tally.must("undo ends with 7", undone.code == 7, f"exit code {undone.code}\n{undone.text}")
        self.whole()

    def whole(self) -> None:
        """The service is there, with everything in it."""
        self.tally.must("the service is ready", self.service.wait())
        lost = missing(self.acknowledged, self.service.keys("/trial/"))
        self.tally.check("no acknowledged key is lost", not lost, lost[:20])
        self.tally.equal("cluster and members are the same", self.service.identity(), self.identity)
        hashes = self.service.hashes()
        self.tally.check("all members hash the same", len(set(hashes.values())) == 1, hashes)

    def before(self) -> list:
        """The parts before the preparation."""
        return [self.wrong_host_key, self.wrong_cluster, self.sudo_refused]

    def after(self) -> list:
        """The parts after the preparation. At their end everything is undone, but for the preparation."""
        parts = [self.obstacles, self.pending_upgrade, self.full_backup_disk, self.api_server_stops, self.node_dies]
        return [*parts, self.claim_stuck_and_image_never_starts]

    def wrong_host_key(self) -> None:
        """A host that has another key than the known one."""
        lines = KNOWN_HOSTS.read_text().splitlines()
        lines[1] = lines[1].split()[0] + " " + lines[2].split(maxsplit=1)[1]
        other = STATE / "known_hosts_wrong"
        other.write_text("\n".join(lines) + "\n")
        changed = self.inventory("wrong-key", {str(KNOWN_HOSTS): str(other)})
        self.ends(call(*PREPARE, inventory=changed), 4, "host key", True)

    def wrong_cluster(self) -> None:
        """A context that leads to another cluster than the one whose identity is pinned."""
        uid = self.service.api.get("/api/v1/namespaces/kube-system")["metadata"]["uid"]
        old = "kubernetes: {kubeconfig: /var/lib/cutover-lab/primary.kubeconfig, context: primary}"
        new = f"kubernetes: {{kubeconfig: /var/lib/cutover-lab/standby.kubeconfig, context: standby, uid: {uid}}}"
        changed = self.inventory("wrong-cluster", {old: new})
        self.ends(call(*PREPARE, inventory=changed), 4, "wrong cluster: context `standby`", True)

    def sudo_refused(self) -> None:
        """Somebody who is not root, and may use sudo on all hosts but one; then on that one, too."""
        refuses = hosts.find("primary/worker02")
        workers = [one for site in SITES for one in site.workers]
        for one in workers:
            hosts.on(one, "bash", "-euc", OPERATOR, "bash", "ALL" if one == refuses else "NOPASSWD: ALL")
        changed = self.inventory("operator", {"ssh: &ssh\n": "ssh: &ssh\n      user: operator\n      become: true\n"})
        ended = call(*PREPARE, inventory=changed)
        self.ends(ended, 4, "operator may not use sudo without a password there", True)
        self.tally.check("it names the host, and no other", named(ended) == {refuses.id}, ended.text)
        hosts.on(refuses, "bash", "-euc", OPERATOR, "bash", "NOPASSWD: ALL")
        ended = call("doctor", inventory=changed)
        self.tally.check("allowed to, all hosts can be worked on", ended.code == 0, ended.text)

    def inventory(self, name: str, changes: dict[str, str]):
        """The lab's inventory with something else in it."""
        text = (TOP / INVENTORY).read_text()
        for old, new in changes.items():
            assert old in text, old
            text = text.replace(old, new)
        path = STATE / f"{name}.yml"
        path.write_text(text)
        return path

    def prepare(self) -> None:
        """What the rest stands on."""
        ended = call(*PREPARE)
        self.tally.must("preparing ends with 0", ended.code == 0, ended.text)

    def pending_upgrade(self) -> None:
        """A helm that was killed in an upgrade; then repaired as the message says, which leaves the revision in its history."""
        helm = [tools.helm() / "helm", "--kubeconfig", PRIMARY.kubeconfig, "--namespace", NAMESPACE]
        # The same values again: no pod is restarted for it.
        values = json.dumps({"nodeSelector": {TENANT: None, OLD_NODES: "true"}})
        upgrade = [*helm, "upgrade", RELEASE, TOP / "playbooks/charts/etcd", "--reset-values", "--values", "-"]
        before = self.pending()
        for _ in range(5):
            process = subprocess.Popen(upgrade, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
            process.stdin.write(values)
            process.stdin.close()
            while self.pending() == before and process.poll() is None:
                time.sleep(0.01)
            process.kill()
            process.wait()
            if self.pending() > before:
                break
        self.tally.must("helm is killed in the middle", self.pending() > before)
        ended = call(*CUTOVER)
        self.ends(ended, 3, "release common-etcd is pending-upgrade, revision", True)
        advice = re.search(r"if no helm is at work on it any more: (helm .*)", ended.text)
        self.tally.must("it says how to repair it", advice, ended.text)
        subprocess.run([helm[0], *advice[1].split()[1:]], check=True, stdout=subprocess.DEVNULL)
        self.whole()
        self.tally.check("the revision stays in the history", self.pending() > before)

    def pending(self) -> int:
        """The revisions that say that an upgrade is under way."""
        path = f"/api/v1/namespaces/{NAMESPACE}/secrets?labelSelector=owner%3Dhelm,status%3Dpending-upgrade"
        return len(self.service.api.get(path)["items"])

    def obstacles(self) -> None:
        """Several things at once that would be in the way: all of them are named before anything is touched."""
        volumes = [Volume(self.service.api, ordinal) for ordinal in range(REPLICAS)]
        node = f"/api/v1/nodes/{host(2).name}"
        claim = f"/api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims/data-{STATEFULSET}-1"
        socket, inside = f"{volumes[0].path}/.sock", f"{volumes[1].path}/inside"
        listen = "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])"
        hosts.on(volumes[0].host, "python3", "-c", listen, socket)
        hosts.on(volumes[1].host, "mkdir", inside)
        hosts.on(volumes[1].host, "mount", "-t", "tmpfs", "tmpfs", inside)
        hosts.on(host(3), "drbdadm", "disconnect", "etcd2")
        self.service.api.patch(node, {"spec": {"unschedulable": True}})
        protection = "kubernetes.io/pvc-protection"
        self.service.api.patch(claim, {"metadata": {"finalizers": [protection, HOLDER]}})
        try:
            ended = call(*CUTOVER)
        finally:
            self.service.api.patch(claim, {"metadata": {"finalizers": [protection]}})
            self.service.api.patch(node, {"spec": {"unschedulable": None}})
            hosts.on(host(3), "drbdadm", "connect", "etcd2")
            hosts.on(volumes[1].host, "umount", inside)
            hosts.on(volumes[1].host, "rmdir", inside)
            hosts.on(volumes[0].host, "rm", socket)
        self.tally.must("it ends with 1 or 3", ended.code in (1, 3), f"exit code {ended.code}\n{ended.text}")
        for words in [f"{socket} is a socket", f"{inside} is a mount point", f"{host(2).name}: it is cordoned", HOLDER, "etcd2"]:
            self.tally.check(f"it says `{words}`", words in ended.text, ended.text)
        self.tally.check("nothing was touched", "still stands" not in ended.text, ended.text)
        self.whole()

    def full_backup_disk(self) -> None:
        """No room for a backup: found before the outage."""
        old = [host(number) for number in (4, 5, 6)]
        for one in old:
            hosts.on(one, "mkdir", "-p", BACKUPS)
            hosts.on(one, "mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", BACKUPS)
        try:
            self.ends(call(*CUTOVER), 3, "free", False)
        finally:
            for one in old:
                hosts.on(one, "umount", BACKUPS)
        self.whole()

    def api_server_stops(self) -> None:
        """The API server is silent for 20 s while pods are waited for: the run goes on afterwards."""
        process = start(*CUTOVER[: CUTOVER.index(REMOVAL) - 1])
        self.await_step(process, "scale-to-zero")
        pid = hosts.on(PRIMARY.master, "pidof", "kube-apiserver").strip()
        hosts.on(PRIMARY.master, "kill", "-STOP", pid)
        threading.Timer(20, lambda: hosts.on(PRIMARY.master, "kill", "-CONT", pid)).start()
        ended = end(process)
        self.ends(ended, 3, "Every file is verified on the replicated disks", False)
        self.back(ended)

    def node_dies(self) -> None:
        """A node loses its power while data is copied to it, and is not back in time. It is booted again, and everything
        undone."""
        playbook = self.impatient({"Bring each replica's data to its new node": "15s"})
        process = start(CUTOVER[0], playbook, *CUTOVER[2:])
        self.await_step(process, "bring-each-replica-s-data-to-its-new-node")
        power.main(["off", "primary/worker01"])
        ended = end(process)
        self.ends(ended, 4, "primary/worker01", False)
        self.tally.check("nothing was uninstalled", "uninstall release" not in ended.text, ended.text)
        power.main(["on", "primary/worker01"])
        self.back(ended)
        # Nobody makes it Primary again: the marker for that comes at the end of a cutover.
        hosts.on(host(1), "drbdadm", "primary", "etcd0")

    def claim_stuck_and_image_never_starts(self) -> None:
        """A claim that a finalizer holds stops the cutover before the outage. If it comes later the run waits, and says what
        holds the claim. Let go, the run goes on, and then the new release cannot start; the old one is brought back."""
        claim = f"/api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims/data-{STATEFULSET}-1"
        protection = "kubernetes.io/pvc-protection"
        self.service.api.patch(claim, {"metadata": {"finalizers": [protection, HOLDER]}})
        words = ['values={"image":{"tag":"never"}}' if word == "values={}" else word for word in CUTOVER]
        playbook = self.impatient({"Delete the claims; the volumes stay": "10s", "Every replica is ready": "20s"})
        ended = call(words[0], playbook, *words[2:])
        self.ends(ended, 3, f"data-{STATEFULSET}-1 is held by {HOLDER}", True)
        self.service.api.patch(claim, {"metadata": {"finalizers": [protection]}})
        process = start(words[0], playbook, *words[2:])
        self.await_step(process, "scale-to-zero")
        self.service.api.patch(claim, {"metadata": {"finalizers": [protection, HOLDER]}})
        ended = end(process)
        self.ends(ended, 1, f"data-{STATEFULSET}-1 is being deleted, held by {HOLDER}", False)
        volumes = self.service.api.get("/api/v1/persistentvolumes")["items"]
        kept = [one["metadata"]["name"] for one in volumes if one["spec"]["persistentVolumeReclaimPolicy"] == "Retain"]
        self.tally.check("all old volumes are there, and kept", len(kept) == REPLICAS, kept)
        self.service.api.patch(claim, {"metadata": {"finalizers": None}})
        ended = call("resume", ended.run)
        self.ends(ended, 1, "never", False)
        self.back(ended)
        # The claim was made again as it was, with what held it.
        self.service.api.patch(claim, {"metadata": {"finalizers": [protection]}})

    def impatient(self, timeouts: dict[str, str]):
        """The playbook of the cutover, in a copy, with less time for some steps: the shipped one is patient."""
        copy = STATE / "impatient"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(TOP / "playbooks", copy)
        playbook = copy / "etcd-cutover.yml"
        text = playbook.read_text()
        for step, timeout in timeouts.items():
            before, name, after = text.partition(f"- name: {step}\n")
            own, next_step, rest = after.partition("\n      - name: ")
            shorter, count = re.subn(r"(\n        timeout: )\S+", rf"\g<1>{timeout}", own)
            assert count == 1, step
            text = before + name + shorter + next_step + rest
        playbook.write_text(text)
        return playbook

    def await_step(self, process: subprocess.Popen, step: str) -> None:
        """Waits until a running `cutover` makes the changes of a step."""
        limit = time.monotonic() + 180
        while time.monotonic() < limit and process.poll() is None:
            runs = sorted(RUNS.glob("*-etcd-cutover/events.jsonl"), key=os.path.getmtime)
            for line in runs[-1].read_text().splitlines() if runs else []:
                event = json.loads(line) if line.endswith("}") else {}
                if event.get("kind") == "applying" and event["task"]["path"].endswith(step):
                    if runs[-1].stat().st_mtime > time.time() - 60 and self.is_new(runs[-1]):
                        return
            time.sleep(0.02)
        self.tally.must(f"the run gets to {step}", False, "")

    def is_new(self, journal) -> bool:
        """Whether a run has not ended."""
        return '"kind":"run_finished"' not in journal.read_text()


def named(ended: Ended) -> set[str]:
    """The hosts that a run calls unreachable at its end."""
    return set(re.findall(r"(?:primary|standby)/worker\d+", ended.text))


def all_of_them(tally: Tally) -> None:
    """All bad worlds, one after the other, in one lab."""
    one = Trouble(tally)
    tally.all([*one.before(), one.prepare, *one.after()])

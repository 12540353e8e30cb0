"""The service as its clients see it: keys written and read, by etcd's own HTTP interface at the addresses of the pods."""

import base64
import http.client
import json
import threading
import time

from .. import workload
from ..api import Api, ApiError
from ..settings import MACHINES, NAMESPACE, PATIENCE, REPLICAS, STATEFULSET, Site

POD_PATH = f"/api/v1/namespaces/{NAMESPACE}/pods/{STATEFULSET}-"


class NotServed(Exception):
    """No member answers."""


def code(text: str) -> str:
    """As etcd's JSON wants keys and values."""
    return base64.b64encode(text.encode()).decode()


def text(coded: str) -> str:
    """What etcd's JSON means."""
    return base64.b64decode(coded).decode(errors="replace")


class Service:
    """The etcd of a site."""

    def __init__(self, site: Site):
        self.api = Api.of(site.master.root / "etc/kubernetes")

    def pods(self) -> dict[str, dict]:
        """The members' pods that are ready, by name."""
        return {pod["metadata"]["name"]: pod for pod in workload.members(self.api)}

    def ask(self, pod: str, path: str, body: dict, timeout: float = 5) -> dict:
        """Asks one member."""
        try:
            address = self.api.get(f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}")["status"]["podIP"]
            connection = http.client.HTTPConnection(address, 2379, timeout=timeout)
            connection.request("POST", path, json.dumps(body))
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
        except (OSError, KeyError, http.client.HTTPException, ApiError) as error:
            raise NotServed(f"{pod}: {error!r}") from error
        if answer.status != 200:
            raise NotServed(f"{pod}: {answer.status} {content.decode()}")
        return json.loads(content)

    def put(self, pod: str, key: str, value: str) -> None:
        """Writes a key; when this returns it is acknowledged."""
        self.ask(pod, "/v3/kv/put", {"key": code(key), "value": code(value)})

    def keys(self, prefix: str) -> dict[str, str]:
        """All keys that begin so, with their values; read with quorum."""
        last = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        body = {"key": code(prefix), "range_end": code(last)}
        found = self.ask(f"{STATEFULSET}-0", "/v3/kv/range", body, timeout=30 * PATIENCE).get("kvs", [])
        return {text(item["key"]): text(item.get("value", "")) for item in found}

    def identity(self) -> dict:
        """The cluster's id and its members' ids and names."""
        answer = self.ask(f"{STATEFULSET}-0", "/v3/cluster/member/list", {})
        members = {member["name"]: member["ID"] for member in answer["members"]}
        return {"cluster": answer["header"]["cluster_id"], "members": members}

    def hashes(self) -> dict[str, str]:
        """What each member hashes its store to, at one revision."""
        revision = self.ask(f"{STATEFULSET}-0", "/v3/maintenance/status", {})["header"]["revision"]
        time.sleep(0.5)
        body = {"revision": revision}
        return {
            pod: str(self.ask(pod, "/v3/maintenance/hash", body, timeout=15 * PATIENCE)["hash"])
            for pod in (f"{STATEFULSET}-{ordinal}" for ordinal in range(REPLICAS))
        }

    def wait(self, seconds: float = 180 * PATIENCE) -> bool:
        """Whether all members are ready within a time."""
        end = time.monotonic() + seconds
        while len(self.pods()) < REPLICAS:
            if time.monotonic() > end:
                return False
            time.sleep(0.5)
        return True

    def scale(self, replicas: int) -> None:
        """Sets the number of members, and waits until it is so."""
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/statefulsets/{STATEFULSET}"
        self.api.patch(path, {"spec": {"replicas": replicas}})
        end = time.monotonic() + 180 * PATIENCE
        query = f"/api/v1/namespaces/{NAMESPACE}/pods"
        while len(self.pods()) != replicas or len(self.api.get(query)["items"]) != replicas:
            if time.monotonic() > end:
                raise NotServed(f"{STATEFULSET} does not get {replicas} members")
            time.sleep(0.5)


#: Seconds between a client's keys. What emulated processors have to do beside them must get its turn, too.
PAUSE = 0.5 if MACHINES else 0.02


class Writer(threading.Thread):
    """A client that writes numbered keys one after the other, and keeps in mind what was acknowledged.

    As clients of etcd do, it knows all members, and asks the next one when one does not take a key. Only when none of them
    takes it is the service away. Which member refused while another one served is recorded, too.
    """

    def __init__(self, service: Service, prefix: str, until_down: bool = False):
        super().__init__(daemon=True)
        self.service, self.prefix, self.until_down = service, prefix, until_down
        self.acknowledged: dict[str, str] = {}
        self.outages: list[float] = []
        self.refusals: list[str] = []
        self.ending = threading.Event()
        self.start()

    def run(self) -> None:
        """Writes until it is stopped, or with `until_down` until the service no longer takes anything."""
        number, down = 0, None
        while not self.ending.wait(PAUSE):
            number += 1
            key, value = f"{self.prefix}{number:08}", f"{number * number}"
            began = time.monotonic()
            if not self.put(number, key, value):
                down = down or began
                if self.until_down and time.monotonic() - down > 5:
                    return
                time.sleep(0.2)
                continue
            self.acknowledged[key] = value
            if down:
                self.outages.append(time.monotonic() - down)
                down = None

    def put(self, number: int, key: str, value: str) -> bool:
        """Whether a member takes a key. Every key begins with the next one, so that all of them are asked."""
        refusals = []
        for turn in range(REPLICAS):
            try:
                self.service.put(f"{STATEFULSET}-{(number + turn) % REPLICAS}", key, value)
            except NotServed as refusal:
                refusals.append(str(refusal))
                continue
            self.refusals += refusals
            return True
        return False

    def end(self) -> dict[str, str]:
        """Ends it, and returns what was acknowledged."""
        self.ending.set()
        self.join()
        return self.acknowledged


def missing(acknowledged: dict[str, str], there: dict[str, str]) -> list[str]:
    """What was acknowledged and is not there, or not with its value."""
    return [key for key, value in acknowledged.items() if there.get(key) != value]

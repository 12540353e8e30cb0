"""The service as it has been running for years: etcd with data, installed by helm on workers not planned for it, or where
there are no others on the planned ones in another order: no member is where it is to be.

Runs inside the lab's namespaces.
"""

import base64
import http.client
import json
import os
import random

from . import objects, tools
from .api import Api
from .process import run, say, wait_for
from .provisioner import SELECTED_NODE
from .settings import DATA_MB, LAB, NAMESPACE, PATIENCE, RELEASE, REPLICAS, STATEFULSET, VALUES, Host, Site

CHART = LAB.parent.parent / "playbooks" / "charts" / "etcd"
#: The label of the workers that the service begins on. The planned ones get the chart's own label from the playbook.
OLD_NODES = "lab/old-node"
TENANT = "cnp.inspurcloud.cn/etcd-tenant"
VALUE_BYTES = 100_000


def old_nodes(site: Site) -> list[Host]:
    """The workers that the members begin on, by ordinal, as far as that is the lab's choice: none is the planned one, which
    for member N is worker N+1."""
    last = site.workers[-REPLICAS:]
    return last if len(site.workers) >= 2 * REPLICAS else [*last[1:], last[0]]


def place(site: Site, api: Api) -> None:
    """Makes each member's claim as if the scheduler had chosen its node long ago. Where there are planned and other workers
    the scheduler may choose itself: all others are as good."""
    labels = {"app.kubernetes.io/name": "etcd", "app.kubernetes.io/instance": RELEASE}
    for ordinal, host in enumerate(old_nodes(site)):
        api.create(
            f"/api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims",
            {
                "metadata": {
                    "name": f"data-{STATEFULSET}-{ordinal}",
                    "labels": labels,
                    "annotations": {SELECTED_NODE: host.name},
                },
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "storageClassName": "hostpath",
                    "resources": {"requests": {"storage": "20Gi"}},
                },
            },
        )
    wait_for("the claims are bound", lambda: all_bound(api), 60 * PATIENCE)


def all_bound(api: Api) -> bool:
    """Whether every claim has its volume."""
    claims = api.get(f"/api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims")["items"]
    return all(claim["status"].get("phase") == "Bound" for claim in claims)


def install(site: Site, api: Api) -> None:
    """Installs the release on the last workers, and waits until every member is ready."""
    if len(site.workers) < 2 * REPLICAS:
        place(site, api)
    for host in old_nodes(site):
        api.patch(f"/api/v1/nodes/{host.name}", {"metadata": {"labels": {OLD_NODES: "true"}}})
    # The production release is older than the plan: it does not ask for the label of the planned nodes.
    values = VALUES | {"nodeSelector": {TENANT: None, OLD_NODES: "true"}}
    run(
        tools.helm() / "helm",
        "install",
        RELEASE,
        CHART,
        "--namespace",
        NAMESPACE,
        "--kubeconfig",
        site.kubeconfig,
        "--values",
        "-",
        stdin=json.dumps(values),
        env=os.environ | {"HELM_CACHE_HOME": "/run/lab-helm"},
    )
    wait_for(f"{STATEFULSET} is ready", lambda: len(members(api)) == REPLICAS, 180 * PATIENCE)


def members(api: Api) -> list[dict]:
    """The pods that are ready."""
    found = api.get(f"/api/v1/namespaces/{NAMESPACE}/pods?labelSelector=app.kubernetes.io/instance={RELEASE}")["items"]
    return [pod for pod in found if objects.is_ready(pod)]


def fill(api: Api) -> None:
    """Writes data into the service, by etcd's own HTTP interface; the same every time."""
    connection = http.client.HTTPConnection(members(api)[0]["status"]["podIP"], 2379, timeout=30)
    source = random.Random("lab")
    count = DATA_MB * 1_000_000 // VALUE_BYTES
    for number in range(count):
        body = {"key": f"/lab/data/{number:06}", "value": source.randbytes(VALUE_BYTES)}
        encoded = {
            name: base64.b64encode(part if isinstance(part, bytes) else part.encode()).decode()
            for name, part in body.items()
        }
        connection.request("POST", "/v3/kv/put", json.dumps(encoded))
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise SystemExit(f"etcd refuses a key: {answer.status} {text.decode()}")
    say(f"{count} keys with {DATA_MB} MB written to {NAMESPACE}/{STATEFULSET}")

"""The platform of the manual, as far as playbooks touch it: CkeNode objects own the labels of nodes, and a Component is
rolled out by a Comdeploy. Nothing is rolled out in truth: after a while its status says Running.
"""

import json
import sys
import threading
import time
from pathlib import Path

from .api import Api, ApiError, Mirror

GROUP = "/apis/cie.inspur.com/v1alpha1"
#: How long a component takes to be on all nodes.
DEPLOY_SECONDS = 5
#: The labels that were last carried to a node, as an annotation of it: those that are no longer wanted are taken away.
CARRIED = "cie.inspur.com/labels"


def definition(kind: str) -> dict:
    """The definition of one of its kinds. Objects may carry anything."""
    plural = kind.lower() + "s"
    columns = [{"name": "Status", "type": "string", "jsonPath": ".status.status"}] if kind == "Comdeploy" else []
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.cie.inspur.com"},
        "spec": {
            "group": "cie.inspur.com",
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": {"Component": ["com"], "Comdeploy": ["cd"]}.get(kind, []),
            },
            "versions": [
                {
                    "name": "v1alpha1",
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": columns,
                    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                }
            ],
        },
    }


DEFINITIONS = [definition(kind) for kind in ("CkeNode", "Component", "Comdeploy")]


class Platform:
    """The platform of one site."""

    def __init__(self, api: Api):
        self.api = api
        self.changed = threading.Event()
        self.nodes = Mirror(api, "/api/v1/nodes", self.changed)
        self.owners = Mirror(api, f"{GROUP}/ckenodes", self.changed)
        self.components = Mirror(api, f"{GROUP}/components", self.changed)
        self.deploys = Mirror(api, f"{GROUP}/comdeploys", self.changed)
        self.begun: dict[tuple, float] = {}

    def run(self) -> None:
        """Does what is due whenever something has changed, and while something is being rolled out."""
        while True:
            self.changed.wait(timeout=1 if self.begun else 10)
            self.changed.clear()
            for work, objects in ((self.label, self.owners.objects), (self.deploy, self.deploys.objects)):
                for item in objects.values():
                    try:
                        work(item)
                    except (ApiError, OSError) as error:
                        print(f"{item['metadata']['name']}: {error}", file=sys.stderr, flush=True)

    def label(self, owner: dict) -> None:
        """Carries the labels of a CkeNode to its Node, and takes away those that it no longer has."""
        name, labels = owner["metadata"]["name"], owner["metadata"].get("labels", {})
        node = self.nodes.objects.get(("", name))
        if node is None:
            return
        before = json.loads(node["metadata"].get("annotations", {}).get(CARRIED, "{}"))
        if before == labels:
            return
        change = {key: None for key in before} | labels
        self.api.patch(
            f"/api/v1/nodes/{name}",
            {
                "metadata": {"labels": change, "annotations": {CARRIED: json.dumps(labels, sort_keys=True)}},
            },
        )

    def deploy(self, item: dict) -> None:
        """Rolls a component out: Deploying, then Running; Failed if it is not defined."""
        meta, status = item["metadata"], item.get("status", {})
        wanted = item["spec"]["component"]
        defined = (meta["namespace"], f"{wanted['name']}-{wanted['version']}") in self.components.objects
        at = (meta["uid"], meta["generation"])
        done = status.get("observedGeneration") == meta["generation"] and status.get("status") == "Running"
        if done:
            self.begun.pop(at, None)
            return
        if not defined:
            word, more = "Failed", {"reason": f"component {wanted['name']}-{wanted['version']} not found"}
        elif time.monotonic() - self.begun.setdefault(at, time.monotonic()) < DEPLOY_SECONDS:
            word, more = "Deploying", {"reason": ""}
        else:
            word, more = "Running", {"reason": "", "nodes": sorted(name for _, name in self.nodes.objects)}
        new = {
            "component": wanted["name"],
            "version": wanted["version"],
            "status": word,
            "observedGeneration": meta["generation"],
            **more,
        }
        if any(status.get(key) != value for key, value in new.items()):
            self.api.patch(f"{GROUP}/namespaces/{meta['namespace']}/comdeploys/{meta['name']}/status", {"status": new})


if __name__ == "__main__":
    Platform(Api.of(Path("/etc/kubernetes"))).run()

"""The hostpath provisioner of a node: makes a directory and a volume for a claim whose pod was given this node, and
deletes both with the claim if the volume's reclaim policy says so. It does what it says: a mounted disk is emptied.

One runs on every worker, as the real one's DaemonSet does: a node that is down neither provisions nor deletes.
"""

import os
import shutil
import socket
import sys
import threading
from pathlib import Path

from .api import Api, ApiError, Mirror
from .settings import PROVISIONER, VOLUMES

SELECTED_NODE = "volume.kubernetes.io/selected-node"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"


class Provisioner:
    """The provisioner of one node."""

    def __init__(self, api: Api, node: str):
        self.api, self.node = api, node
        self.changed = threading.Event()
        self.claims = Mirror(api, "/api/v1/persistentvolumeclaims", self.changed)
        self.volumes = Mirror(api, "/api/v1/persistentvolumes", self.changed)
        self.classes = Mirror(api, "/apis/storage.k8s.io/v1/storageclasses", self.changed)

    def run(self) -> None:
        """Does what is due whenever something has changed, and what failed again after a while."""
        while True:
            self.changed.wait(timeout=10)
            self.changed.clear()
            for work, objects in ((self.provision, self.claims.objects), (self.reclaim, self.volumes.objects)):
                for item in objects.values():
                    try:
                        work(item)
                    except (ApiError, OSError) as error:
                        print(f"{item['metadata']['name']}: {error}", file=sys.stderr, flush=True)

    def provision(self, claim: dict) -> None:
        """Makes directory and volume for a claim that waits for this node."""
        meta, spec = claim["metadata"], claim["spec"]
        of_class = self.classes.objects.get(("", spec.get("storageClassName")))
        name = f"pvc-{meta['uid']}"
        if (
            of_class is None
            or of_class["provisioner"] != PROVISIONER
            or meta.get("annotations", {}).get(SELECTED_NODE) != self.node
            or claim["status"]["phase"] != "Pending"
            or spec.get("volumeName")
            or "deletionTimestamp" in meta
            or ("", name) in self.volumes.objects
        ):
            return
        path = Path(VOLUMES, name)
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o777)
        self.api.create("/api/v1/persistentvolumes", self.volume(claim, of_class, path))

    def volume(self, claim: dict, of_class: dict, path: Path) -> dict:
        """The volume for a claim."""
        meta, spec = claim["metadata"], claim["spec"]
        here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [self.node]}
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {
                "name": path.name,
                "annotations": {
                    PROVISIONED_BY: PROVISIONER,
                    "hostPathProvisionerIdentity": f"{PROVISIONER}-{self.node}",
                    "kubevirt.io/provisionOnNode": self.node,
                },
            },
            "spec": {
                "capacity": {"storage": spec["resources"]["requests"]["storage"]},
                "accessModes": spec["accessModes"],
                "claimRef": {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "namespace": meta["namespace"],
                    "name": meta["name"],
                    "uid": meta["uid"],
                    "resourceVersion": meta["resourceVersion"],
                },
                "hostPath": {"path": str(path), "type": ""},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
                "persistentVolumeReclaimPolicy": of_class["reclaimPolicy"],
                "storageClassName": of_class["metadata"]["name"],
            },
        }

    def reclaim(self, volume: dict) -> None:
        """Deletes the directory and the volume of a claim that is gone."""
        meta, spec = volume["metadata"], volume["spec"]
        notes = meta.get("annotations", {})
        if (
            notes.get(PROVISIONED_BY) != PROVISIONER
            or notes.get("kubevirt.io/provisionOnNode") != self.node
            or volume["status"].get("phase") != "Released"
            or spec["persistentVolumeReclaimPolicy"] != "Delete"
            or "deletionTimestamp" in meta
        ):
            return
        if os.path.lexists(spec["hostPath"]["path"]):
            shutil.rmtree(spec["hostPath"]["path"])
        self.api.send("DELETE", f"/api/v1/persistentvolumes/{meta['name']}")


if __name__ == "__main__":
    Provisioner(Api.of(Path("/etc/kubernetes")), socket.gethostname()).run()

"""The objects that a cluster begins with: the storage class, the platform's kinds and nodes, the namespace."""

from . import cke
from .api import Api, ApiError
from .settings import NAMESPACE, PROVISIONER, Site


def make(api: Api) -> None:
    """Makes them."""
    for name in ("kube-system", NAMESPACE):
        api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    api.create(
        "/apis/storage.k8s.io/v1/storageclasses",
        {
            "metadata": {"name": "hostpath"},
            "provisioner": PROVISIONER,
            "reclaimPolicy": "Delete",
            "volumeBindingMode": "WaitForFirstConsumer",
        },
    )
    for definition in cke.DEFINITIONS:
        api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)


def make_nodes(api: Api, site: Site) -> bool:
    """Makes a CkeNode for each worker, whose labels are carried to the Node once there is one. False if the kind is not
    served yet."""
    for host in site.workers:
        labels = {
            "kubernetes.io/hostname": host.name,
            "node-role.kubernetes.io/node": "true",
            "cnp.inspurcloud.cn/control-plane": "true",
        }
        try:
            api.create(
                f"{cke.GROUP}/namespaces/kube-system/ckenodes",
                {
                    "apiVersion": "cie.inspur.com/v1alpha1",
                    "kind": "CkeNode",
                    "metadata": {"name": host.name, "labels": labels},
                    "spec": {"address": host.address},
                },
            )
        except ApiError as error:
            if error.status != 404:
                raise
            return False
    return True


def is_ready(item: dict) -> bool:
    """Whether an object has the condition Ready."""
    conditions = item.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def nodes_are_ready(api: Api, site: Site) -> bool:
    """Whether all workers are nodes, ready, and have the labels of the platform."""
    found = api.get("/api/v1/nodes?labelSelector=cnp.inspurcloud.cn/control-plane=true")["items"]
    return len([item for item in found if is_ready(item)]) == len(site.workers)

"""What makes a host a node: containerd, the network of its pods, kubelet."""

import json

from .settings import DNS_DOMAIN, KUBERNETES_ON_HOST, LAB_ON_HOST, Host

CONTAINERD = """\
version = 2
oom_score = 0
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "lab/pause:1"
  disable_tcp_service = true
  # Else every sandbox dies where lowering a score is not permitted.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
"""


def network(host: Host) -> str:
    """The network of the host's pods: a bridge, routed, without address translation."""
    bridge = {
        "type": "bridge",
        "bridge": "pods",
        "isGateway": True,
        "ipMasq": False,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": host.pods}]], "routes": [{"dst": "0.0.0.0/0"}]},
    }
    return json.dumps({"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]}, indent=1)


def kubelet(host: Host) -> str:
    """kubelet's configuration: no systemd, control groups of version 1, evicts nothing, trusts whoever reaches it."""
    return json.dumps(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            "clusterDNS": [host.site.master.address],
            "clusterDomain": DNS_DOMAIN,
            "cgroupDriver": "cgroupfs",
            "cgroupsPerQOS": False,
            "enforceNodeAllocatable": [],
            "failSwapOn": False,
            "makeIPTablesUtilChains": False,
            "oomScoreAdj": 0,
            "evictionHard": {},
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            # kubelet 1.20 may find out only at the next regular look that a pod is gone; the default is a minute.
            "syncFrequency": "5s",
            "readOnlyPort": 0,
            "serializeImagePulls": False,
        },
        indent=1,
    )


def files(host: Host) -> dict[str, str]:
    """What it needs below the host's root."""
    return {
        "etc/containerd/config.toml": CONTAINERD,
        "etc/cni/net.d/10-pods.conflist": network(host),
        "etc/kubernetes/kubelet.json": kubelet(host),
    }


def services(host: Host) -> list[dict]:
    """What runs. kubelet begins when the images are there: nothing can be pulled."""
    flags = [
        "--config",
        "/etc/kubernetes/kubelet.json",
        "--kubeconfig",
        "/etc/kubernetes/kubeconfig",
        "--container-runtime",
        "remote",
        "--container-runtime-endpoint",
        "unix:///run/containerd/containerd.sock",
        "--node-ip",
        host.address,
        # What each control group uses, which nobody asks for here, took a third of an idle kubelet's time.
        "--housekeeping-interval",
        "1m",
    ]
    return [
        {"name": "containerd", "argv": ["/usr/bin/containerd"]},
        {"name": "kubelet", "argv": [f"{LAB_ON_HOST}/scripts/start-kubelet.sh", f"{KUBERNETES_ON_HOST}/kubelet", *flags]},
    ]

"""The control plane of a site, on its host `master`: etcd, API server, controller manager, scheduler."""

import base64

from .certificates import KEYS
from .settings import API_PORT, KUBERNETES_ON_HOST, Host, Site

ETCD = "http://127.0.0.1:2379"

KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters:
  - name: {site}
    cluster:
      server: {server}
      certificate-authority-data: {authority}
users:
  - name: {site}-admin
    user:
      token: {token}
contexts:
  - name: {site}
    context: {{cluster: {site}, user: {site}-admin}}
current-context: {site}
"""


def kubeconfig(site: Site) -> str:
    """Credentials of the cluster's administrator. The lab authorises everyone who is authenticated."""
    return KUBECONFIG.format(
        site=site.name,
        server=f"https://{site.master.address}:{API_PORT}",
        authority=base64.b64encode((KEYS / "ca.crt").read_bytes()).decode(),
        token=(KEYS / f"{site.name}.token").read_text(),
    )


def credentials(site: Site) -> dict[str, str]:
    """What every program on a host of the site needs to speak to its API server, below the host's root."""
    return {
        "etc/kubernetes/kubeconfig": kubeconfig(site),
        "etc/kubernetes/server": f"{site.master.address}:{API_PORT}",
        "etc/kubernetes/token": (KEYS / f"{site.name}.token").read_text(),
        "etc/kubernetes/ca.crt": (KEYS / "ca.crt").read_text(),
    }


def files(host: Host) -> dict[str, str]:
    """What it needs below the host's root."""
    name = host.site.name
    token = (KEYS / f"{name}.token").read_text()
    return credentials(host.site) | {
        "etc/kubernetes/tokens": f"{token},admin,admin,system:masters\n",
        "etc/kubernetes/api.crt": (KEYS / f"{name}.crt").read_text(),
        "etc/kubernetes/api.key": (KEYS / f"{name}.key").read_text(),
        "etc/kubernetes/accounts.key": (KEYS / f"{name}-accounts.key").read_text(),
    }


def services(host: Host) -> list[dict]:
    """What runs. They find each other by trying again."""
    etc = "/etc/kubernetes"
    etcd = [
        "/usr/bin/etcd",
        "--name",
        host.site.name,
        "--data-dir",
        "/var/lib/etcd",
        "--unsafe-no-fsync",
        "--listen-client-urls",
        ETCD,
        "--advertise-client-urls",
        ETCD,
        "--listen-peer-urls",
        "http://127.0.0.1:2380",
    ]
    api = [
        f"{KUBERNETES_ON_HOST}/kube-apiserver",
        "--etcd-servers",
        ETCD,
        "--advertise-address",
        host.address,
        "--bind-address",
        host.address,
        "--secure-port",
        str(API_PORT),
        "--allow-privileged",
        "--service-cluster-ip-range",
        host.site.services,
        "--authorization-mode",
        "AlwaysAllow",
        "--token-auth-file",
        f"{etc}/tokens",
        "--anonymous-auth=false",
        "--profiling=false",
        "--tls-cert-file",
        f"{etc}/api.crt",
        "--tls-private-key-file",
        f"{etc}/api.key",
        "--service-account-key-file",
        f"{etc}/accounts.key",
        "--service-account-signing-key-file",
        f"{etc}/accounts.key",
        "--service-account-issuer",
        "https://kubernetes.default.svc",
        "--disable-admission-plugins",
        "ServiceAccount",
        # Names of workers are those of two clusters; addresses are one worker's own.
        "--kubelet-preferred-address-types",
        "InternalIP",
    ]
    other = ["--kubeconfig", f"{etc}/kubeconfig", "--leader-elect=false", "--port", "0", "--profiling=false"]
    manager = [
        f"{KUBERNETES_ON_HOST}/kube-controller-manager",
        *other,
        "--service-account-private-key-file",
        f"{etc}/accounts.key",
    ]
    scheduler = [f"{KUBERNETES_ON_HOST}/kube-scheduler", *other]
    return [
        {"name": "etcd", "argv": etcd},
        {"name": "kube-apiserver", "argv": api},
        {"name": "kube-controller-manager", "argv": manager},
        {"name": "kube-scheduler", "argv": scheduler},
    ]

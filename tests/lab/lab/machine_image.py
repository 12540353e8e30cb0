"""The image of workers that are machines: the recipe of the DRBD lab with what makes a Kubernetes node in it. It is kept in
the cache under a hash of its own, and the DRBD lab's own image stays as it is."""

import hashlib
import sys
from pathlib import Path

from .settings import LAB

sys.path.insert(0, str(LAB / "drbd"))

from drbdlab import cpio, image  # noqa: E402
from drbdlab import run as tool  # noqa: E402

PACKAGES = "containerd runc containernetworking-plugins iptables python3-minimal python3".split()
MODULES = "overlay bridge br_netfilter veth".split()
#: The root disk: a member's old data, its backup and the pods' images are there. It is sparse.
SIZE_MB = 4096


def path() -> Path:
    """Where the image of this recipe is, or will be."""
    recipe = b"".join(Path(module.__file__).read_bytes() for module in (image, cpio)) + Path(__file__).read_bytes()
    return image.cache() / f"node-{hashlib.sha256(recipe).hexdigest()[:12]}"


def build() -> Path:
    """Builds what is not there yet; returns its directory. What is different is put in the place of the recipe's names: a
    parameter there would be another recipe, and have every DRBD lab build anew."""
    if path().exists():
        return path()
    own = image.make, image.path

    def make(work: Path) -> None:
        own[0](work)
        with (work / "root.img").open("r+b") as disk:
            disk.truncate(SIZE_MB << 20)
        tool("resize2fs", work / "root.img")

    packages, modules = image.PACKAGES, image.MODULES
    image.PACKAGES, image.MODULES = packages + PACKAGES, list(dict.fromkeys(modules + MODULES))
    image.make, image.path = make, path
    try:
        return image.build()
    finally:
        image.PACKAGES, image.MODULES = packages, modules
        image.make, image.path = own


if __name__ == "__main__":
    print(build())

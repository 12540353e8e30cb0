"""The images of the pods, made of Debian's programs without a registry: pause, and etcd under the chart's name."""

import hashlib
import io
import json
import re
import tarfile
from pathlib import Path

from .process import run
from .settings import STATE

DIRECTORY = STATE / "images"
PAUSE = "docker.io/lab/pause:1"
#: What the chart of the service asks for (its values.yaml). What is in it is Debian's etcd, 3.4.
ETCD = "quay.io/coreos/etcd:v3.5.6"


def make() -> None:
    """Makes the archives."""
    DIRECTORY.mkdir()
    busybox = {"bin/busybox": Path("/bin/busybox")}
    links = {
        f"bin/{name}": "busybox"
        for name in (
            "sh",
            "cat",
            "ls",
            "sleep",
            "df",
            "stat",
            "id",
            "env",
            "hostname",
            "nslookup",
            "wget",
            "ps",
            "kill",
            "mount",
            "date",
            "sync",
        )
    }
    # `sleep` as process 1 would ignore TERM: a shell that traps it ends at once.
    pause = ["/bin/sh", "-c", "trap 'exit 0' TERM INT; while :; do sleep 3600 & wait $!; done"]
    write("pause", PAUSE, busybox, links, pause)
    programs = {f"usr/bin/{name}": Path("/usr/bin", name) for name in ("etcd", "etcdctl")}
    files = (
        busybox
        | programs
        | {library.lstrip("/"): Path(library) for path in programs.values() for library in libraries(path)}
    )
    write("etcd", ETCD, files, links, ["/usr/bin/etcd"])


def libraries(program: Path) -> set[str]:
    """The shared libraries that a program needs, with the loader."""
    return set(re.findall(r"(/\S+) \(0x", run("ldd", program, accept=(0, 1))))


def write(name: str, tag: str, files: dict[str, Path], links: dict[str, str], command: list[str]) -> None:
    """Writes an image as `docker save` does: one layer, its configuration, a manifest."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        for directory in (
            "bin",
            "usr",
            "usr/bin",
            "etc",
            "tmp",
            "var",
            "var/lib",
            "var/lib/etcd",
            "proc",
            "sys",
            "dev",
        ):
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if directory == "tmp" else 0o755
            archive.addfile(entry)
        for path, source in files.items():
            data = source.read_bytes()
            add(archive, path, data, 0o755)
        for path, target in links.items():
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
        add(archive, "etc/passwd", b"root:x:0:0::/:/bin/sh\netcd:x:1001:1002::/:/bin/sh\n", 0o644)
        add(archive, "etc/group", b"root:x:0:\netcd:x:1002:\n", 0o644)
        add(archive, "etc/nsswitch.conf", b"hosts: files dns\n", 0o644)
    data = layer.getvalue()
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Env": ["PATH=/usr/bin:/bin"], "Cmd": command},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(data).hexdigest()]},
        }
    ).encode()
    manifest = [{"Config": "config.json", "RepoTags": [tag], "Layers": ["layer.tar"]}]
    with tarfile.open(DIRECTORY / f"{name}.tar", "w") as archive:
        add(archive, "layer.tar", data, 0o644)
        add(archive, "config.json", config, 0o644)
        add(archive, "manifest.json", json.dumps(manifest).encode(), 0o644)
    (DIRECTORY / f"{name}.tar.name").write_text(tag)


def add(archive: tarfile.TarFile, path: str, data: bytes, mode: int) -> None:
    """Puts a file into an archive."""
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = len(data), mode
    archive.addfile(entry, io.BytesIO(data))

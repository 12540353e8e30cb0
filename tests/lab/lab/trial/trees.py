"""What a directory on a host holds, in all its attributes: read here in its own way, not in the one of `cutover`.

Started as a program it prints the tree of its first argument as JSON. Runs on hosts.
"""

import hashlib
import json
import os
import stat
import sys

from ..hosts import on
from ..settings import LAB_ON_HOST, Host


def of(host: Host, path: str) -> dict[str, dict]:
    """The tree of a host, by relative path; `lost+found` at its top is left out."""
    argv = ("/usr/bin/env", f"PYTHONPATH={LAB_ON_HOST}", "/usr/bin/python3", "-B", "-m", "lab.trial.trees", path)
    return json.loads(on(host, *argv))


def owners(tree: dict[str, dict]) -> dict[str, tuple]:
    """Of each entry that which lasts while a service writes: kind, mode, owner, group, extended attributes."""
    return {path: tuple(entry[name] for name in ("kind", "mode", "uid", "gid", "xattrs")) for path, entry in tree.items()}


def differences(one: dict, other: dict) -> str:
    """What is not the same, a line for each; empty if all is."""
    names = sorted(one.keys() | other.keys())
    return "\n".join(f"{name}: {one.get(name)} / {other.get(name)}" for name in names if one.get(name) != other.get(name))


def read(top: str) -> dict[str, dict]:
    """Reads a tree."""
    found, inodes = {}, {}
    for directory, directories, files in os.walk(top):
        if directory == top and "lost+found" in directories:
            directories.remove("lost+found")
        directories.sort()
        links = [name for name in directories if os.path.islink(os.path.join(directory, name))]
        for path in [directory, *(os.path.join(directory, name) for name in sorted(files + links))]:
            entry = look(path)
            if entry.pop("links") > 1 and entry["kind"] != "d":
                first = inodes.setdefault(os.lstat(path).st_ino, os.path.relpath(path, top))
                entry["same_as"] = first
            found[os.path.relpath(path, top)] = entry
    return found


def look(path: str) -> dict:
    """Reads an entry. Times of directories and access times are left out."""
    seen = os.lstat(path)
    kind = {stat.S_IFDIR: "d", stat.S_IFREG: "f", stat.S_IFLNK: "l", stat.S_IFIFO: "p"}.get(stat.S_IFMT(seen.st_mode), "?")
    entry = {
        "kind": kind,
        "mode": oct(stat.S_IMODE(seen.st_mode)),
        "uid": seen.st_uid,
        "gid": seen.st_gid,
        "links": seen.st_nlink,
        "xattrs": {
            name: os.getxattr(path, name, follow_symlinks=False).hex()
            for name in sorted(os.listxattr(path, follow_symlinks=False))
        },
    }
    if kind == "f":
        with open(path, "rb") as file:
            entry |= {"size": seen.st_size, "hash": hashlib.file_digest(file, "sha256").hexdigest()}
        entry["mtime"] = seen.st_mtime_ns
    if kind == "l":
        entry["to"] = os.readlink(path)
    return entry


if __name__ == "__main__":
    json.dump(read(sys.argv[1]), sys.stdout)

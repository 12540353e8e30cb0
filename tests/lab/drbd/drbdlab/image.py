"""Kernel, initramfs and root image of the machines, made from Debian's packages once and kept in the cache under a name
that is a hash of this recipe. Not what makes one machine differ from another: that is its seed, in machine.py."""

import fcntl
import gzip
import hashlib
import os
import pathlib
import shutil
import subprocess

from . import Problem, cpio, run

RELEASE = "bookworm"
PACKAGES = (
    "acl attr drbd-utils e2fsprogs iproute2 iputils-ping kmod lsof openssh-server procps psmisc systemd systemd-sysv udev util-linux"
).split()
# What the initramfs loads, and what the root image holds beside it. `modprobe` adds what they depend on.
EARLY = "virtio_pci virtio_blk virtio_net ext4".split()
MODULES = EARLY + "drbd crc32c_generic crc32c_intel crc32_pclmul sha256_generic sha1_generic xfs loop dummy veth".split()
# Without these a machine takes SSH minutes earlier.
MASKED = (
    "systemd-networkd.service systemd-networkd.socket systemd-networkd-wait-online.service apt-daily.timer "
    "apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer "
    "getty@tty1.service getty-static.service serial-getty@ttyS0.service systemd-pstore.service systemd-hwdb-update.service "
    "systemd-firstboot.service systemd-journal-flush.service proc-sys-fs-binfmt_misc.automount systemd-binfmt.service dev-hugepages.mount dev-mqueue.mount "
    "sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount modprobe@configfs.service "
    "modprobe@drm.service modprobe@fuse.service modprobe@efi_pstore.service"
).split()
# The manual's SSH port.
SSH_PORT = 6233
SSHD = f"""Port {SSH_PORT}
PermitRootLogin prohibit-password
PasswordAuthentication no
UseDNS no
UsePAM no
HostKey /etc/ssh/ssh_host_ed25519_key
Subsystem sftp internal-sftp
"""
INIT = """#!/bin/busybox sh
# Loads the drivers, mounts the root, sets its seed and its addresses, and makes way for systemd.
/bin/busybox mkdir -p /proc /sys /dev /root
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
for module in $(/bin/busybox cat /modules/order); do /bin/busybox insmod /modules/$module; done
until /bin/busybox mount -t ext4 -o noatime /dev/vda /root 2>/dev/null; do /bin/busybox sleep 0.1; done
/bin/busybox cp -a /seed/. /root/
. /addresses
/bin/busybox ip link set lo up
for nic in 0 1; do
    eval address=\\$eth$nic
    /bin/busybox ip addr add $address dev eth$nic
    /bin/busybox ip link set eth$nic up
done
for point in proc sys dev; do /bin/busybox mount -o move /$point /root/$point; done
exec /bin/busybox switch_root /root /sbin/init
"""


def missing():
    """The Debian packages that the lab needs on this host and that are not there."""
    programs = {
        "debootstrap": "debootstrap",
        "qemu-system-x86_64": "qemu-system-x86",
        "qemu-img": "qemu-utils",
        "mkfs.ext4": "e2fsprogs",
        "depmod": "kmod",
        "ip": "iproute2",
        "ssh": "openssh-client",
        "ssh-keygen": "openssh-client",
    }
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return sorted({package for program, package in programs.items() if not shutil.which(program, path=path)})


def cache():
    """The directory for what is worth keeping between checkouts."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(base) / "cutover-lab"


def path():
    """Where the image of this recipe is, or will be."""
    recipe = b"".join(pathlib.Path(__file__).with_name(name).read_bytes() for name in ("image.py", "cpio.py"))
    return cache() / f"drbd-{hashlib.sha256(recipe).hexdigest()[:12]}"


def build():
    """Builds what is not there yet; returns its directory. Two builds at a time wait for each other."""
    done = path()
    if lacking := missing():
        raise Problem(f"missing here: apt-get install -y --no-install-recommends {' '.join(lacking)}")
    done.parent.mkdir(parents=True, exist_ok=True)
    with open(done.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            work = done.with_suffix(".new")
            clear(work)
            work.mkdir()
            try:
                make(work)
                shutil.rmtree(work / "root")
                shutil.rmtree(work / "kernel")
                work.rename(done)
            finally:
                clear(work)
    return done


def clear(work):
    """Removes what an interrupted build left, its mounts first."""
    for line in reversed(pathlib.Path("/proc/self/mounts").read_text().splitlines()):
        if line.split()[1].startswith(f"{work}/"):
            run("umount", line.split()[1])
    if work.exists():
        shutil.rmtree(work)


def make(work):
    """The whole recipe, in an empty directory."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    os.nice(10)
    root = work / "root"
    # As children of their own: debootstrap is the long part, and the kernel comes meanwhile.
    log = open(work / "debootstrap.log", "w")
    debootstrap = subprocess.Popen(
        ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", RELEASE, root, "http://deb.debian.org/debian"],
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        version, files = kernel(work)
        initramfs(work, version, files)
    finally:
        code = debootstrap.wait()
    if code != 0:
        tail = (work / "debootstrap.log").read_text().splitlines()[-5:]
        raise Problem("debootstrap failed: " + "; ".join(tail))
    furnish(root)
    for file in {file for name in MODULES for file in files[name]}:
        to = root / file.relative_to(work / "kernel")
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, to)
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(work / "kernel/lib/modules" / version / name, root / "lib/modules" / version / name)
    run("depmod", "-b", root, version)
    with open(work / "root.img", "wb") as disk:
        disk.truncate(1 << 30)
    run("mkfs.ext4", "-q", "-F", "-L", "root", "-m", "0", "-E", "lazy_itable_init=0", "-d", root, work / "root.img")


def fetch(work, package):
    """Unpacks a package without installing it."""
    run("apt-get", "-o", "APT::Sandbox::User=root", "download", package, cwd=work)
    (deb,) = work.glob(f"{package}_*.deb")
    run("dpkg", "-x", deb, work / "kernel")
    deb.unlink()


def kernel(work):
    """Debian's stock kernel: its version, and for each module the files to load, in order."""
    (work / "kernel").mkdir()
    depends = run("apt-cache", "depends", "linux-image-amd64")
    names = [line.split()[-1] for line in depends.splitlines() if "Depends: linux-image-" in line]
    if not names:
        raise Problem("apt does not know linux-image-amd64: run `apt-get update` first")
    fetch(work, names[0])
    fetch(work, "busybox-static")
    version = names[0].removeprefix("linux-image-")
    shutil.copy(work / "kernel/boot" / f"vmlinuz-{version}", work / "vmlinuz")
    run("depmod", "-b", work / "kernel", version)
    files = {}
    for name in MODULES:
        shown = run("modprobe", "-d", work / "kernel", "-S", version, "--show-depends", name)
        lines = [line.split() for line in shown.splitlines()]
        files[name] = [pathlib.Path(words[1]) for words in lines if words[0] == "insmod"]
    return version, files


def initramfs(work, version, files):
    """busybox, the drivers for the root disk and the network, and the script above."""
    entries = {"bin": None, "modules": None, "init": (0o755, INIT.encode())}
    entries["bin/busybox"] = (0o755, (work / "kernel/bin/busybox").read_bytes())
    order = list(dict.fromkeys(file for name in EARLY for file in files[name]))
    for file in order:
        entries[f"modules/{file.name}"] = (0o644, file.read_bytes())
    entries["modules/order"] = (0o644, "\n".join(file.name for file in order).encode())
    (work / "initramfs").write_bytes(gzip.compress(cpio.archive(entries), 6))
    (work / "version").write_text(version)


def furnish(root):
    """What is the same on every machine."""
    (root / "etc/ssh/sshd_config").write_text(SSHD)
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (root / "etc/fstab").write_text("/dev/vda / ext4 noatime 0 0\n")
    (root / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
    (root / "data/vmdata/hpvolumes").mkdir(parents=True)
    for unit in MASKED:
        (root / "etc/systemd/system" / unit).unlink(missing_ok=True)
        (root / "etc/systemd/system" / unit).symlink_to("/dev/null")
    shutil.rmtree(root / "var/cache/apt")
    shutil.rmtree(root / "var/lib/apt/lists")

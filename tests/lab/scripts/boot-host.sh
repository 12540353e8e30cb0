#!/bin/bash
# Makes a host of the namespaces it is started in (network, mounts, hostname, processes), and becomes its process 1.
#
#   boot-host.sh DIRECTORY NAME LAB KUBERNETES [DISK]
#
# DIRECTORY has the host's root directory and its /usr/local; the rest of /usr is the machine's, read-only. DISK is the
# loop device that the host has as /dev/sdc. Nothing that is mounted here is seen outside.
set -euo pipefail
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
directory=$1 name=$2 lab=$3 kubernetes=$4 disk=${5:-}
root=$directory/root

if [ -z "${IN_CGROUP:-}" ]; then
    # Its control groups are below the lab's, and are the top for everything on it.
    "$lab/scripts/join-cgroup.sh" "${directory##*/hosts/}"
    IN_CGROUP=yes exec unshare --cgroup "$0" "$@"
fi

mount --make-rprivate /
mount --bind "$root" "$root"
mount --bind /usr "$root/usr"
mount -o remount,bind,ro "$root/usr"
mount --bind "$directory/local" "$root/usr/local"
for pair in "$lab:opt/lab" "$kubernetes:opt/kubernetes" "${directory%/hosts/*}/images:opt/images"; do
    mount --bind "${pair%%:*}" "$root/${pair#*:}"
    mount -o remount,bind,ro "$root/${pair#*:}"
done
shared=${directory%/hosts/*}/drbd
if [ -d "$shared" ]; then
    mkdir -p "$root/var/lib/cutover-stand-in"
    mount --bind "$shared" "$root/var/lib/cutover-stand-in"
fi
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"

mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
while IFS=: read -r _ controllers _; do
    if [ -n "$controllers" ]; then
        mkdir "$root/sys/fs/cgroup/${controllers#name=}"
        mount -t cgroup -o "$controllers" cgroup "$root/sys/fs/cgroup/${controllers#name=}"
    fi
done </proc/self/cgroup

dev=$root/dev
mount -t tmpfs -o mode=755 tmpfs "$dev"
while read -r file major minor; do
    mknod -m 666 "$dev/$file" c "$major" "$minor"
done <<'NODES'
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
kmsg 1 11
tty 5 0
loop-control 10 237
NODES
# The kernel's loop devices are those of all hosts; each host takes one that is free.
for number in {0..63}; do
    mknod -m 660 "$dev/loop$number" b 7 "$number"
done
mkdir "$dev/pts" "$dev/shm" "$dev/mqueue"
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$dev/shm"
mount -t mqueue mqueue "$dev/mqueue"
ln -s pts/ptmx "$dev/ptmx"
ln -s /proc/self/fd "$dev/fd"
ln -s fd/0 "$dev/stdin"
ln -s fd/1 "$dev/stdout"
ln -s fd/2 "$dev/stderr"
if [ -n "$disk" ]; then
    mknod -m 660 "$dev/sdc" b "0x$(stat -c %t "$disk")" "0x$(stat -c %T "$disk")"
fi

cd "$root"
pivot_root . .
umount -l .
mount --make-rshared /
hostname "$name"
mkdir -p /run/sshd /run/lock
echo 1 >/proc/sys/net/ipv4/ip_forward
cd /
unset IN_CGROUP
exec chroot / /usr/bin/env -i PATH="$PATH" HOME=/root LANG=C.UTF-8 /usr/bin/python3 -B /opt/lab/lab/init.py host

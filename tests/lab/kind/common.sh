# What `up`, `run` and `down` have in common: names, paths, and what is read from the inventory. To be sourced.
# shellcheck shell=bash disable=SC2034 # who sources it uses what is set here
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

# Everything that is kept while the clusters are up. The inventory and the clusters' configurations have the same path.
state=/var/lib/cutover-kind
inventory=inventories/kind.yml
sites=(primary standby)
# The node image of kind that the clusters' own is made from. kind asks for the digest that its release notes give:
# this one is of https://github.com/kubernetes-sigs/kind/releases/tag/v0.33.0
node_image=${KIND_NODE_IMAGE:-kindest/node:v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5}
built_image="cutover-kind-node:local"
etcd_image=quay.io/coreos/etcd:v3.5.6
namespace=common release=common-etcd statefulset=common-etcd-etcd
disk_mb=512
# The binaries, which have to run in kind's nodes too: see README.md.
cutover=${CUTOVER:-target/release/cutover}
stand_in=${CUTOVER_DRBD_STAND_IN:-$(dirname "$cutover")/cutover-drbd-stand-in}

say() { printf '== %s\n' "$*"; }
die() {
    local verb=${0##*/}
    printf 'tests/lab/run kind %s: %s\n' "${verb%.sh}" "$*" >&2
    exit 1
}

# need PROGRAM WHERE-FROM
need() { command -v "$1" >/dev/null || die "needs $1, which is not in PATH: $2"; }

need_program() {
    [ -x "$cutover" ] || die "needs cutover itself at $cutover: build it as tests/lab/kind/README.md says, or set CUTOVER"
    need kubectl "https://kubernetes.io/docs/tasks/tools"
    need helm "https://helm.sh/docs/intro/install"
}

need_stand_in() {
    [ -x "$stand_in" ] || die "needs the DRBD stand-in at $stand_in: build it as tests/lab/kind/README.md says, or set CUTOVER_DRBD_STAND_IN"
}

need_engine() {
    need kind "https://kind.sigs.k8s.io/docs/user/quick-start/#installation"
    need docker "a container engine: install Docker Engine, https://docs.docker.com/engine/install"
    docker info >/dev/null 2>&1 || die "needs a container engine, and docker's does not answer: $(docker info 2>&1 | tail -n 1)"
    need losetup "on Debian the package mount"
    [ "$(id -u)" = 0 ] || need sudo "loop devices need root"
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

# All nodes of the inventory with their addresses, one a line.
nodes() { sed -n 's/^ *\([a-z0-9-]*\): {address: \([0-9.]*\)}.*/\1 \2/p' "$inventory"; }

# Those that are members of a pair.
planned() { sed -n 's/^ *[a-z]*: {node: \([a-z0-9-]*\), node_id: .*/\1/p' "$inventory"; }

# The path that a pair's disk has on its node.
spare() { sed -n '/^ *disk: /{s///p;q}' "$inventory"; }

# at SITE PROGRAM ...: kubectl and helm on the cluster of a site.
at() {
    local site=$1
    shift
    KUBECONFIG=$state/$site.kubeconfig "$@"
}

# Every key below /kind/ with its value.
keys() {
    at primary kubectl exec --namespace "$namespace" "$statefulset-0" -- etcdctl get --prefix /kind/
}

# What a person would look at when the service does not come up.
what_is_there() {
    at primary kubectl get nodes,pods,persistentvolumeclaims --all-namespaces --output wide || true
    at primary kubectl get events --all-namespaces --sort-by .lastTimestamp | tail -n 30 || true
    at primary kubectl logs --namespace "$namespace" "$statefulset-0" --tail 20 || true
}

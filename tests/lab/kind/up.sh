#!/usr/bin/env bash
# Makes the clusters `primary` and `standby` with kind, with spare disks and the DRBD stand-in on the planned nodes, and with
# etcd in `primary` as it was before any of it. Clears first what an earlier run left. See README.md.
# shellcheck source=SCRIPTDIR/common.sh
source "$(dirname "$0")/common.sh"

need_engine
need_program
need_stand_in
[ ! -e /sys/module/drbd ] || die "this kernel has DRBD, beside which the stand-in refuses to run"
# https://kind.sigs.k8s.io/docs/user/known-issues/#pod-errors-due-to-too-many-open-files
for limit in max_user_instances=512 max_user_watches=524288; do
    [ "$(cat "/proc/sys/fs/inotify/${limit%=*}")" -ge "${limit#*=}" ] ||
        die "so many nodes need more of inotify: sudo sysctl fs.inotify.$limit"
done

tests/lab/kind/down.sh
for site in "${sites[@]}"; do
    ! kind get clusters 2>/dev/null | grep -x "$site" >/dev/null ||
        die "there is a cluster $site that is none of these scripts'; if you do not need it: kind delete cluster --name $site"
done
as_root install -d -o "$(id -u)" -m 755 "$state" "$state/stand-in" "$state/disks" "$state/image"

say "node image"
cp tests/lab/kind/Dockerfile tests/lab/kind/drbd@.target tests/lab/kind/drbd@.service "$state/image/"
cp "$cutover" "$state/image/cutover"
cp "$stand_in" "$state/image/cutover-drbd-stand-in"
docker build --quiet --build-arg "NODE_IMAGE=$node_image" --tag "$built_image" "$state/image" ||
    die "no node image from $node_image; if cutover could not start in it, link it statically as tests/lab/kind/README.md says"

for site in "${sites[@]}"; do
    say "cluster $site"
    kind create cluster --config "tests/lab/kind/$site.yml" --image "$built_image" --kubeconfig "$state/$site.kubeconfig" --wait 5m
    at "$site" kubectl wait --for=condition=Ready nodes --all --timeout=5m
    at "$site" kubectl apply -f tests/lab/kind/storage-class.yml
    at "$site" kubectl create namespace "$namespace"
done

say "etcd image"
docker image inspect "$etcd_image" >/dev/null 2>&1 || docker pull --quiet "$etcd_image" ||
    die "needs the image $etcd_image, which is not here, and could not be fetched"
for site in "${sites[@]}"; do
    workers=$(nodes | sed -n "s/^\($site-[^ ]*\) .*/\1/p" | paste -sd ,)
    kind load docker-image "$etcd_image" --name "$site" --nodes "$workers" && continue
    # An engine that keeps images of several platforms may export what kind cannot import.
    say "kind could not load it into $site; its nodes fetch it themselves"
    for node in ${workers//,/ }; do
        docker exec "$node" crictl pull "$etcd_image" </dev/null || die "$node could not fetch $etcd_image"
    done
done

say "addresses"
while read -r node address; do
    docker exec "$node" ip address replace "$address/16" dev eth0 </dev/null
done < <(nodes)

say "spare disks"
for node in $(planned); do
    image=$state/disks/$node.img
    truncate -s "${disk_mb}M" "$image"
    loop=$(as_root losetup --find --show "$image")
    # shellcheck disable=SC2016 # the node's shell is to expand it
    docker exec "$node" sh -c 'rm -f "$1" && mknod -m 660 "$1" b "$2" "$3"' sh "$(spare)" \
        "$((16#$(stat -c %t "$loop")))" "$((16#$(stat -c %T "$loop")))"
    docker exec "$node" drbdadm --version >/dev/null
done
# Replication goes on while nobody asks.
docker exec --detach "$(planned | head -n 1)" cutover-drbd-stand-in replicate

# The members find each other by name. Asked for from a worker: without an answer etcd would not come up, and would not say why.
say "DNS"
dns_answers() {
    local address
    address=$(at primary kubectl get service --namespace kube-system kube-dns --output 'jsonpath={.spec.clusterIP}')
    docker exec "$(planned | head -n 1)" python3 -c '
import socket, sys
question = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
for label in "kubernetes.default.svc.cluster.local".split("."):
    question += bytes([len(label)]) + label.encode()
asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asked.settimeout(2)
asked.sendto(question + b"\x00\x00\x01\x00\x01", (sys.argv[1], 53))
sys.exit(0 if asked.recv(512)[7] else 1)' "$address" 2>/dev/null
}
tries=0
until dns_answers; do
    [ $((tries += 1)) -lt 30 ] || {
        what_is_there
        die "DNS of the cluster primary does not answer"
    }
    sleep 2
done

say "etcd"
at primary helm install "$release" playbooks/charts/etcd --namespace "$namespace" \
    --values tests/lab/kind/values.yml
at primary kubectl rollout status --namespace "$namespace" "statefulset/$statefulset" --timeout=5m || {
    what_is_there
    die "etcd did not come up"
}
# One transaction without conditions: what is compared, then what is done, then what would be done else.
{
    echo
    for number in $(seq -w 1 100); do
        echo "put /kind/$number \"value $number $(head -c 300 /dev/urandom | base64 -w 0)\""
    done
    printf '\n\n'
} | at primary kubectl exec --stdin --namespace "$namespace" "$statefulset-0" -- etcdctl txn >/dev/null
[ "$(keys | grep -c '^/kind/')" = 100 ] || die "the keys were not written"

say "up; tests/lab/run kind run moves it, tests/lab/run kind down removes it"

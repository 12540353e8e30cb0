#!/usr/bin/env bash
# Moves etcd on the clusters of tests/lab/run kind up: prepare, cutover, and whether every key is there and every member where it was
# planned. What the runs record is kept in $CUTOVER_RUN_DIR, .cutover/runs if that is not set.
# shellcheck source=SCRIPTDIR/common.sh
source "$(dirname "$0")/common.sh"

need_engine
need_program
[ -e "$state/standby.kubeconfig" ] || die "there are no clusters; make them with tests/lab/run kind up"
command=("$cutover" run -i "$inventory" -e @tests/lab/kind/params.yml --output plain)

keys >"$state/keys.before"
say "prepare"
"${command[@]}" playbooks/etcd-prepare.yml --approve approve-the-use-of-the-spare-disks
say "cutover"
"${command[@]}" playbooks/etcd-cutover.yml -e backup_dir=/var/cutover-backup \
    --approve approve-the-outage \
    --approve "approve-the-removal-of-the-old-release=$release" \
    --approve approve-that-clients-write-again

say "verify"
keys >"$state/keys.after"
[ "$(grep -c '^/kind/' "$state/keys.before")" = 100 ] || die "there were not 100 keys before"
cmp "$state/keys.before" "$state/keys.after" || die "the keys are not what they were"
is=$(at primary kubectl get pods --namespace "$namespace" --selector "app.kubernetes.io/instance=$release" \
    --sort-by .metadata.name --output 'jsonpath={range .items[*]}{.spec.nodeName}{"\n"}{end}')
wanted=$(planned | grep '^primary-')
[ "$is" = "$wanted" ] || die "the members are on ${is//$'\n'/, } and were planned on ${wanted//$'\n'/, }"
for node in $wanted; do
    docker exec "$node" findmnt --noheadings --source /dev/drbd0 || die "nothing is mounted from DRBD on $node"
    docker exec "$node" drbdadm status
done
say "all 100 keys are there, on the planned nodes"

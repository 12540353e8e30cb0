#!/usr/bin/env bash
# Removes the clusters of tests/lab/run kind up with their disks and files, also after a crash. Does nothing where there are none.
# shellcheck source=SCRIPTDIR/common.sh
source "$(dirname "$0")/common.sh"

need_engine
# Without this directory the clusters, if there are any, were not made by `up`.
[ -d "$state" ] || exit 0
running() { [ "$(docker inspect --format '{{.State.Running}}' "$1" 2>/dev/null)" = true ]; }

# A mount point that was sealed (immutable) lies beneath its mount, and docker could not remove it with its volume.
# shellcheck disable=SC2016 # the node's shell is to expand it
unseal='mkdir -p /run/unseal && mount --bind /var /run/unseal && for dir in /run/unseal/local-path-provisioner/*/; do
    [ ! -d "$dir" ] || chattr -i "$dir"; done; umount /run/unseal'
cleared=
for node in $(planned); do
    running "$node" || continue
    docker exec "$node" sh -c "$unseal" || say "$node: its mount points may still be immutable, and docker may keep its volume"
    [ -n "$cleared" ] || docker exec "$node" cutover-drbd-stand-in clear && cleared=yes
done
for site in "${sites[@]}"; do
    kind delete cluster --name "$site" --kubeconfig "$state/$site.kubeconfig"
done
# The devices of Primaries, which lead to a spare disk by a node in the stand-in's directory; then the spare disks.
for file in "$state"/stand-in/nodes/* "$state"/disks/*.img; do
    [ -e "$file" ] || continue
    as_root losetup --noheadings --output NAME --associated "$file" | while read -r loop; do
        as_root losetup --detach "$loop"
    done
done
# One that is still in use goes with its last user.
for _ in 1 2 3 4 5 6 7 8 9 10; do
    left=$(as_root losetup --noheadings --list --output NAME,BACK-FILE | grep -F "$state/" || true)
    [ -n "$left" ] || break
    sleep 1
done
[ -z "$left" ] || die "still there: $left"
as_root rm -rf "$state"
docker image rm --force "$built_image" >/dev/null 2>&1 || true

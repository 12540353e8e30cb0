#!/bin/bash
# Brings the images to a host's containerd, then becomes its kubelet.
#
#   start-kubelet.sh KUBELET FLAG...
set -euo pipefail
until ctr version >/dev/null 2>&1; do sleep 0.2; done
have=$(ctr --namespace k8s.io images list --quiet)
for image in /opt/images/*.tar; do
    if ! grep -qxF "$(cat "$image.name")" <<<"$have"; then
        ctr --namespace k8s.io images import --no-unpack=false "$image" >/dev/null
    fi
done
exec "$@"

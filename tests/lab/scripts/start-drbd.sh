#!/bin/bash
# What happens on a host at boot for DRBD's sake: drbd.service brings all resources up, the platform promotes those that have
# a marker, and systemd mounts what has a unit.
set -uo pipefail
until ip -4 address show dev eth0 2>/dev/null | grep inet >/dev/null; do sleep 0.1; done
shopt -s nullglob
resources=(/etc/drbd.d/*.res)
if [ ${#resources[@]} -eq 0 ]; then exit 0; fi
drbdadm up all
for resource in "${resources[@]}"; do
    name=$(basename "$resource" .res)
    if [ -e "/etc/drbd.d/$name.primary" ] || [ -e "/etc/drbd.d/$name.res.primary" ]; then
        drbdadm primary "${name#cke_}"
    fi
done

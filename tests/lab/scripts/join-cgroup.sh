#!/bin/bash
# Puts the process that runs it into a control group NAME below its own, in every hierarchy (version 1), and makes it.
#
#   join-cgroup.sh NAME
set -euo pipefail
pid=$PPID
while IFS=: read -r _ controllers path; do
    if [ -z "$controllers" ]; then continue; fi
    at=/sys/fs/cgroup/${controllers#name=}/${path#/}
    IFS=/ read -ra parts <<<"$1"
    for part in "${parts[@]}"; do
        mkdir -p "$at/$part"
        if [ -e "$at/cpuset.cpus" ]; then
            for file in cpuset.cpus cpuset.mems; do cat "$at/$file" >"$at/$part/$file"; done
        fi
        at=$at/$part
    done
    echo "$pid" >"$at/cgroup.procs"
done </proc/self/cgroup

#!/usr/bin/env bash
# Installs Debian's packages, as root: those named, or what the tests of cargo use where it is there. Two at a time wait for
# each other: apt does not.
#
#   tests/scripts/install.sh [PACKAGE...]
#   tests/scripts/install.sh --lists          only fetches the lists of what can be had
set -euo pipefail
case ${1:-} in
    '') packages=(acl attr drbd-utils iputils-ping openssh-server python3-venv shellcheck sudo) ;;
    --lists) packages=() ;;
    -*)
        sed -n 's/^#   //p' "$0" >&2
        exit 2
        ;;
    *) packages=("$@") ;;
esac

exec 9>"${TMPDIR:-/tmp}/cutover-tests-install.lock"
flock 9
missing=()
for package in "${packages[@]}"; do
    status=$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null) || status=unknown
    [ "$status" = installed ] || missing+=("$package")
done
if [ "${1:-}" != --lists ] && [ ${#missing[@]} -eq 0 ]; then
    exit
fi
apt-get update -qq
if [ ${#missing[@]} -gt 0 ]; then
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

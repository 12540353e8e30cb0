#!/bin/bash
# Builds kube-apiserver, kube-controller-manager, kube-scheduler and kubelet from Debian's source package `kubernetes`,
# which carries the complete upstream source, into the directory given. It is not run where the four are there already.
#
#   build-kubernetes.sh DIRECTORY
#
# Needs golang-go. Says what it does on standard output; the compiler's own words go to DIRECTORY/build.log.
set -euo pipefail
into=$1
work=$into/build
log=$into/build.log
mkdir -p "$work"
exec 3>&1 >>"$log" 2>&1
say() { echo "$*"; echo "$*" >&3; }
trap 'say "the build failed; its last words, of $log:"; tail -n 20 "$log" >&3' ERR

say "fetch the source package"
# The machine's own package sources, read as sources of source packages, in lists of our own: nothing of it changes.
mkdir -p "$work"/apt/{parts,lists/partial}
for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list.d/debian*.sources; do
    if [ -e "$file" ]; then sed 's/^Types:.*/Types: deb-src/' "$file" >"$work/apt/parts/$(basename "$file")"; fi
done
if [ -e /etc/apt/sources.list ]; then
    sed -n 's/^deb \(.*bookworm.*\)/deb-src \1/p' /etc/apt/sources.list >"$work/apt/parts/debian.list"
fi
own=(-o "Dir::Etc::SourceList=/dev/null" -o "Dir::Etc::SourceParts=$work/apt/parts"
    -o "Dir::State::Lists=$work/apt/lists" -o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache=" -o "APT::Sandbox::User=root")
apt-get "${own[@]}" update
(cd "$work" && apt-get "${own[@]}" --download-only source kubernetes)

say "unpack it"
export GOPATH=$work/go GOCACHE=$work/go-cache GO111MODULE=off CGO_ENABLED=0 GOFLAGS=-trimpath
source=$GOPATH/src/k8s.io/kubernetes
rm -rf "$source"
mkdir -p "$(dirname "$source")"
dpkg-source --no-check -x "$work"/kubernetes_*.dsc "$source"
cd "$source"

# The vendored reflect2 1.0.1 reaches into Go's runtime as it was before 1.18: every map it writes as JSON, such as those
# of custom resources, would crash the API server. Debian's own package of it is newer.
reflect2=github.com/modern-go/reflect2
(cd "$work" && apt-get download golang-github-modern-go-reflect2-dev && dpkg -x golang-github-modern-go-*.deb deb)
rm vendor/$reflect2/*.go
cp "$work/deb/usr/share/gocode/src/$reflect2"/*.go vendor/$reflect2/
rm -f vendor/$reflect2/*_test.go

upstream=$(dpkg-parsechangelog -S Version | sed 's/.*really//; s/-.*//')
# In GOPATH mode the path of a vendored package begins with `vendor/`; without it the binaries say v0.0.0.
version=k8s.io/kubernetes/vendor/k8s.io/component-base/version
ldflags="-s -w"
for setting in "gitVersion=v$upstream" gitMajor=1 "gitMinor=$(echo "$upstream" | cut -d. -f2)" gitTreeState=clean; do
    ldflags+=" -X $version.$setting"
done
build() { go build -ldflags "$ldflags" -o "$1" "$2"; }

say "generate the API's description (kube-apiserver does not build without it)"
build "$work/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
inputs=$(grep -rl --include='*.go' '+k8s:openapi-gen=' pkg cmd staging/src/k8s.io |
    grep -v -e '/code-generator/' -e '/sample-apiserver/' -e '/kube-openapi/' -e '_test\.go$' |
    sed 's|^staging/src/|vendor/|' | xargs -n1 dirname | sort -u |
    sed 's|^\(pkg\|cmd\)|k8s.io/kubernetes/\1|; s|^vendor/|k8s.io/kubernetes/vendor/|' | paste -sd,)
# The generator reads the standard library as well, and was built without knowing where it is.
GOROOT=$(go env GOROOT) "$work/openapi-gen" -i "$inputs" -p k8s.io/kubernetes/pkg/generated/openapi -O zz_generated.openapi \
    -h vendor/k8s.io/code-generator/hack/boilerplate.go.txt -r "$work/openapi-report"

for program in kube-controller-manager kube-scheduler kubelet kube-apiserver; do
    say "build $program"
    build "$work/$program" "./cmd/$program"
done
for program in kube-controller-manager kube-scheduler kubelet kube-apiserver; do
    mv "$work/$program" "$into/$program"
done
cd /
rm -rf "$work"
say "built $("$into/kube-apiserver" --version)"

#!/usr/bin/env bash
# packages.sh - static binaries and packages (deb, rpm) into a folder.
#
#   packages.sh OUT [ARCH...]   ARCH: amd64 arm64 armv7; default: all
#
# VERSION is that of the packages, default 0.0.0 and the commit. nfpm runs by version and
# is in no module graph; versions from 2.46 on need modules that not every module proxy serves.
set -euo pipefail
cd "$(dirname "$0")/.."
nfpm=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
out=${1:?a folder}; shift
[ $# -gt 0 ] || set -- amd64 arm64 armv7
mkdir -p "$out"
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)} CGO_ENABLED=0
export VERSION=${VERSION:-0.0.0~git$(git rev-parse --short HEAD)}
go build -trimpath -ldflags "-X main.version=$VERSION" -o "$out/host/quell" ./cmd/quell # its manual pages name the version
mkdir -p "$out/share/man"
"$out/host/quell" man -o "$out/share/man"
gzip -9nf "$out"/share/man/*.1
for shell in bash zsh fish; do "$out/host/quell" completion $shell >"$out/share/quell.$shell"; done
export SHARE=$out/share
for arch in "$@"; do
  goarch=$arch goarm="" nfpmarch=$arch
  if [ "$arch" = armv7 ]; then goarch=arm goarm=7 nfpmarch=arm7; fi
  GOOS=linux GOARCH=$goarch GOARM=$goarm go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$VERSION" -o "$out/$arch/quell" ./cmd/quell
  for kind in deb rpm; do
    ARCH=$nfpmarch BIN=$out/$arch go run "$nfpm" package -f deploy/packages/nfpm.yaml -p $kind -t "$out"
  done
done

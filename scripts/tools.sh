#!/usr/bin/env bash
# tools.sh - install what the tests need, on Debian or Ubuntu, as root or with
# sudo: for the integration suite Mosquitto, Alertmanager, a Java runtime, Maven,
# and Kafka's jars; for `make ops` Prometheus, systemd-analyze, strace and rpm; for
# `make docs` Mosquitto's clients too; for parity with ONNX Runtime a Python of their
# own in .cache/python; for `make arm64` an emulator; for `make browser` Chromium,
# axe-core and TypeScript's checker. What is there already is left alone.
set -euo pipefail
cd "$(dirname "$0")"
PATH=$PATH:/usr/sbin
want=()
command -v mosquitto >/dev/null || want+=(mosquitto)
command -v mosquitto_pub >/dev/null || want+=(mosquitto-clients)
command -v curl >/dev/null || want+=(curl)
command -v prometheus-alertmanager >/dev/null || want+=(prometheus-alertmanager)
command -v promtool >/dev/null || want+=(prometheus)
command -v openssl >/dev/null || want+=(openssl)
command -v java >/dev/null || want+=(default-jre-headless)
command -v mvn >/dev/null || want+=(maven)
python3 -c 'import ensurepip' 2>/dev/null || want+=(python3-venv)
command -v systemd-analyze >/dev/null || want+=(systemd) # the tool only
command -v rpm >/dev/null || want+=(rpm)
command -v strace >/dev/null || want+=(strace)
command -v qemu-aarch64-static >/dev/null || want+=(qemu-user-static)
command -v chromium >/dev/null || want+=(chromium)
axe=../.cache/axe.min.js axe_sum=29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c
tsc=../.cache/typescript tsc_sum=10e108c9cf7d5f2879053dff18515fb405abf2ccef63eaaf017d9c571687a1d3
[ -f $axe ] && [ -f $tsc/5.9.3 ] && command -v node >/dev/null || command -v npm >/dev/null || want+=(npm)
if [ ${#want[@]} -gt 0 ]; then
  sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get -qq update
  DEBIAN_FRONTEND=noninteractive $sudo apt-get -qq install -y --no-install-recommends "${want[@]}" >/dev/null
fi
./kafka.sh jars
py=../.cache/python
if ! $py/bin/python -c 'import onnx, onnxruntime' 2>/dev/null; then
  python3 -m venv $py
  $py/bin/pip install -q --disable-pip-version-check onnx==1.23.2 onnxruntime==1.32.0
fi
if ! sha256sum -c --quiet <<<"$axe_sum  $axe" >/dev/null 2>&1; then
  tmp=$(mktemp -d)
  (cd "$tmp" && npm pack --silent axe-core@4.14.1 >/dev/null && tar xzf axe-core-4.14.1.tgz package/axe.min.js)
  sha256sum -c --quiet <<<"$axe_sum  $tmp/package/axe.min.js"
  mkdir -p ../.cache && mv "$tmp/package/axe.min.js" $axe && rm -r "$tmp"
fi
if [ ! -f $tsc/5.9.3 ]; then
  tmp=$(mktemp -d)
  (cd "$tmp" && npm pack --silent typescript@5.9.3 >/dev/null && sha256sum -c --quiet <<<"$tsc_sum  typescript-5.9.3.tgz" && tar xzf typescript-5.9.3.tgz)
  rm -rf $tsc && mkdir -p ../.cache && mv "$tmp/package" $tsc && touch $tsc/5.9.3 && rm -r "$tmp"
fi

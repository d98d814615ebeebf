#!/usr/bin/env bash
# tools.sh - install what the integration suite needs, on Debian or Ubuntu, as
# root or with sudo: Mosquitto, a Java runtime, Maven, and Kafka's jars. What is
# there already is left alone.
set -euo pipefail
cd "$(dirname "$0")"
PATH=$PATH:/usr/sbin
want=()
command -v mosquitto >/dev/null || want+=(mosquitto)
command -v openssl >/dev/null || want+=(openssl)
command -v java >/dev/null || want+=(default-jre-headless)
command -v mvn >/dev/null || want+=(maven)
if [ ${#want[@]} -gt 0 ]; then
  sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get -qq update
  DEBIAN_FRONTEND=noninteractive $sudo apt-get -qq install -y --no-install-recommends "${want[@]}" >/dev/null
fi
./kafka.sh jars

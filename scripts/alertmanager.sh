#!/usr/bin/env bash
# alertmanager.sh - one private Alertmanager on the loopback interface, for tests.
#
#   alertmanager.sh up   DIR PORT   start it (or leave the running one of DIR alone); its files live in DIR
#   alertmanager.sh down DIR        stop it in order
#   alertmanager.sh kill DIR        stop it with SIGKILL
set -euo pipefail
. "$(dirname "$0")/common.sh"
[ $# -ge 2 ] || die "usage: alertmanager.sh up|down|kill DIR [PORT]"
mkdir -p "$2"; dir=$(cd "$2" && pwd); conf=$dir/alertmanager.yml

up() { # up PORT
  alive "$conf" && return
  local bin
  bin=$(command -v prometheus-alertmanager || command -v alertmanager) || die "Alertmanager is not installed, see scripts/tools.sh"
  printf 'route: {receiver: nobody}\nreceivers: [{name: nobody}]\n' >"$conf"
  setsid "$bin" --config.file="$conf" --storage.path="$dir/data" --web.listen-address="127.0.0.1:$1" \
    --cluster.listen-address= </dev/null >>"$dir/out" 2>&1 &
  echo $! >"$dir/pid"
  wait_ready "$conf" "$1" "$dir/out"
}

case $1 in
  up) up "${3:?a port}" ;;
  down) stop "$conf" TERM ;;
  kill) stop "$conf" KILL ;;
  *) die "$1: up, down or kill" ;;
esac

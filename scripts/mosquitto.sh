#!/usr/bin/env bash
# mosquitto.sh - one private Mosquitto on the loopback interface, for tests.
#
#   mosquitto.sh up   DIR PORT   start it (or leave the running one of DIR alone); its files live in DIR
#   mosquitto.sh down DIR        stop it in order
#   mosquitto.sh kill DIR        stop it with SIGKILL
#
# PORT takes anyone. With MOSQUITTO_SECURE=1, PORT+1 asks for TLS (authority:
# DIR/tls/ca.pem) and a password: user app, password app-secret.
# MOSQUITTO_EXTRA holds more lines of configuration for PORT. With MOSQUITTO_ACL=1
# app may use no topic but those below open/.
set -euo pipefail
. "$(dirname "$0")/common.sh"
[ $# -ge 2 ] || die "usage: mosquitto.sh up|down|kill DIR [PORT]"
PATH=$PATH:/usr/sbin # where Debian puts the broker
mkdir -p "$2"; dir=$(cd "$2" && pwd); conf=$dir/mosquitto.conf

configure() { # configure PORT
  cat <<EOF
per_listener_settings true
listener $1 127.0.0.1
allow_anonymous true
max_inflight_messages 1000
max_queued_messages 0
persistence true
persistence_location $dir/
user $(id -un)
set_tcp_nodelay true
log_dest file $dir/log
${MOSQUITTO_EXTRA:-}
EOF
  [ "${MOSQUITTO_SECURE:-}" = 1 ] || return 0
  cat <<EOF
listener $(($1 + 1)) 127.0.0.1
allow_anonymous false
password_file $dir/passwords
cafile $dir/tls/ca.pem
certfile $dir/tls/server.pem
keyfile $dir/tls/server.key
tls_version tlsv1.2
EOF
  [ "${MOSQUITTO_ACL:-}" = 1 ] || return 0
  echo "acl_file $dir/acl"
  printf 'user app\ntopic readwrite open/#\n' >"$dir/acl"
}

up() { # up PORT
  alive "$conf" && return
  command -v mosquitto >/dev/null || die "mosquitto is not installed, see scripts/tools.sh"
  if [ "${MOSQUITTO_SECURE:-}" = 1 ]; then
    make_certificates
    install -m 600 /dev/null "$dir/passwords"
    mosquitto_passwd -b "$dir/passwords" app app-secret
  fi
  configure "$1" >"$conf"
  setsid mosquitto -c "$conf" </dev/null >>"$dir/out" 2>&1 &
  echo $! >"$dir/pid"
  wait_ready "$conf" "$1" "$dir/out"
}

case $1 in
  up) up "${3:?a port}" ;;
  down) stop "$conf" TERM ;;
  kill) stop "$conf" KILL ;;
  *) die "$1: up, down or kill" ;;
esac

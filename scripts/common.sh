# common.sh - what kafka.sh and mosquitto.sh share. Sourced, never run.

die() { echo "${0##*/}: $*" >&2; exit 1; }

# A broker writes its process id to $dir/pid. Ids are used again, so a process
# counts as ours only if its command line names our configuration too.
alive() { # alive CONFIG
  [ -s "$dir/pid" ] || return 1
  local cmdline=/proc/$(cat "$dir/pid")/cmdline
  [ -r "$cmdline" ] && tr '\0' ' ' <"$cmdline" 2>/dev/null | grep -qF -- "$1"
}

accepts() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; } # accepts PORT

# wait_ready waits until the broker accepts connections. On a busy machine the process
# is a copy of this shell for a while, which is no reason to give it up.
wait_ready() { # wait_ready CONFIG PORT LOG
  local seen=
  for i in $(seq 600); do
    if alive "$1"; then
      seen=1
      accepts "$2" && return
    elif [ -n "$seen" ] || [ "$i" -gt 100 ]; then
      tail -20 "$3" >&2; die "the broker ended, see $3"
    fi
    sleep 0.1
  done
  die "the broker does not accept connections after 60 s, see $3"
}

# stop sends a signal and waits: a process that is dying still holds its port.
stop() { # stop CONFIG SIGNAL
  if alive "$1"; then
    local pid; pid=$(cat "$dir/pid")
    kill "-$2" "$pid"
    for _ in $(seq 200); do alive "$1" || break; sleep 0.1; done
    if alive "$1"; then kill -KILL "$pid"; while alive "$1"; do sleep 0.05; done; fi
  fi
  rm -f "$dir/pid"
}

# make_certificates makes a throw-away authority and a certificate for
# localhost, as PEM: $dir/tls/{ca,server}.{pem,key}.
make_certificates() {
  local t=$dir/tls
  [ -f "$t/server.pem" ] && return
  mkdir -p "$t"; chmod 700 "$t"
  local key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
  openssl req -x509 "${key[@]}" -days 30 -subj "/CN=test authority" -keyout "$t/ca.key" -out "$t/ca.pem" 2>/dev/null
  openssl req "${key[@]}" -subj /CN=localhost -keyout "$t/server.key" -out "$t/server.csr" 2>/dev/null
  openssl x509 -req -in "$t/server.csr" -CA "$t/ca.pem" -CAkey "$t/ca.key" -CAcreateserial -days 30 \
    -extfile <(echo "subjectAltName=DNS:localhost,IP:127.0.0.1") -out "$t/server.pem" 2>/dev/null
}

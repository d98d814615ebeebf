#!/usr/bin/env bash
# kafka.sh - one private single-node Apache Kafka (KRaft) on the loopback
# interface, for tests. It is made of Maven artifacts: no download page, no
# container.
#
#   kafka.sh jars            fetch the broker's jars, once per version
#   kafka.sh up   DIR PORT   start it (or leave the running one of DIR alone); its files live in DIR
#   kafka.sh down DIR        stop it in order
#   kafka.sh kill DIR        stop it with SIGKILL
#
# PORT takes anyone; PORT+2 is the broker's own. With KAFKA_SECURE=1, PORT+1 asks
# for TLS (authority: DIR/tls/ca.pem) and SASL SCRAM-SHA-512: user app, password
# app-secret. With KAFKA_PROXY=1, PORT+3 takes anyone, too, and sends clients to
# PORT+4, where a test has a proxy. With KAFKA_ACL=1 the user app may do nothing.
# KAFKA_VERSION, KAFKA_JARS (folder for the jars) and KAFKA_HEAP may be set.
set -euo pipefail
. "$(dirname "$0")/common.sh"
version=${KAFKA_VERSION:-4.1.1}
jars=${KAFKA_JARS:-${XDG_CACHE_HOME:-$HOME/.cache}/quell-kafka}/$version

# fetch copies Kafka and all it depends on to $jars. A folder that was left
# half made is never used, because only a finished one gets the name.
fetch() {
  [ -d "$jars" ] && return
  command -v mvn >/dev/null || die "mvn is not installed, see scripts/tools.sh"
  mkdir -p "$(dirname "$jars")"
  local t; t=$(mktemp -d "$(dirname "$jars")/fetch.XXXXXX")
  cat >"$t/pom.xml" <<EOF
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>quell.test</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$version</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.24.3</version></dependency>
  </dependencies>
</project>
EOF
  mvn -q -B -f "$t/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$t/jars" >"$t/log" 2>&1 ||
    { tail -20 "$t/log" >&2; rm -rf "$t"; die "the jars of Kafka $version could not be fetched"; }
  mv -T "$t/jars" "$jars" 2>/dev/null || [ -d "$jars" ] # another run may have been first
  rm -rf "$t"
}

configure() { # configure PORT
  local listeners="PLAINTEXT://127.0.0.1:$1" protocols="PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"
  if [ "${KAFKA_SECURE:-}" = 1 ]; then
    listeners+=",SASL_SSL://127.0.0.1:$(($1 + 1))"
    protocols+=",SASL_SSL:SASL_SSL"
    cat <<EOF
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location=$dir/tls/kafka.pem
EOF
  fi
  local advertised=$listeners
  if [ "${KAFKA_PROXY:-}" = 1 ]; then
    listeners+=",PROXY://127.0.0.1:$(($1 + 3))"
    advertised+=",PROXY://127.0.0.1:$(($1 + 4))"
    protocols+=",PROXY:PLAINTEXT"
  fi
  if [ "${KAFKA_ACL:-}" = 1 ]; then
    cat <<EOF
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
EOF
  fi
  cat <<EOF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$(($1 + 2))
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listeners=$listeners,CONTROLLER://127.0.0.1:$(($1 + 2))
advertised.listeners=$listeners
listener.security.protocol.map=$protocols
log.dirs=$dir/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=2
log.cleaner.dedupe.buffer.size=16777216
EOF
}

# format makes the log folder, with the user of the secure listener.
format() {
  [ -f "$dir/data/meta.properties" ] && return
  local user=()
  [ "${KAFKA_SECURE:-}" = 1 ] && user=(--add-scram "SCRAM-SHA-512=[name=app,password=app-secret]")
  local id; id=$(java -cp "$jars/*" kafka.tools.StorageTool random-uuid 2>/dev/null)
  java -Xmx256m -cp "$jars/*" kafka.tools.StorageTool format -t "$id" -c "$conf" ${user[@]+"${user[@]}"} >"$dir/format.log" 2>&1 ||
    { cat "$dir/format.log" >&2; die "Kafka's log folder could not be made"; }
}

up() { # up PORT
  alive "$conf" && return
  command -v java >/dev/null || die "java is not installed, see scripts/tools.sh"
  fetch
  if [ "${KAFKA_SECURE:-}" = 1 ]; then
    make_certificates # Kafka wants the key as PKCS 8 and the certificate in one file
    { openssl pkcs8 -topk8 -nocrypt -in "$dir/tls/server.key"; cat "$dir/tls/server.pem"; } >"$dir/tls/kafka.pem"
  fi
  configure "$1" >"$conf"
  cat >"$dir/log4j2.yaml" <<EOF
Configuration:
  Appenders: {Console: {name: out, PatternLayout: {pattern: "%d{HH:mm:ss.SSS} %p %c{1} %m%n"}}}
  Loggers: {Root: {level: WARN, AppenderRef: [{ref: out}]}}
EOF
  format
  setsid java -Xmx"${KAFKA_HEAP:-512m}" -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError -Djava.awt.headless=true \
    -Dlog4j2.configurationFile="$dir/log4j2.yaml" -cp "$jars/*" kafka.Kafka "$conf" >>"$dir/out" 2>&1 </dev/null &
  echo $! >"$dir/pid"
  wait_ready "$conf" "$1" "$dir/out"
}

[ $# -ge 1 ] || die "usage: kafka.sh jars | up DIR PORT | down DIR | kill DIR"
[ "$1" = jars ] && { fetch; exit; }
mkdir -p "${2:?a folder}"; dir=$(cd "$2" && pwd); conf=$dir/server.properties
case $1 in
  up) up "${3:?a port}" ;;
  down) stop "$conf" TERM ;;
  kill) stop "$conf" KILL ;;
  *) die "$1: jars, up, down or kill" ;;
esac

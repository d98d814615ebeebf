// Package harness is what the suites that drive the quell binary from outside have
// in common: it builds the binary and starts a Mosquitto and an Apache Kafka of
// their own (scripts/mosquitto.sh, scripts/kafka.sh). It imports nothing of this
// module. All but the ports is built with the tag of a suite only.
package harness

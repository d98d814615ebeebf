// Package integration tests the quell binary against a real Mosquitto and a real
// Apache Kafka, the way a user runs it: a configuration, a child process, and
// what comes out at the other end of the brokers. It imports nothing of this
// module but package harness.
//
//	scripts/tools.sh
//	go test -tags integration -count=1 -timeout 20m ./test/integration
//
// scripts/kafka.sh and scripts/mosquitto.sh start the brokers on free ports in a
// temporary folder. Where a broker or the shared recordings are missing the tests
// are skipped, but not in CI.
package integration

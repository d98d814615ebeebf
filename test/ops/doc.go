// Package ops tests what operates Quell, the way an operator has it: alert and
// recording rules and the dashboard on a real Prometheus that scrapes the binary, the
// systemd unit, packages and the image's root. It imports nothing of this module.
//
//	scripts/tools.sh
//	go test -tags ops -count=1 ./test/ops
//
// Where a tool is missing the tests are skipped, but not in CI; where no namespaces may be
// made, which a systemd of our own needs, the test of it is skipped.
package ops

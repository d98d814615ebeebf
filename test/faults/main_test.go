//go:build faults

package faults

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/quell-stream/quell/test/harness"
)

// lab is what all tests share: the binary, whose clock can be set (clock_test.go),
// and the two brokers.
var lab = harness.Lab{From: 29_092, Tags: "faultclock"}

// patience is how long a test waits for what should happen soon. It bounds a
// test that hangs and says nothing about speed.
const patience = 90 * time.Second

func TestMain(m *testing.M) {
	for _, name := range []string{"MOSQUITTO_ACL", "KAFKA_ACL", "KAFKA_PROXY"} {
		os.Setenv(name, "1")
	}
	os.Exit(lab.Main(m, func() int { return results.print(os.Stdout) }))
}

// quick says that few repetitions are wanted.
var quick = os.Getenv("FAULTS_QUICK") == "1"

// scenario skips a test that FAULTS, a list of names, does not name.
func scenario(t *testing.T, name string) {
	t.Helper()
	want := os.Getenv("FAULTS")
	if want != "" && !strings.Contains(","+want+",", ","+name+",") {
		t.Skipf("not in FAULTS=%s", want)
	}
	if want == "" && name == "soak" {
		t.Skip("has a target of its own: make soak")
	}
	lab.NeedBrokers(t)
}

// count returns how often a fault is to happen: COUNT, else few times if quick, else
// whole.
func count(t *testing.T, whole, few int) int {
	t.Helper()
	if text := os.Getenv("COUNT"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("COUNT=%s is no number of faults", text)
		}
		return n
	}
	if quick {
		return few
	}
	return whole
}

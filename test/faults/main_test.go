//go:build faults

package faults

import (
	"fmt"
	"os"
	"slices"
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
	if err := known(os.Getenv("FAULTS")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(lab.Main(m, func() int { return results.print(os.Stdout) }))
}

// quick says that few repetitions are wanted.
var quick = os.Getenv("FAULTS_QUICK") == "1"

// scenarios are the names that FAULTS may list.
var scenarios = []string{"broker", "clock", "disk", "kill", "link", "payload", "rebalance", "secure", "sink", "soak"}

// known says whether FAULTS lists only what there is.
func known(list string) error {
	for name := range strings.SplitSeq(list, ",") {
		if name != "" && !slices.Contains(scenarios, name) {
			return fmt.Errorf("FAULTS=%s: there is no scenario %q, there is %s", list, name, strings.Join(scenarios, ", "))
		}
	}
	return nil
}

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

//go:build integration

package integration

import (
	"os"
	"testing"

	"github.com/quell-stream/quell/test/harness"
)

// lab is what all tests share: the binary and the two brokers.
var lab = harness.Lab{Tools: []string{"prometheus-alertmanager"}}

func TestMain(m *testing.M) { os.Exit(lab.Main(m, nil)) }

// root returns the root of the repository.
func root() string { return harness.Root() }

// script runs one of the scripts that start and stop brokers.
func script(name string, args ...string) error { return harness.Script(name, args...) }

// freePorts returns the first of n successive ports that nobody listens on.
func freePorts(n int) (int, error) { return harness.FreePorts(0, n) }

// needBrokers skips a test where there are no brokers.
func needBrokers(t *testing.T) {
	t.Helper()
	lab.NeedBrokers(t)
}

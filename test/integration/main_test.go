//go:build integration

package integration

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// lab is what all tests share: the binary and the two brokers.
var lab struct {
	quell     string // path of the binary
	mqttPort  int    // mqttPort+1 asks for TLS and a password
	mqttCA    string
	kafkaPort int // kafkaPort+1 asks for TLS and SASL
	kafkaCA   string
	missing   string // why the brokers are not there; empty if they are
}

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	dir, err := os.MkdirTemp("", "quell-integration-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	stop := func() {
		script("kafka.sh", "kill", filepath.Join(dir, "kafka"))
		script("mosquitto.sh", "kill", filepath.Join(dir, "mosquitto"))
	}
	defer stop()
	// The brokers have sessions of their own, so that Ctrl-C doesn't reach them.
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-interrupted
		stop()
		os.RemoveAll(dir)
		os.Exit(130)
	}()
	if err := setUp(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// setUp builds the binary and starts the brokers. Without brokers it sets
// lab.missing, which is an error only in CI.
func setUp(dir string) error {
	lab.quell = filepath.Join(dir, "quell")
	build := exec.Command("go", "build", "-o", lab.quell, "./cmd/quell")
	build.Dir = root()
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	for _, tool := range []string{"mosquitto", "java", "openssl", "prometheus-alertmanager"} {
		if _, err := exec.LookPath(tool); err == nil {
			continue
		}
		if _, err := os.Stat("/usr/sbin/" + tool); err == nil {
			continue
		}
		lab.missing = tool + " is not installed: run scripts/tools.sh"
		if os.Getenv("CI") == "true" {
			return fmt.Errorf("%s", lab.missing)
		}
		return nil
	}
	return startBrokers(dir)
}

func startBrokers(dir string) error {
	var err error
	if lab.mqttPort, err = freePorts(2); err != nil {
		return err
	}
	if lab.kafkaPort, err = freePorts(3); err != nil {
		return err
	}
	os.Setenv("MOSQUITTO_SECURE", "1")
	os.Setenv("KAFKA_SECURE", "1")
	mosquitto, kafka := filepath.Join(dir, "mosquitto"), filepath.Join(dir, "kafka")
	lab.mqttCA, lab.kafkaCA = filepath.Join(mosquitto, "tls", "ca.pem"), filepath.Join(kafka, "tls", "ca.pem")
	if err := script("mosquitto.sh", "up", mosquitto, strconv.Itoa(lab.mqttPort)); err != nil {
		return err
	}
	return script("kafka.sh", "up", kafka, strconv.Itoa(lab.kafkaPort))
}

// root returns the root of the repository.
func root() string { return filepath.Join("..", "..") }

// script runs one of the scripts that start and stop brokers. Its output goes
// to a file, because a broker that inherited a pipe would keep it open.
func script(name string, args ...string) error {
	out, err := os.CreateTemp("", "quell-script-*")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	cmd := exec.Command(filepath.Join(root(), "scripts", name), args...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(out.Name())
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, text)
	}
	return nil
}

// freePorts returns the first of n successive ports that nobody listens on, below
// those that outgoing connections are given: one of them may take a port between
// the look and the broker's start.
func freePorts(n int) (int, error) {
	const from, to = 20_000, 32_000
	for range 100 {
		first := from + rand.IntN(to-from)
		if free(first, n) {
			return first, nil
		}
	}
	return 0, fmt.Errorf("found no %d free ports in a row", n)
}

func free(first, n int) bool {
	for port := first; port < first+n; port++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

// needBrokers skips a test where there are no brokers.
func needBrokers(t *testing.T) {
	t.Helper()
	if lab.missing != "" {
		t.Skip(lab.missing)
	}
}

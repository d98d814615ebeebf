//go:build integration || faults

package harness

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Lab is what all tests of a suite share: the binary and the two brokers.
type Lab struct {
	Quell     string // path of the binary
	MQTTPort  int    // MQTTPort+1 asks for TLS and a password
	MQTTCA    string
	KafkaPort int // KafkaPort+1 asks for TLS and SASL; see scripts/kafka.sh for the others
	KafkaCA   string
	Missing   string // why the brokers are not there; empty if they are

	// From is the first port that brokers may be given.
	From int
	// Tags are build tags of the binary.
	Tags string
	// Tools are programs that are needed beside those of the brokers.
	Tools []string

	dir string
}

// Main runs the tests of a suite on its brokers and returns the exit code. After
// them, finish is called where it is not nil: its answer counts where the tests are
// green.
func (l *Lab) Main(m *testing.M, finish func() int) int {
	flag.Parse()
	dir, err := os.MkdirTemp("", "quell-suite-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	l.dir = dir
	defer os.RemoveAll(dir)
	stop := func() {
		_ = Script("kafka.sh", "kill", l.kafka())
		_ = Script("mosquitto.sh", "kill", l.mosquitto())
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
	if err := l.setUp(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if finish != nil {
		code = max(code, finish())
	}
	return code
}

func (l *Lab) kafka() string     { return filepath.Join(l.dir, "kafka") }
func (l *Lab) mosquitto() string { return filepath.Join(l.dir, "mosquitto") }

// setUp builds the binary and starts the brokers. Without brokers it sets
// Missing, which is an error only in CI.
func (l *Lab) setUp() error {
	l.Quell = filepath.Join(l.dir, "quell")
	build := exec.Command("go", "build", "-tags", l.Tags, "-o", l.Quell, "./cmd/quell")
	build.Dir = Root()
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	for _, tool := range append([]string{"mosquitto", "java", "openssl"}, l.Tools...) {
		if _, err := exec.LookPath(tool); err == nil {
			continue
		}
		if _, err := os.Stat("/usr/sbin/" + tool); err == nil {
			continue
		}
		l.Missing = tool + " is not installed: run scripts/tools.sh"
		if os.Getenv("CI") == "true" {
			return fmt.Errorf("%s", l.Missing)
		}
		return nil
	}
	return l.startBrokers()
}

func (l *Lab) startBrokers() error {
	var err error
	if l.MQTTPort, err = FreePorts(l.From, 2); err != nil {
		return err
	}
	if l.KafkaPort, err = FreePorts(l.From, 5); err != nil {
		return err
	}
	os.Setenv("MOSQUITTO_SECURE", "1")
	os.Setenv("KAFKA_SECURE", "1")
	l.MQTTCA, l.KafkaCA = filepath.Join(l.mosquitto(), "tls", "ca.pem"), filepath.Join(l.kafka(), "tls", "ca.pem")
	if err := l.Mosquitto("up"); err != nil {
		return err
	}
	return l.Kafka("up")
}

// Mosquitto starts or stops the broker: up, down or kill.
func (l *Lab) Mosquitto(verb string) error {
	return Script("mosquitto.sh", verb, l.mosquitto(), strconv.Itoa(l.MQTTPort))
}

// Kafka starts or stops the broker: up, down or kill.
func (l *Lab) Kafka(verb string) error {
	return Script("kafka.sh", verb, l.kafka(), strconv.Itoa(l.KafkaPort))
}

// NeedBrokers skips a test where there are no brokers.
func (l *Lab) NeedBrokers(t *testing.T) {
	t.Helper()
	if l.Missing != "" {
		t.Skip(l.Missing)
	}
}

// Root returns the root of the repository, as a suite in a folder of test sees it.
func Root() string { return filepath.Join("..", "..") }

// Script runs one of the scripts that start and stop brokers. Its output goes
// to a file, because a broker that inherited a pipe would keep it open.
func Script(name string, args ...string) error {
	out, err := os.CreateTemp("", "quell-script-*")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	cmd := exec.Command(filepath.Join(Root(), "scripts", name), args...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(out.Name())
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, text)
	}
	return nil
}

package assemble

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/quell-stream/quell/conn/kafkaconn"
	"github.com/quell-stream/quell/conn/kafkaconn/kafkatest"
	"github.com/quell-stream/quell/conn/mqttconn/mqtttest"
	"github.com/quell-stream/quell/pipeline/config"
	"github.com/quell-stream/quell/sink/kafka"
)

// situation says how a shipped example is fed and what must come of it.
type situation struct {
	topic   func(i int) string // of message i
	payload func(i int) string
	n       int // messages
	records int // least number of records
	mqtt    int // least number of messages below quell/
}

// stamp is the time of message i at a rate.
func stamp(i int, hz float64) time.Time {
	return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).Add(time.Duration(float64(i) / hz * 1e9))
}

func wave(i int) float64 { return 20 + math.Sin(float64(i)/9) + .1*math.Sin(float64(i)*7.3) }

// situations are all of configs/.
var situations = map[string]situation{
	"alerts.yaml": {records: 20}, // simulated
	"file.yaml":   {records: 500},
	"host.yaml":   {records: 20},
	"quickstart-mqtt.yaml": {n: 600, records: 2, mqtt: 2, topic: func(i int) string { return "sensors/p1/" + []string{"temp", "pressure"}[i%2] },
		payload: func(i int) string { return fmt.Sprintf("%.3f", wave(i)) }},
	"edge-mqtt.yaml": {n: 400, records: 200, mqtt: 200, topic: func(i int) string { return "sensors/p1/telemetry" },
		payload: func(i int) string {
			return fmt.Sprintf(`{"ts":%d,"temp_c":%.3f,"p":%.3f,"vib":{"rms":%.3f}}`, stamp(i, 1).UnixMilli(), wave(i), wave(i)/10, wave(i)/5)
		}},
	"arrays-mqtt.yaml": {n: 200, records: 200, topic: func(i int) string { return "gateways/east/1" },
		payload: func(i int) string {
			at := stamp(i, .1).Format(time.RFC3339)
			return fmt.Sprintf(`[{"device":{"id":"r1"},"at":%q,"values":{"t":%.2f,"co2":%.0f}},{"device":{"id":"r2"},"at":%q,"values":{"t":%.2f,"co2":65535}}]`, at, wave(i), 30*wave(i), at, wave(i+5))
		}},
	"vibration-mqtt.yaml": {n: 3000, records: 2500, topic: func(i int) string { return "vibration/b1" },
		payload: func(i int) string {
			return fmt.Sprintf(`{"t":%d,"x":%.4f,"y":%.4f,"z":%.4f}`, stamp(i, 1000).UnixMicro(), wave(i)-20, wave(i+3)-20, wave(2*i)-20)
		}},
	"two-replicas.yaml": {n: 800, records: 2, mqtt: 2, topic: func(i int) string { return fmt.Sprintf("meters/m%d/%s", i%8, []string{"power", "voltage"}[i/8%2]) },
		payload: func(i int) string { return fmt.Sprintf("%.3f", wave(i)) }},
	"kafka-cluster.yaml": {n: 400, records: 200, topic: func(i int) string { return "telemetry.raw" },
		payload: func(i int) string {
			return fmt.Sprintf(`{"device":"t1","ts":%d,"rpm":%.2f,"torque":%.2f}`, stamp(i, 10).UnixNano(), 60*wave(i), wave(i))
		}},
}

// TestConfigsRun loads and runs each shipped example with brokers in the process and
// input as its comments describe it.
func TestConfigsRun(t *testing.T) {
	paths, err := filepath.Glob("../../configs/*.yaml")
	if err != nil || len(paths) < 8 {
		t.Fatalf("%d examples, %v: want eight and more", len(paths), err)
	}
	for _, path := range paths {
		s, ok := situations[filepath.Base(path)]
		if !ok {
			t.Errorf("%s is not run: say how it is fed", path)
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			runExample(t, path, s)
		})
	}
}

func runExample(t *testing.T, path string, s situation) {
	var mu sync.Mutex
	published := 0
	broker := mqtttest.Start(t, mqtttest.Rules{Published: func(m mqtttest.Message) {
		mu.Lock()
		defer mu.Unlock()
		if strings.HasPrefix(m.Topic, "quell/") {
			published++
		}
	}})
	cluster := kafkatest.Cluster(t, kfake.SeedTopics(1, "telemetry.raw", "telemetry.clean", "quell.events", "quell.dlq"))
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer other.Close()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cfg, _, err := config.Parse(path, data, func(string) (string, bool) { return "0", true })
	if err != nil {
		t.Fatal(err)
	}
	here(cfg, t.TempDir(), broker.URL, cluster.ListenAddrs(), other.URL)
	var out bytes.Buffer
	p, err := Pipeline(cfg, Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Registerer: prometheus.NewRegistry(), Stdout: &out})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	through := func() bool {
		is := p.Streams(t.Context())[0]
		mu.Lock()
		defer mu.Unlock()
		return is.Messages >= int64(s.n) && is.Records >= int64(s.records) && published >= s.mqtt
	}
	ended := s.feed(t, cfg, broker, func() bool { ok, _ := p.Ready(); return ok }, through, done)
	stop()
	if !ended {
		err = <-done
	}
	if err != nil {
		t.Fatal(err)
	}
	sum := p.Summaries()[cfg.Streams[0].Name]
	mu.Lock()
	defer mu.Unlock()
	if sum.Records < int64(s.records) || published < s.mqtt {
		t.Errorf("%d records and %d messages came out, want %d and %d: %v", sum.Records, published, s.records, s.mqtt, sum.Fates)
	}
	if sum.Fates["malformed"] > 0 || s.n > 0 && sum.In < int64(s.n) {
		t.Errorf("of %d messages %d samples came in: %v", s.n, sum.In, sum.Fates)
	}
}

// feed gives an example its input and waits until it is through; what is missing when
// the time is over shows in what came out. It returns true where the pipeline has ended
// by itself.
func (s *situation) feed(t *testing.T, cfg *config.Config, broker *mqtttest.Broker, ready, through func() bool, done <-chan error) bool {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !ready() {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return true
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatal("it did not get ready")
		}
	}
	if s.n > 0 && cfg.Streams[0].Source.Type == config.Kafka {
		s.produce(t, cfg.Connections[0].Brokers)
	} else {
		for i := range s.n {
			broker.Publish(t, s.topic(i), s.payload(i), false)
			if i%50 == 49 {
				time.Sleep(5 * time.Millisecond)
			}
		}
	}
	for deadline = time.Now().Add(15 * time.Second); !through() && time.Now().Before(deadline); {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return true
		case <-time.After(5 * time.Millisecond):
		}
	}
	return false
}

func (s *situation) produce(t *testing.T, brokers []string) {
	t.Helper()
	p, err := kafka.NewPublisher(kafkaconn.Config{Brokers: brokers})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var all []kafka.Message
	for i := range s.n {
		all = append(all, kafka.Message{Topic: s.topic(i), Value: []byte(s.payload(i)), Time: stamp(i, 10)})
	}
	if err := p.Publish(t.Context(), all); err != nil {
		t.Fatal(err)
	}
}

// here moves what an example names to this process: brokers, addresses, files.
func here(cfg *config.Config, dir, mqttURL string, kafkaBrokers []string, webURL string) {
	cfg.StateDir = filepath.Join(dir, "state")
	for i := range cfg.Connections {
		c := &cfg.Connections[i]
		c.Username, c.Password, c.PasswordFile, c.TLS, c.SASL = "", config.Secret{}, "", nil, nil
		if c.Type == config.MQTT {
			c.URL = mqttURL
		} else {
			c.Brokers = kafkaBrokers
		}
	}
	for i := range cfg.Streams {
		src := &cfg.Streams[i].Source
		if src.Type == config.File {
			src.Path = filepath.Join("../..", src.Path)
		}
		if src.Type == config.Host {
			src.Every = 10 * time.Millisecond // a hundred times as fast
			cfg.Streams[i].Window.Lateness = 20 * time.Millisecond
		}
	}
	for i := range cfg.Sinks {
		s := &cfg.Sinks[i]
		s.SecretFile = ""
		if s.Path != "" {
			s.Path = filepath.Join(dir, filepath.Base(s.Path))
		}
		if s.URL != "" {
			s.URL = webURL
		}
	}
	if cfg.DeadLetter.Path != "" {
		cfg.DeadLetter.Path = filepath.Join(dir, "dlq")
	}
}

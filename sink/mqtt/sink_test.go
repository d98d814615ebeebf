package mqtt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/quell-stream/quell/conn/mqttconn"
	"github.com/quell-stream/quell/conn/mqttconn/mqtttest"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/sink/sinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config(url string) Config {
	return Config{
		// A short write timeout, for a publisher that paho holds in Publish after a
		// loss, so that it does not outlive its test by much.
		Conn:  mqttconn.Config{URL: url, ClientID: "sink", WriteTimeout: 300 * time.Millisecond},
		Topic: "quell/{stream}/{series}",
	}
}

func newSink(t *testing.T, cfg Config) *Sink {
	t.Helper()
	s, err := New(cfg, WithBackoff(time.Millisecond, 5*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func open(t *testing.T, cfg Config) *Sink {
	t.Helper()
	s := newSink(t, cfg)
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// inbox keeps what brokers are given, over restarts of the broker.
type inbox struct {
	mu  sync.Mutex
	got []mqtttest.Message
}

func (in *inbox) rules() mqtttest.Rules {
	return mqtttest.Rules{Published: func(m mqtttest.Message) {
		in.mu.Lock()
		defer in.mu.Unlock()
		in.got = append(in.got, m)
	}}
}

func (in *inbox) all() []mqtttest.Message {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.got)
}

func TestContract(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) sinktest.Harness {
		var in inbox
		b := mqtttest.Start(t, in.rules())
		addr := b.Addr()
		return sinktest.Harness{
			New: func() sink.Sink { return newSink(t, config(b.URL)) },
			Read: func() (out []json.RawMessage, err error) {
				for _, m := range in.all() {
					out = append(out, m.Payload)
				}
				return out, nil
			},
			Down: func(down bool) {
				if down {
					b.Stop()
					return
				}
				b = mqtttest.StartAt(t, addr, in.rules())
			},
		}
	})
}

func item(series, payload string) sink.Item {
	return sink.Item{Record: &sink.Record{Stream: "pumps", Series: series}, JSON: []byte(payload)}
}

func items(n int) (out []sink.Item) {
	for i := range n {
		out = append(out, item(fmt.Sprint("p", i%3), fmt.Sprint(i)))
	}
	return out
}

// TestRetainAndTopic: what arrives, where, and how.
func TestRetainAndTopic(t *testing.T) {
	var in inbox
	b := mqtttest.Start(t, in.rules())
	cfg := config(b.URL)
	cfg.Retain = true
	s := open(t, cfg)
	ev := sink.Item{Event: &sink.Event{Stream: "pumps"}, JSON: []byte("e")}
	if err := s.Write(t.Context(), []sink.Item{item("a+b", "1"), ev}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range in.all() {
		got = append(got, fmt.Sprintf("%s %s retain=%v qos=%d", m.Topic, m.Payload, m.Retain, m.QoS))
	}
	want := []string{"quell/pumps/a%2Bb 1 retain=true qos=1", "quell/pumps e retain=true qos=1"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("messages (-want +got):\n%s", d)
	}
	if st := s.Stats(); st.Published != 2 || st.Failures != 0 {
		t.Errorf("stats %+v", st)
	}
	if ok, err := s.Status(); !ok || err != nil {
		t.Errorf("status %v, %v", ok, err)
	}
}

// TestWaitsForEveryAck: Write returns only once the last PUBACK is there, in
// whatever order they come, and keeps to its window.
func TestWaitsForEveryAck(t *testing.T) {
	sc := mqtttest.NewScript(t)
	cfg := config(sc.URL)
	cfg.InFlight = 4
	s := open(t, cfg)
	p := sc.Welcome(t, false)
	if !p.Connect.CleanSession {
		t.Error("the session is persistent, want a clean one")
	}
	const n = 20
	wrote := make(chan error, 1)
	go func() { wrote <- s.Write(context.Background(), items(n)) }()
	var ids []uint16
	for i := range n {
		m := mqtttest.Read[*packets.PublishPacket](p)
		if string(m.Payload) != fmt.Sprint(i) || m.Qos != 1 {
			t.Fatalf("message %d is %q with QoS %d", i, m.Payload, m.Qos)
		}
		if ids = append(ids, m.MessageID); len(ids) < cfg.InFlight {
			continue
		}
		// The window is full: acknowledge it, backwards.
		slices.Reverse(ids)
		for k, id := range ids {
			select {
			case err := <-wrote:
				t.Fatalf("Write returned %v with %d messages to go", err, n-i+len(ids)-k)
			default:
			}
			p.Puback(id)
		}
		ids = nil
	}
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
}

// TestLost: a connection cut in the middle of a batch is an error, never a
// hang, and the next Write goes through.
func TestLost(t *testing.T) {
	sc := mqtttest.NewScript(t)
	s := open(t, config(sc.URL))
	for acks := range 12 {
		p := sc.Welcome(t, false)
		wrote := make(chan error, 1)
		go func() { wrote <- s.Write(context.Background(), items(2000)) }()
		for range acks {
			p.Puback(mqtttest.Read[*packets.PublishPacket](p).MessageID)
		}
		mqtttest.Read[*packets.PublishPacket](p) // Write is at work
		p.Hangup()
		if err := <-wrote; err == nil || errors.Is(err, sink.ErrPermanent) {
			t.Fatalf("Write over a connection lost after %d acknowledgements: %v", acks, err)
		}
	}
	p := sc.Welcome(t, false)
	wrote := make(chan error, 1)
	go func() { wrote <- s.Write(context.Background(), items(5)) }()
	for range 5 {
		p.Puback(mqtttest.Read[*packets.PublishPacket](p).MessageID)
	}
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
}

// TestSilentBroker: no acknowledgement at all.
func TestSilentBroker(t *testing.T) {
	sc := mqtttest.NewScript(t)
	cfg := config(sc.URL)
	cfg.AckTimeout = 20 * time.Millisecond
	s := open(t, cfg)
	sc.Welcome(t, false)
	err := s.Write(t.Context(), items(3))
	if err == nil || !strings.Contains(err.Error(), "acknowledged nothing for 20ms") {
		t.Errorf("Write is %v", err)
	}
}

// TestCancel: the context ends while acknowledgements are missing. The items'
// memory is the caller's again, whatever paho still does.
func TestCancel(t *testing.T) {
	sc := mqtttest.NewScript(t)
	s := open(t, config(sc.URL))
	p := sc.Welcome(t, false)
	ctx, cancel := context.WithCancel(t.Context())
	wrote := make(chan error, 1)
	batch := items(50)
	go func() { wrote <- s.Write(ctx, batch) }()
	mqtttest.Read[*packets.PublishPacket](p)
	cancel()
	if err := <-wrote; !errors.Is(err, context.Canceled) {
		t.Errorf("Write is %v, want context.Canceled", err)
	}
	for i := range batch {
		clear(batch[i].JSON)
	}
	for {
		cp, err := p.Next()
		if err != nil {
			break
		}
		if m, ok := cp.(*packets.PublishPacket); ok && bytes.ContainsRune(m.Payload, 0) {
			t.Fatal("the caller's memory was read after Write returned")
		}
	}
}

func TestRejected(t *testing.T) {
	b := mqtttest.Start(t, mqtttest.Rules{Connect: func(_, user, _ string) bool { return user == "u" }})
	s := open(t, config(b.URL))
	for range 2 {
		if err := s.Write(t.Context(), items(1)); !errors.Is(err, sink.ErrPermanent) {
			t.Fatalf("Write with rejected credentials: %v, want ErrPermanent", err)
		}
	}
	if ok, err := s.Status(); ok || err == nil {
		t.Errorf("status %v, %v", ok, err)
	}
}

func TestUnreachable(t *testing.T) {
	s := open(t, config("mqtt://127.0.0.1:1"))
	err := s.Write(t.Context(), items(1))
	if err == nil || errors.Is(err, sink.ErrPermanent) || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("Write without a broker: %v", err)
	}
}

func TestAtMostOnce(t *testing.T) {
	var in inbox
	b := mqtttest.Start(t, in.rules())
	cfg := config(b.URL)
	cfg.AtMostOnce = true
	s := newSink(t, cfg)
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), items(10)); err != nil {
		t.Fatal(err)
	}
	// Close flushes what is buffered.
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	guard := time.After(20 * time.Second)
	for len(in.all()) < 10 {
		select {
		case <-tick.C:
		case <-guard:
			t.Fatalf("%d messages arrived, want 10", len(in.all()))
		}
	}
}

func TestTooLong(t *testing.T) {
	sc := mqtttest.NewScript(t)
	s := open(t, config(sc.URL))
	for want, it := range map[string]sink.Item{
		"topic of an item": item(strings.Repeat("x", 70000), "1"),
	} {
		if err := s.Write(t.Context(), []sink.Item{it}); !errors.Is(err, sink.ErrPermanent) || !strings.Contains(err.Error(), want) {
			t.Errorf("Write is %v, want ErrPermanent with %q", err, want)
		}
	}
}

func TestTemplate(t *testing.T) {
	for _, c := range []struct{ topic, stream, series, want string }{
		{"quell/{stream}/{series}", "pumps", "p-1", "quell/pumps/p-1"},
		{"quell/{stream}/{series}", "pumps", "", "quell/pumps"},
		{"{series}/{stream}", "s", "", "s"},
		{"{series}", "s", "", ""},
		{"{series}", "s", "$SYS/x", "%24SYS/x"},
		{"a/{series}/b", "s", "x/y", "a/x/y/b"},
		{"a/{series}", "s", "+#%\x00\x1f\x7f", "a/%2B%23%25%00%1F%7F"},
		{"a/{series}", "s", "grün °C 水", "a/grün °C 水"},
		{"a/{series}", "s", "\xff\u0085\ufffe", "a/%FF%C2%85%EF%BF%BE"},
		{"a/x-{series}-{stream}", "s", "", "a/x--s"},
		{"/a/{series}", "s", "x", "/a/x"},
		{"a//{series}", "s", "x", "a//x"},
		{"plain", "s", "x", "plain"},
	} {
		tm, err := parseTemplate(c.topic)
		if err != nil {
			t.Errorf("%s: %v", c.topic, err)
			continue
		}
		if got := string(tm.append(nil, c.stream, c.series)); got != c.want {
			t.Errorf("%s with %q, %q is %q, want %q", c.topic, c.stream, c.series, got, c.want)
		}
	}
	for topic, want := range map[string]string{
		"": "missing", "a/+": "wildcard", "$SYS/x": "belong to the broker", "a/{serie}": "{serie} is not known",
		"a/{series": "not closed", "a\x00": "no valid text",
	} {
		if _, err := parseTemplate(topic); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", topic, err, want)
		}
	}
}

// FuzzEscape: escaped names are valid in topics and can be read back.
func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "pump-1", "$a+#%", "\xff\u0085\ufdd0", "a/b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		e := string(Escape(nil, name))
		if strings.ContainsAny(e, "+#\x00") || strings.HasPrefix(e, "$") {
			t.Errorf("%q becomes %q", name, e)
		}
		if back, err := url.PathUnescape(e); err != nil || back != name {
			t.Errorf("%q becomes %q, which is read as %q (%v)", name, e, back, err)
		}
	})
}

func TestValidate(t *testing.T) {
	good := config("mqtt://h")
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Config){
		"url is missing":   func(c *Config) { c.Conn.URL = "" },
		"topic is missing": func(c *Config) { c.Topic = "" },
		"in flight":        func(c *Config) { c.InFlight = 70000 },
		"timeout":          func(c *Config) { c.AckTimeout = -1 },
	} {
		c := good
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// BenchmarkWrite publishes to a broker in the same process, whose work counts
// too.
func BenchmarkWrite(b *testing.B) {
	br := mqtttest.Start(b, mqtttest.Rules{})
	s, err := New(config(br.URL))
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Open(b.Context()); err != nil {
		b.Fatal(err)
	}
	batch := make([]sink.Item, 256)
	for i := range batch {
		batch[i] = item("p", strings.Repeat("x", 300))
	}
	n := 0
	for b.Loop() {
		if err := s.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
		n += len(batch)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "items/s")
	if err := s.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
}

func ExampleEscape() {
	fmt.Println(string(Escape(nil, "boiler #2/flow")))
	// Output: boiler %232/flow
}

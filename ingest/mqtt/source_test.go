package mqtt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/quell-stream/quell/conn/mqttconn"
	"github.com/quell-stream/quell/conn/mqttconn/mqtttest"
	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/ingesttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// decoder reads "SERIES VALUE" pairs, separated by commas.
type decoder struct{}

func (decoder) Decode(dst []ingest.Sample, m *ingest.Message) ([]ingest.Sample, error) {
	n := len(dst)
	for part := range strings.SplitSeq(string(m.Payload), ",") {
		series, value, _ := strings.Cut(part, " ")
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return dst[:n], ingest.Malformed("not_a_number", "%q", part)
		}
		dst = append(dst, ingest.Sample{Series: series, Value: v, Time: m.Stored, TimeSource: ingest.TimeArrival})
	}
	return dst, nil
}

func config(url, dir string) Config {
	return Config{
		Conn: mqttconn.Config{URL: url, ClientID: "quell"}, Topics: []string{"s/+"},
		Decoder: decoder{}, JournalDir: dir,
	}
}

func newSource(t *testing.T, cfg Config, opts ...Option) *Source {
	t.Helper()
	opts = append([]Option{WithBackoff(time.Millisecond, 5*time.Millisecond)}, opts...)
	s, err := New(cfg, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// start opens a source and answers its assignment.
func start(t *testing.T, cfg Config, from int64, opts ...Option) *Source {
	t.Helper()
	s := newSource(t, cfg, opts...)
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	d, err := s.Next(t.Context())
	if err != nil || d.Assignment == nil {
		t.Fatalf("first Next: %+v, %v; want an assignment", d, err)
	}
	d.Assignment.Resume([]int64{from})
	return s
}

func stop(t *testing.T, s *Source) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
}

func next(t *testing.T, s *Source) ingest.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	d, err := s.Next(ctx)
	if err != nil {
		t.Fatalf("Next: %v", err)
	}
	return d
}

// eventually waits for a condition, without asserting how long it takes.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		}
	}
}

func up(s *Source) func() bool {
	return func() bool { ok, _ := s.Status(); return ok }
}

func TestContract(t *testing.T) {
	ingesttest.Run(t, func(t *testing.T) ingesttest.Harness {
		b := mqtttest.Start(t, mqtttest.Rules{})
		dir := t.TempDir()
		var src *Source
		n := 0
		return ingesttest.Harness{
			New: func(t *testing.T) ingest.Source {
				src = newSource(t, config(b.URL, dir))
				return src
			},
			Publish: func(t *testing.T, more int) {
				eventually(t, "the source subscribes", up(src))
				for range more {
					b.Publish(t, "s/a", fmt.Sprintf("a %d", n), false)
					n++
				}
			},
			// The broker stops after the check.
			Leaks: []goleak.Option{goleak.IgnoreCurrent()},
		}
	})
}

// script is a source with a scripted broker at the other end.
type script struct {
	*mqtttest.Script
	t   *testing.T
	cfg Config
}

func newScript(t *testing.T) *script {
	s := mqtttest.NewScript(t)
	return &script{s, t, config(s.URL, t.TempDir())}
}

// welcome accepts a connection and its subscription.
func (s *script) welcome(present bool) *mqtttest.Peer {
	s.t.Helper()
	p := s.Welcome(s.t, present)
	p.Suback(mqtttest.Granted)
	return p
}

func wantAcks(t *testing.T, p *mqtttest.Peer, ids ...uint16) {
	t.Helper()
	for _, id := range ids {
		if a := mqtttest.Read[*packets.PubackPacket](p); a.MessageID != id {
			t.Fatalf("PUBACK for %d, want %d", a.MessageID, id)
		}
	}
}

func wantPayloads(t *testing.T, s *Source, payloads ...string) {
	t.Helper()
	for _, want := range payloads {
		if d := next(t, s); string(d.Payload) != want {
			t.Fatalf("delivered %q at %d, want %q", d.Payload, d.Offset, want)
		}
	}
}

func TestSessionIsPersistent(t *testing.T) {
	s := newScript(t)
	start(t, s.cfg, -1)
	p := s.Accept(t)
	if c := p.Connect; c.CleanSession || c.ClientIdentifier != "quell" || c.ProtocolVersion != 4 {
		t.Errorf("CONNECT is %v, want a persistent session of quell", c)
	}
	p.Connack(packets.Accepted, false)
	if d := cmp.Diff([]string{"s/+"}, p.Suback(mqtttest.Granted)); d != "" {
		t.Errorf("subscription (-want +got):\n%s", d)
	}
}

// TestRedelivery: what the broker sends again is recognised by identifier,
// topic and payload, over connections and restarts; everything else is news.
func TestRedelivery(t *testing.T) {
	s := newScript(t)
	src := start(t, s.cfg, -1)
	p := s.welcome(false)
	p.Publish(1, false, "s/a", "a 1")
	p.Publish(2, false, "s/a", "a 2")
	p.Publish(3, false, "s/a", "a 3")
	wantAcks(t, p, 1, 2, 3)
	wantPayloads(t, src, "a 1", "a 2", "a 3")

	p.Hangup()
	p = s.welcome(true)
	p.Publish(2, true, "s/a", "a 2") // the acknowledgement was lost
	p.Publish(3, true, "s/a", "a 3")
	p.Publish(4, true, "s/a", "a 3")  // never came here before, though it looks the same
	p.Publish(2, false, "s/a", "a 2") // new: not marked as a duplicate
	p.Publish(3, true, "s/b", "a 3")  // another topic
	wantAcks(t, p, 2, 3, 4, 2, 3)
	wantPayloads(t, src, "a 3", "a 2", "a 3")
	if st := src.Stats(); st.Received != 8 || st.Journalled != 6 || st.Redelivered != 2 {
		t.Errorf("stats %+v, want 8 received, 6 journalled, 2 redelivered", st)
	}

	stop(t, src)
	src = start(t, s.cfg, 6)
	p = s.welcome(true)
	p.Publish(4, true, "s/a", "a 3")
	p.Publish(5, true, "s/a", "a 5")
	wantAcks(t, p, 4, 5)
	wantPayloads(t, src, "a 5")

	// A broker that lost the session counts from the start.
	p.Hangup()
	p = s.welcome(false)
	p.Publish(5, true, "s/a", "a 5")
	wantAcks(t, p, 5)
	wantPayloads(t, src, "a 5")
}

// TestOtherEpoch: an acknowledgement never goes over another connection than
// its message came by, where the identifier may mean something else.
func TestOtherEpoch(t *testing.T) {
	s := newScript(t)
	src := newSource(t, s.cfg)
	if err := src.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, src) })
	// The journal waits until both connections have delivered.
	gate := &gate{appender: src.store, open: make(chan struct{})}
	src.journal.log = gate
	d, err := src.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d.Assignment.Resume([]int64{-1})
	p := s.welcome(false)
	p.Publish(1, false, "s/a", "a 1")
	p.Publish(2, false, "s/a", "a 2")
	eventually(t, "both arrive", func() bool { return src.Stats().Received == 2 })
	p.Hangup()
	p = s.welcome(true)
	p.Publish(2, true, "s/a", "a 2")
	p.Publish(1, false, "s/a", "a 3")
	eventually(t, "all arrive", func() bool { return src.Stats().Received == 4 })
	close(gate.open)
	// Were the first two acknowledged here, 1 would come first.
	wantAcks(t, p, 2, 1)
	wantPayloads(t, src, "a 1", "a 2", "a 3")
}

type gate struct {
	appender
	open chan struct{}
}

func (g *gate) Append(kind uint8, payload ...[]byte) (int64, error) {
	<-g.open
	return g.appender.Append(kind, payload...)
}

// TestBackPressure: with the journal full acknowledgements stop, and go on when
// the pipeline has finished what is in it.
func TestBackPressure(t *testing.T) {
	s := newScript(t)
	s.cfg.JournalBytes = 1 << 20
	src := start(t, s.cfg, -1)
	p := s.welcome(false)
	const n = 40
	body := "a 1" + strings.Repeat("0", 60_000)
	for i := range n {
		p.Publish(uint16(i+1), false, "s/a", body)
	}
	eventually(t, "the journal fills", func() bool { return src.Stats().Full })
	st := src.Stats()
	if src.JournalBytes() != st.Bytes || st.Bytes == 0 {
		t.Errorf("the journal has %d bytes, %d by its stats", src.JournalBytes(), st.Bytes)
	}
	if st.Journalled < 10 || st.Journalled >= n || st.Bytes > 1<<20 {
		t.Errorf("stats of a full journal: %+v", st)
	}
	for i := range n {
		wantAcks(t, p, uint16(i+1))
		d := next(t, src)
		if d.Offset != int64(i) {
			t.Fatalf("offset %d, want %d", d.Offset, i)
		}
		d.Ack.Done()
	}
	eventually(t, "the journal has room", func() bool { return !src.Stats().Full })
}

// TestCloseWhileFull: a full journal does not hold up Close, and what is not
// acknowledged comes again.
func TestCloseWhileFull(t *testing.T) {
	s := newScript(t)
	s.cfg.JournalBytes = 1 << 20
	src := start(t, s.cfg, -1)
	p := s.welcome(false)
	for i := range 40 {
		p.Publish(uint16(i+1), false, "s/a", "a 1"+strings.Repeat("0", 60_000))
	}
	eventually(t, "the journal fills", func() bool { return src.Stats().Full })
	if err := src.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestFates(t *testing.T) {
	s := newScript(t)
	s.cfg.Shard = Shard{Index: 0, Count: 2}
	src := start(t, s.cfg, -1, WithClock(func() time.Time { return time.Unix(0, 42) }))
	mine, other := "", ""
	for i := 0; mine == "" || other == ""; i++ {
		if n := fmt.Sprint("s", i); s.cfg.Shard.Owns(n) {
			mine = n
		} else {
			other = n
		}
	}
	p := s.welcome(false)
	p.Publish(1, false, "s/a", "garbage")
	p.Publish(2, false, "elsewhere", "a 1")
	p.Publish(3, false, "s/a", other+" 1")
	p.Publish(4, false, "s/a", mine+" 1,"+other+" 2,"+mine+" 3")
	p.Publish(0, false, "s/a", mine+" 9")
	r := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	r.TopicName, r.Payload, r.MessageID, r.Qos, r.Retain = "s/a", []byte(mine+" 7"), 5, 1, true
	p.Send(r)
	p.Publish(6, false, "s/a", mine+" 6")
	wantAcks(t, p, 1, 2, 3, 4, 5, 6)

	d := next(t, src)
	var m *ingest.MalformedError
	if !errors.As(d.Err, &m) || string(d.Payload) != "garbage" || len(d.Samples) != 0 {
		t.Errorf("malformed message gives %+v", d)
	}
	if d.Topic != "s/a" || d.Stored != 42 || d.Broker {
		t.Errorf("topic %q, stored %d, broker %v; want s/a, 42, false", d.Topic, d.Stored, d.Broker)
	}
	if d = next(t, src); !d.Skip || len(d.Samples) != 1 {
		t.Errorf("message of another shard gives %+v, want it skipped", d)
	}
	if d = next(t, src); d.Skip || len(d.Samples) != 2 || d.Samples[1].Value != 3 {
		t.Errorf("mixed message gives %+v, want two samples", d)
	}
	wantPayloads(t, src, mine+" 9", mine+" 6")
	st := src.Stats()
	st.Bytes, st.Syncs = 0, 0
	want := Stats{Received: 7, Journalled: 5, Retained: 1, Stray: 1, Foreign: 1, Connections: 1}
	if d := cmp.Diff(want, st); d != "" {
		t.Errorf("stats (-want +got):\n%s", d)
	}
}

func TestRetainedWanted(t *testing.T) {
	b := mqtttest.Start(t, mqtttest.Rules{})
	b.Publish(t, "s/a", "a 1", true)
	cfg := config(b.URL, t.TempDir())
	cfg.Retained = true
	src := start(t, cfg, -1)
	wantPayloads(t, src, "a 1")
}

// TestTooLarge: a message that the journal can never hold is cut, acknowledged
// and delivered as malformed.
func TestTooLarge(t *testing.T) {
	s := newScript(t)
	s.cfg.JournalBytes = 1 << 20
	src := start(t, s.cfg, -1)
	p := s.welcome(false)
	p.Publish(1, false, "s/a", strings.Repeat("x", 600_000))
	p.Publish(2, false, "s/a", "a 2")
	wantAcks(t, p, 1, 2)
	d := next(t, src)
	var m *ingest.MalformedError
	if !errors.As(d.Err, &m) || m.Reason != "too_large" || len(d.Payload) != cutBytes || !strings.Contains(m.Detail, "600000 bytes") {
		t.Errorf("delivered %d bytes with %v", len(d.Payload), d.Err)
	}
	wantPayloads(t, src, "a 2")
}

// TestResume: offsets before the journal and behind it.
func TestResume(t *testing.T) {
	s := newScript(t)
	src := start(t, s.cfg, -1)
	p := s.welcome(false)
	for i := range 5 {
		p.Publish(uint16(i+1), false, "s/a", fmt.Sprint("a ", i))
	}
	wantAcks(t, p, 1, 2, 3, 4, 5)
	stop(t, src)

	src = start(t, s.cfg, 3)
	s.welcome(true)
	wantPayloads(t, src, "a 3", "a 4")
	stop(t, src)

	// The checkpoint has seen more than the journal still holds.
	src = start(t, s.cfg, 100)
	p = s.welcome(true)
	p.Publish(6, false, "s/a", "a 6")
	if d := next(t, src); d.Offset != 100 || string(d.Payload) != "a 6" {
		t.Errorf("delivered %q at %d, want a 6 at 100", d.Payload, d.Offset)
	}
}

func TestRejected(t *testing.T) {
	b := mqtttest.Start(t, mqtttest.Rules{Connect: func(_, user, password string) bool { return user == "u" && password == "right" }})
	cfg := config(b.URL, t.TempDir())
	cfg.Conn.Username, cfg.Conn.Password = "u", "wrong-secret"
	var log bytes.Buffer
	src := start(t, cfg, -1, WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := src.Next(ctx)
	if !errors.Is(err, ingest.ErrRejected) {
		t.Fatalf("Next is %v, want ErrRejected", err)
	}
	if ok, serr := src.Status(); ok || !errors.Is(serr, ingest.ErrRejected) {
		t.Errorf("status is %v, %v", ok, serr)
	}
	if strings.Contains(err.Error()+log.String(), "wrong-secret") {
		t.Error("the password is printed")
	}
	cfg.Conn.Password = "right"
	src = start(t, cfg2(cfg, t.TempDir()), -1)
	eventually(t, "the right password is accepted", up(src))
}

func cfg2(c Config, dir string) Config { c.JournalDir = dir; return c }

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestRefusedFilter: one filter without a right is an error in the status; the
// others go on.
func TestRefusedFilter(t *testing.T) {
	s := newScript(t)
	s.cfg.Topics = []string{"s/+", "secret/#", "weak"}
	var log lockedBuffer
	src := start(t, s.cfg, -1, WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	p := s.Welcome(t, false)
	p.Suback(func(f string) byte {
		return map[string]byte{"s/+": 1, "secret/#": 0x80, "weak": 0}[f]
	})
	p.Publish(1, false, "s/a", "a 1")
	wantAcks(t, p, 1)
	wantPayloads(t, src, "a 1")
	ok, err := src.Status()
	if ok || err == nil || !strings.Contains(err.Error(), "refuses the subscription to secret/#:") {
		t.Errorf("status is %v, %v", ok, err)
	}
	for _, want := range []string{"refuses the subscription", "grants QoS 0 only", "weak"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, log.String())
		}
	}
}

// TestBrokerRestart: the source comes back by itself and subscribes again.
func TestBrokerRestart(t *testing.T) {
	b := mqtttest.Start(t, mqtttest.Rules{})
	src := start(t, config(b.URL, t.TempDir()), -1)
	eventually(t, "connected", up(src))
	b.Publish(t, "s/a", "a 1", false)
	wantPayloads(t, src, "a 1")
	b.Stop()
	eventually(t, "down", func() bool { ok, err := src.Status(); return !ok && err != nil })
	b = mqtttest.StartAt(t, b.Addr(), mqtttest.Rules{})
	eventually(t, "up again", up(src))
	b.Publish(t, "s/a", "a 2", false)
	wantPayloads(t, src, "a 2")
}

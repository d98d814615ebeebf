package mqtt

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/quell-stream/quell/conn/mqttconn/mqtttest"
	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/internal/seglog"
)

// session is the broker's side of a persistent session as the standard has it:
// messages in order, at most window unacknowledged, and after a reconnect those
// again, first, under their old identifiers.
type session struct {
	window   int
	queue    []string
	inflight []outgoing
	id       uint16
}

type outgoing struct {
	id      uint16
	payload string
	sent    bool
}

// serve runs the session over one connection until the cut-off: the broker
// hangs up after so many acknowledgements, some of which it loses.
func (b *session) serve(p *mqtttest.Peer, rng *rand.Rand, acks int) {
	for i := range b.inflight {
		m := &b.inflight[i]
		if p.TryPublish(m.id, m.sent, "s/a", m.payload) != nil {
			return
		}
		m.sent = true
	}
	for {
		for len(b.inflight) < b.window && len(b.queue) > 0 {
			b.id++
			if b.id == 0 {
				b.id = 1
			}
			m := outgoing{b.id, b.queue[0], true}
			b.queue = b.queue[1:]
			b.inflight = append(b.inflight, m)
			if p.TryPublish(m.id, false, "s/a", m.payload) != nil {
				return
			}
		}
		if len(b.inflight) == 0 || acks == 0 {
			// The acknowledgements under way are lost.
			return
		}
		cp, err := p.Next()
		if err != nil {
			return
		}
		a, ok := cp.(*packets.PubackPacket)
		if !ok {
			continue
		}
		acks--
		i := slices.IndexFunc(b.inflight, func(m outgoing) bool { return m.id == a.MessageID })
		if i >= 0 && rng.IntN(200) > 0 {
			b.inflight = slices.Delete(b.inflight, i, i+1)
		}
	}
}

// TestNothingLost: connections cut at random, with acknowledgements lost, and
// the source restarted now and then from its checkpoint. Every message is
// delivered at the journal's level, in order, and once.
func TestNothingLost(t *testing.T) {
	const n = 3000
	for seed := range uint64(3) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 3))
			s := newScript(t)
			b := &session{window: 20}
			for i := range n {
				// No time stamp, and many equal neighbours: nothing but the
				// identifier tells them apart.
				b.queue = append(b.queue, fmt.Sprintf("a %d", i/3))
			}
			src := start(t, s.cfg, 0)
			var got []string
			offset := int64(0)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			read := func(src *Source, until func() bool) {
				for !until() {
					d, err := src.Next(ctx)
					if err != nil {
						t.Fatal(err)
					}
					if d.Offset != offset {
						t.Fatalf("offset %d, want %d", d.Offset, offset)
					}
					offset++
					got = append(got, string(d.Payload))
					d.Ack.Done()
				}
			}
			present := false
			for len(b.queue)+len(b.inflight) > 0 {
				p := s.Subscriber(t, present)
				present = true
				b.serve(p, rng, 1+rng.IntN(300))
				p.Hangup()
				if rng.IntN(3) == 0 {
					// Restart. With a context that has ended nothing is tidied up.
					read(src, func() bool { return offset >= src.store.Durable() })
					gone, cancel := context.WithCancel(t.Context())
					cancel()
					if err := src.Close(gone); err != nil {
						t.Fatal(err)
					}
					src = start(t, s.cfg, offset)
				}
			}
			read(src, func() bool { return offset >= src.store.Durable() })
			seen := make(map[string]int)
			for i, g := range got {
				seen[g]++
				if want := strconv.Itoa(i / 3); len(got) == n && g != "a "+want {
					t.Fatalf("message %d is %q, want a %s", i, g, want)
				}
			}
			for i := range n / 3 {
				if k := seen[fmt.Sprint("a ", i)]; k != 3 {
					t.Errorf("message %d was delivered %d times, want 3", i, k)
				}
			}
		})
	}
}

// faulty is a disk that refuses what a script says.
type faulty struct {
	*seglog.Log
	t       *testing.T
	rng     *rand.Rand
	from    int64 // first index that is not durable
	refused int
	kept    []held // appended, not durable
}

type held struct {
	kind uint8
	b    []byte
}

func (f *faulty) refuse() error {
	f.refused++
	err := &seglog.WriteError{From: f.from, To: f.from + int64(len(f.kept)), Err: errors.New("no space left on device")}
	f.kept = nil
	return err
}

// Append keeps records back, so that they can be refused together.
func (f *faulty) Append(kind uint8, payload ...[]byte) (int64, error) {
	switch f.rng.IntN(20) {
	case 0:
		return 0, f.refuse()
	case 1:
		return 0, seglog.ErrFull
	case 2: // no room for a new segment: nothing is taken back
		next := f.from + int64(len(f.kept))
		return 0, &seglog.WriteError{From: next, To: next, Err: errors.New("begin a new segment")}
	}
	f.kept = append(f.kept, held{kind, slices.Concat(payload...)})
	return f.from + int64(len(f.kept)) - 1, nil
}

func (f *faulty) Sync() error {
	if f.rng.IntN(4) == 0 {
		return f.refuse()
	}
	for _, h := range f.kept {
		i, err := f.Log.Append(h.kind, h.b)
		if err != nil || i != f.from {
			f.t.Errorf("index %d, %v; want %d", i, err, f.from)
		}
		f.from++
	}
	f.kept = nil
	return f.Log.Sync()
}

// TestDiskRefuses: whatever the disk refuses, and when, every message is
// journalled once, in order, and acknowledged only then.
func TestDiskRefuses(t *testing.T) {
	const n = 500
	s := newScript(t)
	src := newSource(t, s.cfg, WithBackoff(1, 1))
	if err := src.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, src) })
	disk := &faulty{Log: src.store, t: t, rng: rand.New(rand.NewPCG(1, 4))}
	src.journal.log = disk
	d, err := src.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d.Assignment.Resume([]int64{-1})
	p := s.welcome(false)
	go func() {
		for i := range n {
			p.Publish(uint16(i+1), false, "s/a", fmt.Sprintf("a %d", i))
		}
	}()
	// What makes a full journal go on is the pipeline finishing messages.
	done := make(chan struct{})
	defer func() { <-done }()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			signal(src.journal.room)
		}
	}()
	for i := range n {
		a := mqtttest.Read[*packets.PubackPacket](p)
		if a.MessageID != uint16(i+1) {
			t.Fatalf("PUBACK for %d, want %d", a.MessageID, i+1)
		}
		if src.store.Durable() <= int64(i) {
			t.Fatalf("message %d is acknowledged, %d are durable", i, src.store.Durable())
		}
	}
	for i := range n {
		d := next(t, src)
		if want := fmt.Sprintf("a %d", i); string(d.Payload) != want || d.Offset != int64(i) {
			t.Fatalf("delivered %q at %d, want %q at %d", d.Payload, d.Offset, want, i)
		}
	}
	if disk.refused == 0 {
		t.Error("the disk never refused")
	}
	eventually(t, "healthy again", func() bool { ok, _ := src.Status(); return ok })
}

func TestRecord(t *testing.T) {
	a := &arrival{id: 513, at: -5, flags: flagDup | flagQoS1, topic: "s/ä", payload: []byte("x\x00y")}
	b := append(append(appendHeader(nil, a), a.topic...), a.payload...)
	e, err := parseRecord(seglog.Record{Kind: kindMessage, Payload: b})
	if err != nil {
		t.Fatal(err)
	}
	if e.id != 513 || e.at != -5 || e.flags != a.flags || string(e.topic) != a.topic || string(e.payload) != "x\x00y" || e.length != 3 {
		t.Errorf("round trip gives %+v", e)
	}
	for cut := range recordHeader + len(a.topic) {
		if _, err := parseRecord(seglog.Record{Kind: kindMessage, Payload: b[:cut]}); err == nil {
			t.Errorf("a record of %d bytes is accepted", cut)
		}
	}
	if _, err := parseRecord(seglog.Record{Kind: 9, Payload: b}); err == nil {
		t.Error("a record of another kind is accepted")
	}
}

var _ ingest.Source = (*Source)(nil)
var _ ingest.StatusReporter = (*Source)(nil)

package kafka

import (
	"bytes"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/quell-stream/quell/conn/kafkaconn"
	"github.com/quell-stream/quell/ingest"
)

// compacted returns a state topic of the sources.
func compacted(t *testing.T, c *kfake.Cluster, topic string, sources ...string) *Compacted {
	t.Helper()
	k, err := NewCompacted(CompactedConfig{Conn: kafkaconn.Config{Brokers: c.ListenAddrs(), LayoutAge: time.Second},
		Topic: topic, Sources: sources, Timeout: 5 * time.Second, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

// all returns what a partition holds from an offset up to another, in words.
func all(t *testing.T, k *Compacted, partition int32, from, to int64) (got []string, next int64) {
	t.Helper()
	next, err := k.Read(t.Context(), partition, from, to, func(e Entry) error {
		if e.Value == nil {
			got = append(got, string(e.Key)+" gone")
		} else {
			got = append(got, string(e.Key)+"="+string(e.Value))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got, next
}

// A topic that is not there is created, compacted, with the partitions of the source;
// what is appended is read back.
func TestCompactedAppendAndRead(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(3, "in"))
	k := compacted(t, c, "state", "in")
	for range 2 { // the second time it is there
		if n, err := k.Prepare(t.Context()); err != nil || n != 3 {
			t.Fatalf("%d partitions, %v", n, err)
		}
	}
	if got, next := all(t, k, 2, 0, -1); len(got) != 0 || next != 0 {
		t.Fatalf("an empty partition holds %q and ends at %d", got, next)
	}
	entries := []Entry{{Key: []byte("a"), Value: []byte("1")}, {Key: []byte("b"), Value: []byte{}}, {Key: []byte("a")}}
	for i := range 2 {
		base, err := k.Append(t.Context(), 2, entries)
		if err != nil || base != int64(3*i) {
			t.Fatalf("append %d at %d, %v", i, base, err)
		}
	}
	got, next := all(t, k, 2, 1, 5)
	if want := []string{"b=", "a gone", "a=1", "b="}; !slices.Equal(got, want) || next != 5 {
		t.Errorf("got %q up to %d, want %q up to 5", got, next, want)
	}
	if got, next := all(t, k, 2, 0, -1); len(got) != 6 || next != 6 {
		t.Errorf("got %q up to %d, want 6 records", got, next)
	}
	if got, _ := all(t, k, 0, 0, -1); len(got) != 0 {
		t.Errorf("another partition holds %q", got)
	}
	stop := errors.New("enough")
	if _, err := k.Read(t.Context(), 2, 0, -1, func(Entry) error { return stop }); err != stop { //nolint:errorlint // as it is
		t.Errorf("got %v, want what was returned", err)
	}
}

// More than one response is needed, and an append takes what Limit says.
func TestCompactedLarge(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, "in"))
	k := compacted(t, c, "state", "in")
	if _, err := k.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	big := bytes.Repeat([]byte{7}, k.Limit()-1)
	for range 4 {
		if _, err := k.Append(t.Context(), 0, []Entry{{Key: []byte("k"), Value: big}}); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	next, err := k.Read(t.Context(), 0, 0, -1, func(e Entry) error {
		if n++; !bytes.Equal(e.Value, big) {
			t.Error("another value")
		}
		return nil
	})
	if err != nil || next != 4 || n != 4 {
		t.Errorf("%d records up to %d, %v", n, next, err)
	}
}

// A topic that would lose states is refused with what to do; one with too few
// partitions gets them.
func TestCompactedRefusesAndGrows(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(4, "in"), kfake.SeedTopics(4, "deleted"), kfake.SeedTopics(8, "many"))
	other, err := kafkaconn.New(kafkaconn.Config{Brokers: c.ListenAddrs()})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for topic, policy := range map[string]string{"both": "compact,delete", "few": "compact"} {
		n := 4
		if topic == "few" {
			n = 1
		}
		if err := other.CreateTopic(t.Context(), kafkaconn.Topic{Name: topic, Partitions: n, Config: map[string]string{"cleanup.policy": policy}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, topic := range []string{"deleted", "both", "many"} {
		if _, err := compacted(t, c, topic, "in").Prepare(t.Context()); !errors.Is(err, ErrUnusable) {
			t.Errorf("%s: got %v, want that it can't be used", topic, err)
		} else {
			t.Log(err)
		}
	}
	k := compacted(t, c, "few", "in")
	if n, err := k.Prepare(t.Context()); err != nil || n != 4 {
		t.Fatalf("few: %d, %v", n, err)
	}
	if _, err := k.Append(t.Context(), 3, []Entry{{Key: []byte("k"), Value: []byte("v")}}); err != nil {
		t.Errorf("the last partition: %v", err)
	}
	if _, err := compacted(t, c, "state", "none").Prepare(t.Context()); err == nil {
		t.Error("a source that is not there has a state topic")
	}
}

// A batch that the leader has refused is tried again; one that nobody answers is not.
func TestCompactedTriesAgain(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, "in"))
	k := compacted(t, c, "state", "in")
	if _, err := k.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	refusals := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotLeaderForPartition, Count: 2})
	defer refusals.Remove()
	if _, err := k.Append(t.Context(), 0, []Entry{{Key: []byte("k"), Value: []byte("v")}}); err != nil {
		t.Fatal(err)
	}
	timeouts := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.RequestTimedOut, Count: -1})
	defer timeouts.Remove()
	if _, err := k.Append(t.Context(), 0, []Entry{{Key: []byte("k"), Value: []byte("w")}}); err == nil {
		t.Error("a write that timed out counts as done")
	}
	if n := timeouts.Hits(); n != 1 {
		t.Errorf("a write that may have arrived was sent %d times", n)
	}
}

// The group confirms an assignment until it has moved on.
func TestConfirm(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(2, "in"))
	s := open(t, config(c, "in"))
	a := assigned(t, s)
	if err := a.Confirm(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.Resume([]int64{-1, -1})
	other := open(t, config(c, "in"))
	go func() {
		for {
			d, err := other.Next(t.Context())
			if err != nil {
				return
			}
			if d.Assignment != nil {
				d.Assignment.Resume(make([]int64, len(d.Assignment.Parts)))
			}
		}
	}()
	again := assigned(t, s)
	if err := a.Confirm(t.Context()); !errors.Is(err, ingest.ErrStale) {
		t.Errorf("got %v of an assignment that is over", err)
	}
	if err := again.Confirm(t.Context()); err != nil {
		t.Errorf("the present assignment: %v", err)
	}
	again.Resume(make([]int64, len(again.Parts)))
}

// A source that gives its assignment back is given another one.
func TestRejoin(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, "in"))
	publish(t, client(t, c), "in", 0, numbers(0, 10)...)
	s := open(t, config(c, "in"))
	a := assigned(t, s)
	a.Resume([]int64{-1})
	s.Rejoin()
	again := assigned(t, s)
	if err := a.Confirm(t.Context()); !errors.Is(err, ingest.ErrStale) {
		t.Errorf("got %v of an assignment that was given back", err)
	}
	again.Resume([]int64{3})
	if d := message(t, s); d.Offset != 3 {
		t.Errorf("offset %d, want 3", d.Offset)
	}
}

package kafka

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/quell-stream/quell/ingest"
)

// tally counts messages by value, for members that run side by side.
type tally struct {
	mu   sync.Mutex
	seen map[float64]int
}

func (y *tally) add(d *ingest.Delivery) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, s := range d.Samples {
		y.seen[s.Value]++
	}
}

func (y *tally) count() int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return len(y.seen)
}

// read reads and finishes messages until ctx ends, checking that offsets rise
// within an assignment.
func read(ctx context.Context, s *Source, y *tally) error {
	var last map[int]int64
	for {
		d, err := s.Next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if d.Assignment != nil {
			last = make(map[int]int64)
			resume(d.Assignment)
			continue
		}
		if before, ok := last[d.Part]; ok && d.Offset <= before {
			return fmt.Errorf("offset %d of partition %d after %d", d.Offset, d.Part, before)
		}
		last[d.Part] = d.Offset
		y.add(&d)
		d.Ack.Done()
	}
}

// Members come and go while messages flow: none is lost, and what was finished
// before a member left comes at most once more.
func TestRebalance(t *testing.T) {
	t.Parallel()
	const parts, rounds, each = 4, 6, 100
	c := cluster(t, kfake.SeedTopics(parts, "in"))
	k := client(t, c)
	y := &tally{seen: make(map[float64]int)}
	n := 0
	feed := func() {
		for p := range int32(parts) {
			publish(t, k, "in", p, numbers(n, n+each)...)
			n += each
		}
	}
	type member struct {
		src  *Source
		stop context.CancelFunc
		done chan error
	}
	join := func() *member {
		ctx, cancel := context.WithCancel(context.Background())
		m := &member{src: open(t, config(c, "in")), stop: cancel, done: make(chan error, 1)}
		t.Cleanup(cancel)
		go func() { m.done <- read(ctx, m.src, y) }()
		return m
	}
	leave := func(m *member) {
		m.stop()
		if err := <-m.done; err != nil {
			t.Errorf("member: %v", err)
		}
		shut(t, m.src)
	}
	first := join()
	var second *member
	for round := range rounds {
		feed()
		switch round {
		case 1:
			second = join()
			until(t, "both members own partitions", func() bool {
				g := c.GroupInfo("g")
				return g != nil && len(g.Members) == 2 && g.Members[0].NumAssigned() == 2 && g.Members[1].NumAssigned() == 2
			})
		case 3:
			leave(first)
		}
	}
	until(t, "every message arrived", func() bool { return y.count() == n })
	for p := range int32(parts) {
		until(t, "everything is committed", func() bool { return committed(c, "in", p) == rounds*each })
	}
	leave(second)
}

// An ack of the generation before the rebalance does not count for the one
// after.
func TestStaleGeneration(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, "in"))
	publish(t, client(t, c), "in", 0, numbers(0, 5)...)
	s := open(t, config(c, "in"))
	var old []ingest.Delivery
	for range 5 {
		old = append(old, message(t, s))
	}
	s.live.Load().end() // as a rebalance would
	a := assigned(t, s)
	for _, d := range old {
		d.Ack.Done()
	}
	if a.Parts[0].Committed != 0 {
		t.Fatalf("Committed is %d, want 0", a.Parts[0].Committed)
	}
	resume(a)
	message(t, s).Ack.Done()
	until(t, "commit of 1", func() bool { return committed(c, "in", 0) == 1 })
	shut(t, s)
	if got := committed(c, "in", 0); got != 1 {
		t.Errorf("the group holds %d, want 1", got)
	}
}

// New partitions are picked up, of all topics alike.
func TestPartitionsAdded(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, "a", "b"))
	k := client(t, c)
	s := open(t, config(c, "a", "b"))
	a := assigned(t, s)
	names := func() (n []string) {
		for i, p := range a.Parts {
			n = append(n, p.Name)
			if want := int32(p.Name[2] - '0'); p.Number != want {
				t.Errorf("partition %d of the assignment is %+v", i, p)
			}
		}
		return n
	}
	if diff := cmp.Diff([]string{"a/0", "b/0"}, names()); diff != "" {
		t.Fatalf("partitions (-want +got):\n%s", diff)
	}
	resume(a)
	grow := func(topic string) {
		req := kmsg.NewPtrCreatePartitionsRequest()
		rt := kmsg.NewCreatePartitionsRequestTopic()
		rt.Topic, rt.Count = topic, 2
		req.Topics = append(req.Topics, rt)
		if _, err := req.RequestWith(t.Context(), k); err != nil {
			t.Fatal(err)
		}
	}
	grow("a")
	until(t, "the torn state shows", func() bool {
		up, err := s.Status()
		return !up && err != nil && strings.Contains(err.Error(), "different numbers of partitions")
	})
	grow("b")
	a = assigned(t, s)
	if diff := cmp.Diff([]string{"a/0", "a/1", "b/0", "b/1"}, names()); diff != "" {
		t.Fatalf("partitions (-want +got):\n%s", diff)
	}
	resume(a)
	publish(t, k, "b", 1, "5")
	if d := message(t, s); a.Parts[d.Part].Name != "b/1" || d.Topic != "b" {
		t.Errorf("message from %s of topic %s, want b/1", a.Parts[d.Part].Name, d.Topic)
	}
}

// The leader moves while messages flow.
func TestLeaderMoves(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.NumBrokers(3), kfake.SeedTopics(1, "in"))
	k := client(t, c)
	s := open(t, config(c, "in"))
	n := 0
	for node := range int32(3) {
		if err := c.MoveTopicPartition("in", 0, node); err != nil {
			t.Fatal(err)
		}
		publish(t, k, "in", 0, numbers(n, n+50)...)
		for range 50 {
			if d := message(t, s); d.Offset != int64(n) {
				t.Fatalf("offset %d, want %d", d.Offset, n)
			}
			n++
		}
	}
	until(t, "the source is up again", func() bool { up, _ := s.Status(); return up })
}

func TestCoPartition(t *testing.T) {
	var members []kafkago.GroupMember
	for _, id := range []string{"m2", "m0", "m1"} {
		members = append(members, kafkago.GroupMember{ID: id, Topics: []string{"a", "b"}})
	}
	// The broker lists the partitions of the two topics in different orders.
	var parts []kafkago.Partition
	for _, n := range []int{3, 0, 1, 4, 2} {
		parts = append(parts, kafkago.Partition{Topic: "a", ID: n}, kafkago.Partition{Topic: "b", ID: 4 - n})
	}
	got := new(coPartition).AssignGroups(members, parts)
	want := kafkago.GroupMemberAssignments{
		"m0": {"a": {0}, "b": {0}},
		"m1": {"a": {1, 2}, "b": {1, 2}},
		"m2": {"a": {3, 4}, "b": {3, 4}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("assignments (-want +got):\n%s", diff)
	}
}

package kafka

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/quell-stream/quell/ingest"
)

// Out-of-order acks commit the contiguous part only, on the interval, without
// waiting for Close.
func TestCommitIsContiguous(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, "in"))
	publish(t, client(t, c), "in", 0, numbers(0, 10)...)
	s := open(t, config(c, "in"))
	var ds []ingest.Delivery
	for range 10 {
		ds = append(ds, message(t, s))
	}
	for _, i := range []int{0, 1, 2, 5, 6, 9} {
		ds[i].Ack.Done()
	}
	until(t, "commit of 3", func() bool { return committed(c, "in", 0) == 3 })
	ds[4].Ack.Done()
	ds[3].Ack.Done()
	until(t, "commit of 7", func() bool { return committed(c, "in", 0) == 7 })
	ds[7].Ack.Done()
	shut(t, s)
	if got := committed(c, "in", 0); got != 8 {
		t.Errorf("after Close the group holds %d, want 8", got)
	}
}

// A reader that goes back does not move the group back.
func TestCommitNeverLowered(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, "in"))
	publish(t, client(t, c), "in", 0, numbers(0, 10)...)
	s := open(t, config(c, "in"))
	for range 8 {
		message(t, s).Ack.Done()
	}
	shut(t, s)
	if got := committed(c, "in", 0); got != 8 {
		t.Fatalf("the group holds %d, want 8", got)
	}
	commits := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Observe: true, Count: -1})
	defer commits.Remove()

	s = open(t, config(c, "in"))
	a := assigned(t, s)
	if got := a.Parts[0]; got.Committed != 8 || got.Name != "in/0" || got.Number != 0 {
		t.Fatalf("partition %+v, want in/0 committed at 8", got)
	}
	a.Resume([]int64{2})
	for i := range 5 {
		d := message(t, s)
		if d.Offset != int64(2+i) {
			t.Fatalf("offset %d, want %d", d.Offset, 2+i)
		}
		d.Ack.Done()
	}
	shut(t, s)
	if got := committed(c, "in", 0); got != 8 {
		t.Errorf("the group holds %d, want 8 as before", got)
	}
	if n := commits.Hits(); n != 0 {
		t.Errorf("%d commits were sent, want none", n)
	}
}

// A reader whose checkpoint is ahead moves the group up to it.
func TestCommitFollowsCheckpoint(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, "in"))
	publish(t, client(t, c), "in", 0, numbers(0, 10)...)
	s := open(t, config(c, "in"))
	assigned(t, s).Resume([]int64{6})
	if d := message(t, s); d.Offset != 6 {
		t.Fatalf("offset %d, want 6", d.Offset)
	}
	until(t, "commit of 6", func() bool { return committed(c, "in", 0) == 6 })
}

// A commit that fails is made up for by the next one.
func TestCommitFailure(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, "in"))
	publish(t, client(t, c), "in", 0, numbers(0, 3)...)
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.CoordinatorLoadInProgress, Count: 2})
	s := open(t, config(c, "in"))
	for range 3 {
		message(t, s).Ack.Done()
	}
	until(t, "commit of 3", func() bool { return committed(c, "in", 0) == 3 })
	if n := s.Stats().CommitErrors; n == 0 {
		t.Error("no failed commit was counted")
	}
}

// A member that is killed loses nothing: its successor starts at the low mark.
func TestKilledMember(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, "in"))
	publish(t, client(t, c), "in", 0, numbers(0, 20)...)
	cfg := config(c, "in")
	cfg.SessionTimeout = time.Second
	s := open(t, cfg)
	var ds []ingest.Delivery
	for range 15 {
		ds = append(ds, message(t, s))
	}
	for i, d := range ds {
		if i != 5 && i != 11 {
			d.Ack.Done()
		}
	}
	until(t, "commit of 5", func() bool { return committed(c, "in", 0) == 5 })
	s.client.Close() // from here on nothing of it reaches the cluster

	heir := open(t, cfg)
	for want := int64(5); want < 20; want++ {
		if d := message(t, heir); d.Offset != want {
			t.Fatalf("offset %d, want %d", d.Offset, want)
		}
	}
}

// Latest means the end of the log when the group first joined, also after a
// restart before anything was finished.
func TestStartLatest(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, "in"))
	k := client(t, c)
	publish(t, k, "in", 0, numbers(0, 4)...)
	cfg := config(c, "in")
	cfg.Start = Latest
	s := open(t, cfg)
	a := assigned(t, s)
	if got := a.Parts[0].Committed; got != 4 {
		t.Errorf("Committed is %d, want the end of the log, 4", got)
	}
	shut(t, s)
	publish(t, k, "in", 0, numbers(4, 6)...)
	s = open(t, cfg)
	if d := message(t, s); d.Offset != 4 {
		t.Errorf("offset %d, want 4: what came during the restart was skipped", d.Offset)
	}
}

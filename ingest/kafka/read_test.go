package kafka

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/quell-stream/quell/ingest"
)

func TestMessage(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, "in"))
	k := client(t, c)
	rec := &kgo.Record{Topic: "in", Key: []byte("pump-1"), Value: []byte("21.5"), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("v")}}}
	if err := k.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
		t.Fatal(err)
	}
	bad := &kgo.Record{Topic: "in", Value: []byte("no number"), Headers: []kgo.RecordHeader{{Key: "trace", Value: []byte{0, 255}}}}
	if err := k.ProduceSync(t.Context(), bad).FirstErr(); err != nil {
		t.Fatal(err)
	}
	publish(t, k, "in", 0, "7")
	if err := k.ProduceSync(t.Context(), &kgo.Record{Topic: "in", Key: []byte("pump-1")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	s := open(t, config(c, "in"))
	d := message(t, s)
	want := ingest.Message{Topic: "in", Key: []byte("pump-1"), Payload: []byte("21.5"), Stored: rec.Timestamp.UnixMilli() * 1e6, Broker: true}
	if diff := cmp.Diff(want, d.Message); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	if len(d.Samples) != 1 || d.Samples[0].Value != 21.5 || d.Err != nil {
		t.Errorf("samples %+v, error %v, want one of 21.5", d.Samples, d.Err)
	}
	d = message(t, s)
	var malformed *ingest.MalformedError
	if !errors.As(d.Err, &malformed) || len(d.Samples) != 0 || string(d.Payload) != "no number" {
		t.Errorf("malformed message: error %v, samples %v, payload %q", d.Err, d.Samples, d.Payload)
	}
	if diff := cmp.Diff([]ingest.Header{{Key: "trace", Value: []byte{0, 255}}}, d.Headers); diff != "" {
		t.Errorf("headers of a malformed message (-want +got):\n%s", diff)
	}
	d.Ack.Done()
	if d = message(t, s); d.Err != nil || len(d.Samples) != 1 {
		t.Errorf("after the malformed message: error %v, samples %v", d.Err, d.Samples)
	}
	if d = message(t, s); d.Err != nil || len(d.Samples) != 0 || d.Payload != nil || d.Offset != 3 {
		t.Errorf("tombstone: %+v, want no samples and no error", d)
	}
}

// TestAbsurdStamp: a stamp that no nanoseconds hold, such as one in microseconds, is no time of a message.
func TestAbsurdStamp(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, "in"))
	k := client(t, c)
	for _, ms := range []int64{mostTime, mostTime + 1} {
		if err := k.ProduceSync(t.Context(), &kgo.Record{Topic: "in", Value: []byte("1"), Timestamp: time.UnixMilli(ms)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, config(c, "in"))
	for _, want := range []int64{mostTime * 1e6, 0} {
		if d := message(t, s); d.Stored != want || d.Broker != (want > 0) {
			t.Errorf("stored at %d, by the broker: %v; want %d", d.Stored, d.Broker, want)
		}
	}
}

func TestCompression(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, "in"))
	n := 0
	for _, codec := range []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
		publish(t, client(t, c, kgo.ProducerBatchCompression(codec)), "in", 0, numbers(n, n+100)...)
		n += 100
	}
	s := open(t, config(c, "in"))
	for want := range n {
		d := message(t, s)
		if d.Err != nil || d.Samples[0].Value != float64(want) {
			t.Fatalf("message %d: %q, error %v", want, d.Payload, d.Err)
		}
	}
}

// A batch that inflates beyond the limit becomes one malformed message, and the
// partition goes on.
func TestBomb(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, "in"))
	for _, codec := range []kgo.CompressionCodec{kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
		publish(t, client(t, c, kgo.ProducerBatchCompression(codec)), "in", 0, strings.Repeat("0", 200_000))
	}
	publish(t, client(t, c), "in", 0, "1")
	cfg := config(c, "in")
	cfg.tune.inflateLimit = 100_000
	s := open(t, cfg)
	for i := range 4 {
		d := message(t, s)
		var bad *ingest.MalformedError
		if !errors.As(d.Err, &bad) || bad.Reason != "too_large" || d.Offset != int64(i) {
			t.Errorf("message %d at offset %d: error %v, want too_large", i, d.Offset, d.Err)
		}
		d.Ack.Done()
	}
	d := message(t, s)
	if d.Err != nil || d.Samples[0].Value != 1 {
		t.Errorf("the message behind the bombs: %q, error %v", d.Payload, d.Err)
	}
	d.Ack.Done()
	until(t, "commit of 5", func() bool { return committed(c, "in", 0) == 5 })
	if n := s.Stats().Corrupt; n != 4 {
		t.Errorf("%d batches counted, want 4", n)
	}
}

// Aborted records and transaction markers are not delivered; the group's offset
// moves past them all the same.
func TestTransactions(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, "in"))
	k := client(t, c, kgo.TransactionalID("tx"))
	plain := client(t, c)
	for i, how := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryAbort, kgo.TryCommit} {
		if err := k.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		publish(t, k, "in", 0, numbers(100*i, 100*i+3)...)
		if err := k.EndTransaction(context.Background(), how); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			publish(t, plain, "in", 0, "150")
		}
	}
	s := open(t, config(c, "in"))
	var got []float64
	for range 7 {
		d := message(t, s)
		got = append(got, d.Samples[0].Value)
		d.Ack.Done()
	}
	if diff := cmp.Diff([]float64{0, 1, 2, 150, 300, 301, 302}, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	end := c.PartitionInfo("in", 0).HighWatermark
	if end != 17 { // 4·(3 records + 1 marker) + 1
		t.Fatalf("the log ends at %d, want 17", end)
	}
	// Next must run for the marker at the end to be seen.
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { _, err := s.Next(ctx); done <- err }()
	until(t, "commit behind the last marker", func() bool { return committed(c, "in", 0) == end })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Next: %v, want context.Canceled", err)
	}
	if lag := s.Lag(); len(lag) != 1 || lag[0].Behind() != 0 || lag[0].Finished != end {
		t.Errorf("lag %+v, want none", lag)
	}
}

// Messages that expired before they were wanted are counted, and reading goes on
// at the earliest.
func TestOffsetExpired(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, "in"))
	for i := range 10 {
		publish(t, client(t, c), "in", 0, numbers(i, i+1)...)
	}
	if err := c.DeleteRecords("in", 0, 6); err != nil {
		t.Fatal(err)
	}
	s := open(t, config(c, "in"))
	assigned(t, s).Resume([]int64{2})
	if d := message(t, s); d.Offset != 6 {
		t.Errorf("offset %d, want 6", d.Offset)
	}
	if n := s.Stats().OutOfRange; n != 1 {
		t.Errorf("counted %d offsets out of range, want 1", n)
	}
}

// The topic was made anew: the wanted offset is beyond its end. Nothing of the
// new topic is skipped, and the group's offset follows the new log.
func TestOffsetBeyondEnd(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, "in"))
	publish(t, client(t, c), "in", 0, numbers(0, 3)...)
	s := open(t, config(c, "in"))
	assigned(t, s).Resume([]int64{50})
	for want := range int64(3) {
		d := message(t, s)
		if d.Offset != want {
			t.Fatalf("offset %d, want %d", d.Offset, want)
		}
		d.Ack.Done()
	}
	if n := s.Stats().OutOfRange; n != 1 {
		t.Errorf("counted %d offsets out of range, want 1", n)
	}
	until(t, "commit of 3", func() bool { return committed(c, "in", 0) == 3 })
}

// The topic is made anew under a reader: a new assignment comes, and then all of
// the new topic.
func TestTopicMadeAnew(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, "in"))
	publish(t, client(t, c), "in", 0, numbers(0, 20)...)
	s := open(t, config(c, "in"))
	for range 20 {
		message(t, s)
	}
	if err := c.DeleteTopic("in"); err != nil {
		t.Fatal(err)
	}
	if err := c.CreateTopic("in", 1, nil); err != nil {
		t.Fatal(err)
	}
	publish(t, client(t, c), "in", 0, "100", "101")
	a := assigned(t, s)
	a.Resume([]int64{20})
	for want := range int64(2) {
		if d := message(t, s); d.Offset != want || d.Samples[0].Value != float64(100+want) {
			t.Fatalf("offset %d %q, want %d of the new topic", d.Offset, d.Payload, want)
		}
	}
}

package topic_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/pipeline/state"
	"github.com/quell-stream/quell/pipeline/state/topic"
	"github.com/quell-stream/quell/pipeline/state/topic/memlog"
)

// promotion returns the n-th of a term, of a model of up to 3,000 bytes.
func promotion(term int64, lookahead, n int) state.Promotion {
	rng := rand.New(rand.NewPCG(uint64(term), uint64(n)))
	raw := make([]byte, rng.IntN(3000))
	for i := range raw {
		raw[i] = byte(rng.Uint32())
	}
	return state.Promotion{Term: term, Lookahead: lookahead, Name: fmt.Sprintf("m@%d-%d", term, n), Model: raw, Kind: "model.promoted", Why: "better", Rebase: n%2 == 0}
}

// TestModelsAgree has processes of rising terms announce in any order, while writes are lost or
// late and the log is compacted: whoever has listened all along, now and then, and
// whoever joins in the end know the same promotions, of each look-ahead the last one
// of the latest term.
func TestModelsAgree(t *testing.T) {
	asserted := 0
	for seed := range uint64(120) {
		rng := rand.New(rand.NewPCG(seed, 1))
		log := memlog.New()
		client := func() *memlog.Client {
			return &memlog.Client{Log: log, Partitions: 1, Max: 1000, Gate: func(op memlog.Op) memlog.Fate {
				if op.Records == nil || rng.IntN(40) > 0 {
					return memlog.Done
				}
				return memlog.Fate(1 + rng.IntN(2))
			}}
		}
		var leaders []*topic.Models
		for range 3 {
			leaders = append(leaders, topic.NewModels(client(), "g"))
		}
		quiet := &memlog.Client{Log: log, Partitions: 1, Max: 1000}
		listener, heard := topic.NewModels(quiet, "g"), map[int]state.Promotion{}
		listen := func(m *topic.Models, to map[int]state.Promotion) {
			news, err := m.News(t.Context())
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			for _, p := range news {
				to[p.Lookahead] = p
			}
		}
		want, open := map[int]state.Promotion{}, map[int]int64{}
		for n := range 25 {
			i, lookahead := rng.IntN(len(leaders)), 8*rng.IntN(2)
			p := promotion(int64(10*i), lookahead, n)
			if rng.IntN(2) == 0 {
				listen(leaders[i], map[int]state.Promotion{})
			}
			had, ok := want[lookahead]
			err := leaders[i].Announce(t.Context(), p)
			if errors.Is(err, memlog.ErrLost) {
				// Whether it holds is not known until the next that replaces it.
				if !ok || p.Term >= had.Term {
					open[lookahead] = p.Term
				}
			} else if err != nil {
				t.Fatal(err)
			} else if !ok || p.Term >= had.Term {
				want[lookahead] = p
				if term, is := open[lookahead]; is && p.Term >= term {
					delete(open, lookahead)
				}
			}
			for log.Pending() > 0 && rng.IntN(3) == 0 {
				log.Land(rng.IntN(log.Pending()))
			}
			if rng.IntN(4) == 0 {
				log.Compact(0, log.End(0)*int64(rng.IntN(5))/4, rng.IntN(2) == 0)
			}
			if rng.IntN(3) == 0 {
				listen(listener, heard)
			}
		}
		log.Compact(0, log.End(0), true)
		listen(listener, heard)
		joined := map[int]state.Promotion{}
		listen(topic.NewModels(quiet, "g"), joined)
		for lookahead, p := range want {
			if _, is := open[lookahead]; is {
				continue
			}
			asserted++
			for who, got := range map[string]map[int]state.Promotion{"who listened": heard, "who joined": joined} {
				if d := cmp.Diff(p, got[lookahead]); d != "" {
					t.Fatalf("seed %d, look-ahead %d, %s:\n%.1000s", seed, lookahead, who, d)
				}
			}
		}
		if d := cmp.Diff(joined, heard); d != "" {
			t.Fatalf("seed %d: who joined and who listened disagree:\n%.1000s", seed, d)
		}
	}
	if asserted < 120 {
		t.Errorf("%d promotions were compared with what was announced: the test tests little", asserted)
	}
}

// What a topic of another kind or group holds is refused with what to do.
func TestModelsRefuse(t *testing.T) {
	log := memlog.New()
	client := &memlog.Client{Log: log, Partitions: 1}
	if err := topic.NewModels(client, "g").Announce(t.Context(), promotion(1, 8, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := topic.NewModels(client, "h").News(t.Context()); !errors.Is(err, state.ErrRefused) {
		t.Errorf("of another group: %v", err)
	}
	if _, err := topic.New(client, "g", nil).Take(t.Context(), []state.Partition{{Name: "t/0"}}, nil); !errors.Is(err, state.ErrRefused) {
		t.Errorf("taken for a state topic: %v", err)
	}
	other := memlog.New()
	client = &memlog.Client{Log: other, Partitions: 1}
	if _, err := client.Append(t.Context(), 0, []topic.Record{{Key: []byte("k"), Value: []byte("v")}}); err != nil {
		t.Fatal(err)
	}
	if _, err := topic.NewModels(client, "g").News(t.Context()); !errors.Is(err, state.ErrRefused) {
		t.Errorf("of something else: %v", err)
	}
}

// What is replaced goes: the log of many promotions, once compacted, is that of the
// last.
func TestModelsTidyUp(t *testing.T) {
	log := memlog.New()
	client := &memlog.Client{Log: log, Partitions: 1, Max: 1000}
	m := topic.NewModels(client, "g")
	var last state.Promotion
	for n := range 20 {
		last = promotion(int64(n/5), 8, n)
		if _, err := m.News(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := m.Announce(t.Context(), last); err != nil {
			t.Fatal(err)
		}
	}
	log.Compact(0, log.End(0), true)
	size := 0
	if _, err := client.Read(t.Context(), 0, 0, -1, func(r topic.Record) error {
		size += len(r.Value)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if size > len(last.Model)+1000 {
		t.Errorf("%d bytes are left, of a model of %d", size, len(last.Model))
	}
	news, err := m.News(t.Context())
	if err != nil || len(news) != 1 || !bytes.Equal(news[0].Model, last.Model) || !slices.ContainsFunc(news, func(p state.Promotion) bool { return p.Name == last.Name }) {
		t.Errorf("%d, %v", len(news), err)
	}
}

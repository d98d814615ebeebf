package topic

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"

	"github.com/quell-stream/quell/internal/fuzztest"
	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/pipeline/state"
)

// canned is a log that holds what it was given.
type canned struct {
	recs []Record
	next int64
}

func (l *canned) Prepare(context.Context) (int, error) { return 1, nil }
func (l *canned) Append(_ context.Context, _ int32, recs []Record) (int64, error) {
	base := l.next
	for _, r := range recs {
		l.recs = append(l.recs, Record{l.next, bytes.Clone(r.Key), bytes.Clone(r.Value)})
		l.next++
	}
	return base, nil
}
func (l *canned) Read(_ context.Context, _ int32, from, to int64, each func(Record) error) (int64, error) {
	if to < 0 {
		to = l.next
	}
	for _, r := range l.recs {
		if r.Offset >= from && r.Offset < to {
			if err := each(r); err != nil {
				return from, err
			}
		}
	}
	return to, nil
}
func (l *canned) Limit() int   { return 4000 }
func (l *canned) Name() string { return "canned" }
func (l *canned) Close()       {}

var takeAll = []state.Partition{{Name: "t/0"}}

// noise is what can't be compressed.
func noise() []byte {
	b := make([]byte, 9000)
	rng := rand.New(rand.NewPCG(3, 3))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// written returns the records of a partition that has seen some of everything.
func written(t testing.TB) []Record {
	t.Helper()
	l := &canned{}
	s := New(l, "g", nil)
	if _, err := s.Take(t.Context(), takeAll, nil); err != nil {
		t.Fatal(err)
	}
	noise := noise()
	c := state.Checkpoint{Heads: []state.Head{{Part: "t/0", Next: 7, Meta: []byte("meta")}}, Model: func(string) ([]byte, error) { return []byte("weights"), nil },
		Entries: []state.Entry{{Part: "t/0", Series: "a", State: []byte("short"), Models: []string{"m"}}, {Part: "t/0", Series: "b", State: noise}, {Part: "t/0", Series: "gone"}}}
	if err := s.Change(c); err != nil {
		t.Fatal(err)
	}
	if err := s.Decide(state.Switch{Part: "t/0", Series: "a", Data: []byte("switch")}); err != nil {
		t.Fatal(err)
	}
	return l.recs
}

// promoting returns the records of a few promotions.
func promoting(t testing.TB) []Record {
	t.Helper()
	l := &canned{}
	m := NewModels(l, "g")
	for i, raw := range [][]byte{[]byte("weights"), noise()} {
		p := state.Promotion{Term: 3, Lookahead: 8 * i, Name: "m@1", Model: raw, Kind: "model.promoted", Why: "better", Rebase: true}
		if err := m.Announce(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	return l.recs
}

// FuzzNews puts any record into the log of the models: what is heard of it is what was
// said, or it is refused, and no memory is filled.
func FuzzNews(f *testing.F) {
	recs := promoting(f)
	for _, r := range recs {
		f.Add(r.Key, r.Value)
	}
	f.Add([]byte("k"), []byte("v"))
	f.Fuzz(func(t *testing.T, key, value []byte) {
		l := &canned{recs: append([]Record(nil), recs...), next: int64(len(recs))}
		if _, err := l.Append(t.Context(), 0, []Record{{Key: key, Value: value}}); err != nil {
			t.Fatal(err)
		}
		fuzztest.Bounded(t, len(key)+len(value), 4000, 4*maxBlob, func() {
			m := NewModels(l, "g")
			news, err := m.News(t.Context())
			if err != nil {
				if err.Error() == "" {
					t.Error("a refusal that does not say why")
				}
				return
			}
			if again, err := m.News(t.Context()); err != nil || len(again) != 0 {
				t.Errorf("heard again: %d, %v", len(again), err)
			}
			for _, p := range news {
				if p.Name == "" {
					t.Error("a model without a name")
				}
			}
		})
	})
}

// FuzzTake puts any record into a log: what is taken from it is what was written, or it
// is refused, and no memory is filled.
func FuzzTake(f *testing.F) {
	recs := written(f)
	for _, r := range recs {
		f.Add(r.Key, r.Value, false)
		f.Add(r.Key, r.Value, true)
	}
	f.Add([]byte("k"), []byte("v"), true)
	f.Fuzz(func(t *testing.T, key, value []byte, alone bool) {
		l := &canned{}
		if !alone {
			l.recs, l.next = append([]Record(nil), recs...), int64(len(recs))
		}
		if _, err := l.Append(t.Context(), 0, []Record{{Key: key, Value: value}}); err != nil {
			t.Fatal(err)
		}
		fuzztest.Bounded(t, len(key)+len(value), 4000, 4*maxBlob, func() {
			s := New(l, "g", nopLog)
			got, err := s.Take(t.Context(), takeAll, nil)
			if err != nil {
				if err.Error() == "" {
					t.Error("a refusal that does not say why")
				}
				return
			}
			again, err := s.Take(t.Context(), takeAll, nil)
			if err != nil || len(again) != 1 || len(again[0].Series) != len(got[0].Series) {
				t.Errorf("taken again: %v", err)
			}
		})
	})
}

// FuzzValues: what can be read of keys and values is written as it was read.
func FuzzValues(f *testing.F) {
	for _, r := range append(written(f), promoting(f)...) {
		f.Add(r.Key)
		f.Add(r.Value)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if k, err := readModelKey(b); err == nil && !bytes.Equal(k.append(nil), b) {
			t.Errorf("key %+v is written as other bytes", k)
		}
		if v, err := readPromoted(b); err == nil {
			again, err := readPromoted(v.append(nil))
			if err != nil || again.group != v.group || again.Name != v.Name || again.Why != v.Why || again.Rebase != v.Rebase || !bytes.Equal(again.blob.data, v.blob.data) {
				t.Errorf("a promotion is read as another one: %v", err)
			}
		}
		if k, err := readKey(b); err == nil && !bytes.Equal(k.append(nil), b) {
			t.Errorf("key %+v is written as other bytes", k)
		}
		if h, err := readHead(b); err == nil && !bytes.Equal(h.append(nil), b) {
			t.Error("a head is written as other bytes")
		}
		if v, err := readSeries(b); err == nil {
			again, err := readSeries(v.append(nil))
			if err != nil || again.gone != v.gone || again.decided != v.decided || len(again.applied) != len(v.applied) || !bytes.Equal(again.blob.data, v.blob.data) {
				t.Errorf("a series is read as another one: %v", err)
			}
		}
		if v, err := readBlob(b); err == nil {
			if _, err := readBlob(v.append(wire.U8(nil, valueVersion))); err != nil {
				t.Error(err)
			}
		}
	})
}

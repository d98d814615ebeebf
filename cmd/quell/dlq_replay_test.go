package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/sink/dlq"
)

// broker is a target that never takes a letter "never", and is away once it comes upon
// a letter "away".
type broker struct{ got []string }

func (b *broker) Takes(*dlq.Letter) error     { return nil }
func (b *broker) Close(context.Context) error { return nil }
func (b *broker) Send(_ context.Context, letters []*dlq.Letter) error {
	for _, l := range letters {
		switch string(l.Payload) {
		case "never":
			return fmt.Errorf("%w: too large", sink.ErrPermanent)
		case "away":
			return errors.New("connection refused")
		}
	}
	for _, l := range letters {
		b.got = append(b.got, l.ID)
	}
	return nil
}

// TestReplayPastRefusal: a letter that is never taken does not keep those behind it,
// and what has arrived is marked, also where the broker goes away.
func TestReplayPastRefusal(t *testing.T) {
	for name, c := range map[string]struct {
		payloads []string
		want     []string
		skipped  int
		fails    bool
	}{
		"all":        {[]string{"a", "b", "c"}, []string{"0", "1", "2"}, 0, false},
		"one never":  {[]string{"a", "never", "c"}, []string{"0", "2"}, 1, false},
		"only never": {[]string{"never", "never"}, nil, 2, false},
		"away":       {[]string{"a", "away", "c"}, nil, 0, true},
		"both":       {[]string{"a", "never", "c", "away", "e"}, []string{"0", "2"}, 1, true},
	} {
		dir := t.TempDir()
		marks, err := dlq.OpenMarks(dir)
		if err != nil {
			t.Fatal(err)
		}
		to := &broker{}
		r := &dlqReplay{o: &dlqReplayFlags{}, to: to, marks: marks, sum: dlqReplayed{Skipped: map[string]int{}, Topics: map[string]int{}}}
		var letters []*dlq.Letter
		for i, p := range c.payloads {
			letters = append(letters, &dlq.Letter{ID: fmt.Sprint(i), Topic: "raw", Payload: []byte(p)})
			if err := r.take(t.Context(), letters[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.flush(t.Context()); (err != nil) != c.fails {
			t.Errorf("%s: %v", name, err)
		}
		skipped := 0
		for _, n := range r.sum.Skipped {
			skipped += n
		}
		if !slices.Equal(to.got, c.want) || r.sum.Replayed != len(c.want) || r.sum.Topics["raw"] != len(c.want) || skipped != c.skipped {
			t.Errorf("%s: sent %q, told of %+v, want %q and %d skipped", name, to.got, r.sum, c.want, c.skipped)
		}
		if marks, err = dlq.OpenMarks(dir); err != nil {
			t.Fatal(err)
		}
		for _, l := range letters {
			if _, marked := marks.Replayed(l); marked != slices.Contains(c.want, l.ID) {
				t.Errorf("%s: letter %s is marked: %v", name, l.ID, marked)
			}
		}
	}
}

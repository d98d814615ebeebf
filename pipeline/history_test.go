package pipeline

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/quell-stream/quell/model"
)

// TestHistory: whatever is added in whatever pieces, the latest columns are there as they
// were, or as they were changed.
func TestHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.IntRange(1, 3).Draw(t, "channels")
		h := newHistory(rapid.IntRange(1, 40).Draw(t, "slots"), c)
		var all []model.Column
		least := 0 // columns that must be there; a longer history fills up over time
		levels := make([]float32, c)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 12).Draw(t, "what") {
			case 0:
				h.resize(h.slots + rapid.IntRange(0, 9).Draw(t, "more"))
			case 1:
				h.reset()
				all, least = nil, 0
			case 2:
				if n := h.len(); n > 0 {
					i := rapid.IntRange(0, n-1).Draw(t, "place")
					h.set(i, 77, true)
					at := &all[len(all)-n+i]
					at.X, at.Missing = 77, true
				}
			default:
				var cols []model.Column
				for range rapid.IntRange(0, 50).Draw(t, "added") {
					for ch := range c {
						if rapid.IntRange(0, 5).Draw(t, "another") == 0 {
							levels[ch]++
						}
						cols = append(cols, model.Column{X: float32(len(all) + len(cols)), Level: levels[ch], Colour: float32(int(levels[ch]) % 2), Missing: len(cols)%3 == 0})
					}
				}
				h.add(cols)
				all = append(all, cols...)
				least = min(least+len(cols), h.slots*c)
			}
			got := h.columns(nil)
			if n := len(got); n != h.len() || n < least || n > min(len(all), h.slots*c) || !slices.Equal(got, all[len(all)-n:]) {
				t.Fatalf("%d columns, want the latest %d to %d:\n%v\n%v", n, least, h.slots*c, got, all)
			}
			if from := len(got) / c / 2 * c; !slices.Equal(h.part(make([]model.Column, 3), from, len(got)), got[from:]) {
				t.Fatalf("columns %d to %d are others by themselves", from, len(got))
			}
		}
	})
}

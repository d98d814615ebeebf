package assemble

import (
	"testing"

	"github.com/quell-stream/quell/pipeline/config"
)

// TestTells: alerts that a process before this one told stay for what a sink is still
// told of, and for nothing else.
func TestTells(t *testing.T) {
	b := &builder{cfg: &config.Config{Streams: []config.Stream{
		{Name: "pumps", Sinks: []string{"clean", "pager"}}, {Name: "fans", Sinks: []string{"raw"}}}}}
	for _, c := range []struct {
		stream, of string
		want       bool
	}{
		{"pumps", "", true}, {"pumps", "clean", true}, {"pumps", "pager", true}, {"pumps", "dead_letter", true},
		{"pumps", "raw", false}, {"fans", "", false}, {"fans", "raw", false}, {"gone", "", false},
	} {
		if got := b.tells("pager", c.stream, c.of); got != c.want {
			t.Errorf("stream %s, sink %q: %t, want %t", c.stream, c.of, got, c.want)
		}
	}
}

package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/sink"
)

// picky refuses the items whose JSON holds "bad", in one of the ways in which sinks do.
type picky struct {
	gate
	as error // sink.ErrPermanent, sink.ErrAll, or nil: the others are written
}

func (p *picky) Write(ctx context.Context, items []sink.Item) error {
	good := slices.DeleteFunc(slices.Clone(items), func(it sink.Item) bool { return strings.Contains(string(it.JSON), "bad") })
	if n := len(items) - len(good); n > 0 {
		p.tries++
		if p.as != nil {
			return fmt.Errorf("too large: %w", p.as)
		}
		return &sink.PartlyError{Refused: n, Err: sink.ErrPermanent}
	}
	return p.gate.Write(ctx, items)
}

// TestRefusedItems: an optional sink loses the items that it refuses, and no others.
func TestRefusedItems(t *testing.T) {
	var items []sink.Item
	for i := range 512 {
		text := fmt.Sprint("good ", i)
		if i == 7 || i == 8 || i == 300 {
			text = fmt.Sprint("bad ", i)
		}
		items = append(items, sink.Item{JSON: []byte(text)})
	}
	for name, c := range map[string]struct {
		as          error
		lost, tries int
	}{
		"unknown which": {sink.ErrPermanent, 3, 64},
		"those named":   {nil, 3, 1},
		"all":           {sink.ErrAll, 512, 1},
	} {
		g := &picky{gate: gate{is: "up"}, as: c.as}
		reg := prometheus.NewRegistry()
		o := newOutlet(OutletConfig{Name: "out", Sink: g, Emit: "records"}, slog.New(slog.DiscardHandler), NewMetrics(reg), nil)
		if is := o.write(t.Context(), items, fromSpool); is != settled {
			t.Errorf("%s: %v, want it settled", name, is)
		}
		if lost := value(t, reg, "quell_dropped_total", "refused"); int(lost) != c.lost {
			t.Errorf("%s: %v items are counted as lost, want %d", name, lost, c.lost)
		}
		if took := value(t, reg, "quell_sink_records_total", "out"); int(took) != len(items)-c.lost {
			t.Errorf("%s: %v items are counted as taken, want %d", name, took, len(items)-c.lost)
		}
		if c.as == sink.ErrPermanent && len(g.lines()) != len(items)-c.lost {
			t.Errorf("%s: %d items arrived, want %d", name, len(g.lines()), len(items)-c.lost)
		}
		if g.tries > c.tries {
			t.Errorf("%s: refused %d times, want at most %d", name, g.tries, c.tries)
		}
	}
}

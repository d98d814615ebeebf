package web

import (
	"context"

	"github.com/quell-stream/quell/pipeline/view"
)

// grid is what a viewer was told of the series of a stream.
type grid struct{ told map[string]mark }

// mark changes when there is something new to tell of a series.
type mark struct {
	n, ts, since int64
	epoch        int
	drift, model string
	learnt       int64
	acknowledged bool
}

func markOf(s *view.Series) mark {
	m := mark{n: s.N, ts: int64(s.Time), since: int64(s.Since), epoch: s.Epoch, drift: s.Drift, model: s.Model, learnt: -1}
	if s.Learning != nil {
		m.learnt = s.Learning.Have
	}
	if s.Alert != nil {
		m.acknowledged = s.Alert.Acknowledged
	}
	return m
}

// grid writes which series of a stream have changed, and which are there no more or
// have no room beside those that need somebody more. A stream that is busy is told of
// the next time.
func (v *viewer) grid(stream string, room *int) error {
	page := share(v.api, "grid:"+stream, func() []view.Series {
		ctx, cancel := context.WithTimeout(v.ctx, askFor)
		defer cancel()
		_, all, err := v.api.View.Series(ctx, view.Query{Stream: stream, Sort: view.ByProblem, Limit: seriesOfGrids})
		if err != nil {
			return nil
		}
		return all
	})
	if page == nil {
		return nil
	}
	page = page[:min(len(page), *room)]
	*room -= len(page)
	g := v.grids[stream]
	first := g == nil
	if first {
		g = &grid{}
		v.grids[stream] = g
	}
	changed, removed := g.take(page)
	if len(changed) == 0 && len(removed) == 0 && !first {
		return nil
	}
	return v.send("grid", gridNews{stream, changed, removed})
}

// gridNews are the series of a stream that have changed, and the names of those that
// are told of no more.
type gridNews struct {
	Stream  string        `json:"stream"`
	Series  []view.Series `json:"series"`
	Removed []string      `json:"removed"`
}

// take notes what is told.
func (g *grid) take(page []view.Series) (changed []view.Series, removed []string) {
	now := make(map[string]mark, len(page))
	changed, removed = []view.Series{}, []string{}
	for i := range page {
		s := &page[i]
		m := markOf(s)
		now[s.Series] = m
		if was, ok := g.told[s.Series]; !ok || was != m {
			changed = append(changed, *s)
		}
	}
	for name := range g.told {
		if _, ok := now[name]; !ok {
			removed = append(removed, name)
		}
	}
	g.told = now
	return changed, removed
}

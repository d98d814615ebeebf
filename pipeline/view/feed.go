package view

import (
	"math"
	"sync"

	"github.com/quell-stream/quell/sink"
)

// Points are slots of a series as parallel arrays, null where nothing is known. A point
// with a rev above 0 takes the place of an earlier one of the same time; one with rev -1
// is provisional, and one with rev 0 takes its place. Points of another epoch are of a
// clock that was set back since: their times say nothing beside those of this one.
type Points struct {
	TimeMS    []float64         `json:"t_ms"` // Unix ms
	Channels  map[string]*Lines `json:"channels"`
	Score     []Number          `json:"score"`
	Stat      []Number          `json:"stat"`      // evidence of a drift
	Threshold []Number          `json:"threshold"` // what a drift takes
	Drift     []string          `json:"drift"`
	Rev       []int             `json:"rev"`
	Epoch     []int             `json:"epoch"`
}

// Lines are the points of a channel.
type Lines struct {
	Raw     []Number `json:"raw"`
	Clean   []Number `json:"clean"`
	Lo      []Number `json:"lo"`
	Hi      []Number `json:"hi"`
	Method  []string `json:"method"`
	Quality []string `json:"quality"`
}

// Feed keeps the newest points of a series for those who watch it. The pipeline alone
// calls Record and Statistic. It is safe for concurrent use.
type Feed struct {
	mu       sync.Mutex
	channels []string
	ring     []point
	values   []sink.Value // of ring, channel by channel
	next     int64        // number of the point that comes next
	stats    [mostStats]stat
	told     int64 // statistics told
}

type point struct {
	time            int64
	rev, epoch      int
	drift           string
	score           float64
	stat, threshold float64
}

type stat struct {
	time            int64
	stat, threshold float64
}

// A feed of c channels keeps mostPoints/c points, and no fewer than leastPoints; of
// statistics it keeps as many as may wait for the record of their slot.
const (
	mostPoints, leastPoints = 2048, 600
	mostStats               = 512
)

// NewFeed returns a feed of a series with these channels.
func NewFeed(channels []string) *Feed {
	n := max(leastPoints, mostPoints/max(1, len(channels)))
	return &Feed{channels: channels, ring: make([]point, n), values: make([]sink.Value, n*len(channels))}
}

// Bytes returns about how much memory a feed of so many channels takes.
func Bytes(channels int) int {
	return max(leastPoints, mostPoints/max(1, channels))*(64+56*channels) + mostStats*24
}

// Statistic takes what the monitor says of a slot, before the slot's record.
func (f *Feed) Statistic(t int64, value, threshold float64) {
	f.mu.Lock()
	f.stats[f.told%mostStats] = stat{t, value, threshold}
	f.told++
	f.mu.Unlock()
}

// Record takes a record, final, provisional or revised.
func (f *Feed) Record(r *sink.Record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := int(f.next % int64(len(f.ring)))
	s, threshold := f.statistic(r.Time)
	f.ring[i] = point{r.Time, r.Rev, r.Epoch, r.Drift, r.Score, s, threshold}
	copy(f.values[i*len(f.channels):(i+1)*len(f.channels)], r.Values)
	f.next++
}

// statistic returns what was told of the slot at a time.
func (f *Feed) statistic(t int64) (value, threshold float64) {
	for i := f.told - 1; i >= max(0, f.told-mostStats); i-- {
		if s := &f.stats[i%mostStats]; s.time == t {
			return s.stat, s.threshold
		}
	}
	return math.NaN(), math.NaN()
}

// Since returns the points from number from on, at most limit of them when it is
// above 0, the newest; the number that comes next; and how many there were that are
// kept no more. nil: there is nothing new.
func (f *Feed) Since(from int64, limit int) (p *Points, next, lost int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := max(from, f.next-int64(len(f.ring)), 0)
	lost = first - max(from, 0)
	if limit > 0 {
		first = max(first, f.next-int64(limit))
	}
	if first >= f.next {
		return nil, f.next, lost
	}
	return f.points(first), f.next, lost
}

func (f *Feed) points(first int64) *Points {
	n := int(f.next - first)
	p := newPoints(f.channels, n)
	for k := first; k < f.next; k++ {
		i := int(k % int64(len(f.ring)))
		q := &f.ring[i]
		p.TimeMS = append(p.TimeMS, float64(q.time/1e6)+float64(q.time%1e6)/1e6) // exact for whole ms
		p.Score, p.Stat, p.Threshold = append(p.Score, Number(q.score)), append(p.Stat, Number(q.stat)), append(p.Threshold, Number(q.threshold))
		p.Drift, p.Rev, p.Epoch = append(p.Drift, q.drift), append(p.Rev, q.rev), append(p.Epoch, q.epoch)
		for c, name := range f.channels {
			v := &f.values[i*len(f.channels)+c]
			l := p.Channels[name]
			l.Raw, l.Clean = append(l.Raw, Number(v.Raw)), append(l.Clean, Number(v.Clean))
			l.Lo, l.Hi = append(l.Lo, Number(v.Lo)), append(l.Hi, Number(v.Hi))
			l.Method, l.Quality = append(l.Method, v.Method), append(l.Quality, v.Quality.String())
		}
	}
	return p
}

func newPoints(channels []string, n int) *Points {
	p := &Points{TimeMS: make([]float64, 0, n), Channels: make(map[string]*Lines, len(channels)), Score: make([]Number, 0, n),
		Stat: make([]Number, 0, n), Threshold: make([]Number, 0, n), Drift: make([]string, 0, n), Rev: make([]int, 0, n), Epoch: make([]int, 0, n)}
	for _, c := range channels {
		p.Channels[c] = &Lines{Raw: make([]Number, 0, n), Clean: make([]Number, 0, n), Lo: make([]Number, 0, n), Hi: make([]Number, 0, n),
			Method: make([]string, 0, n), Quality: make([]string, 0, n)}
	}
	return p
}

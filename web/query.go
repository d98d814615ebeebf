package web

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/view"
)

// The numbers of things that are answered with unless a request says otherwise, and
// the most that it may ask for.
const (
	seriesLimit, mostSeries   = 200, 1000
	eventsLimit, mostEvents   = 200, 2000
	lettersLimit, mostLetters = 100, 1000
)

// seriesQuery reads the parameters of series.
func seriesQuery(v url.Values) (view.Query, error) {
	q := view.Query{Stream: v.Get("stream"), Text: v.Get("q"), Sort: view.ByProblem}
	if s := v.Get("state"); s != "" {
		q.States = strings.Split(s, ",")
	}
	for _, s := range q.States {
		if !slices.Contains(view.Rank, s) {
			return q, fmt.Errorf("state: there is no %q, it is one or several of %s", s, strings.Join(view.Rank, ","))
		}
	}
	if s := v.Get("sort"); s != "" {
		q.Sort = s
	}
	if sorts := []string{view.ByProblem, view.ByName, view.ByAge}; !slices.Contains(sorts, q.Sort) {
		return q, fmt.Errorf("sort: there is no order %q, it is one of %s", q.Sort, strings.Join(sorts, ", "))
	}
	var err error
	if q.Offset, err = numberIn(v, "offset", 0, 1<<31-1); err == nil {
		q.Limit, err = numberIn(v, "limit", seriesLimit, mostSeries)
	}
	return q, err
}

// eventQuery reads the parameters of events.
func eventQuery(v url.Values) (q pipeline.EventQuery, err error) {
	q = pipeline.EventQuery{Stream: v.Get("stream"), Series: v.Get("series"), Kind: v.Get("kind"), Before: v.Get("before")}
	q.Limit, err = numberIn(v, "limit", eventsLimit, mostEvents)
	return q, err
}

// letterQuery reads the parameters of dlq.
func letterQuery(v url.Values) (limit int, before int64, err error) {
	if limit, err = numberIn(v, "limit", lettersLimit, mostLetters); err != nil {
		return 0, 0, err
	}
	n, err := numberIn(v, "before", 0, math.MaxInt)
	return limit, int64(n), err
}

// numberIn reads a number that is not negative; one beyond most counts as that.
func numberIn(v url.Values, name string, usual, most int) (int, error) {
	s := v.Get(name)
	if s == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s: %q is no number from 0 on", name, s)
	}
	return min(n, most), nil
}

// topics are what a live stream is about.
type topics struct {
	status, events bool
	grids          []string // streams
	series, taps   [][2]string
}

// MostTaps is how many taps one live stream may ask for.
const MostTaps = 16

// The other bounds of a live stream's topics.
const (
	mostGrids        = 64
	mostSeriesTopics = 64
)

// parseTopics reads a list such as status,grid:pumps,series:pumps/pump-1,tap:pumps/sink.
// A name may be percent-encoded, and must be where it holds a comma or, of a stream, a
// slash. What is named twice counts once.
func parseTopics(list string) (t topics, err error) {
	for _, one := range strings.Split(list, ",") {
		kind, name, _ := strings.Cut(one, ":")
		first, second, pair := strings.Cut(name, "/")
		first, second = decoded(first), decoded(second)
		switch {
		case kind == "status" && name == "":
			t.status = true
		case kind == "events" && name == "":
			t.events = true
		case kind == "grid" && name != "" && !pair:
			if !slices.Contains(t.grids, first) {
				t.grids = append(t.grids, first)
			}
		case kind == "series" && pair && first != "" && second != "":
			t.series = addPair(t.series, first, second)
		case kind == "tap" && pair && view.ArrowNumber(second) >= 0:
			t.taps = addPair(t.taps, first, second)
		default:
			return topics{}, fmt.Errorf("topics: %q is none: status, events, grid:STREAM, series:STREAM/SERIES or tap:STREAM/ARROW, with an arrow of %s", one, strings.Join(view.Arrows, ", "))
		}
	}
	if len(t.grids) > mostGrids || len(t.series) > mostSeriesTopics || len(t.taps) > MostTaps {
		return topics{}, fmt.Errorf("topics: at most %d grids, %d series and %d taps", mostGrids, mostSeriesTopics, MostTaps)
	}
	return t, nil
}

func addPair(all [][2]string, a, b string) [][2]string {
	if p := [2]string{a, b}; !slices.Contains(all, p) {
		all = append(all, p)
	}
	return all
}

// decoded undoes percent encoding; a name that is no such encoding is taken as it is.
func decoded(s string) string {
	if d, err := url.PathUnescape(s); err == nil {
		return d
	}
	return s
}

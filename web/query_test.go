package web

import (
	"io/fs"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/pipeline/view"
)

func mapFS(files map[string]string) fs.FS {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

func TestSeriesQuery(t *testing.T) {
	for text, want := range map[string]view.Query{
		"":                                  {Sort: view.ByProblem, Limit: seriesLimit},
		"stream=pumps&q=a%20b&sort=name":    {Stream: "pumps", Text: "a b", Sort: view.ByName, Limit: seriesLimit},
		"state=fault,stale&offset=3":        {States: []string{"fault", "stale"}, Sort: view.ByProblem, Offset: 3, Limit: seriesLimit},
		"limit=100000&sort=stale":           {Sort: view.ByAge, Limit: mostSeries},
		"limit=0&stream=%2F&unknown=ignore": {Stream: "/", Sort: view.ByProblem},
	} {
		v, err := url.ParseQuery(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := seriesQuery(v)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %v %s", text, err, d)
		}
	}
	for _, text := range []string{"state=broken", "state=fault,", "sort=age", "limit=-1", "limit=x", "offset=1e3", "offset=-2", "limit=99999999999999999999"} {
		v, _ := url.ParseQuery(text)
		if q, err := seriesQuery(v); err == nil {
			t.Errorf("%s is taken: %+v", text, q)
		}
	}
}

// TestOwnPages: another site's page may not even ask, though it could read nothing.
func TestOwnPages(t *testing.T) {
	for from, code := range map[string]int{"": 200, "none": 200, "same-origin": 200, "same-site": 403, "cross-site": 403} {
		h, _ := handler(Config{Token: "t", Loopback: true})
		req := httptest.NewRequest("GET", "http://127.0.0.1/api/v1/openapi.json", nil)
		req.Header.Set("Authorization", "Bearer t")
		if from != "" {
			req.Header.Set("Sec-Fetch-Site", from)
		}
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, req); w.Code != code {
			t.Errorf("from %q: %d, want %d", from, w.Code, code)
		}
	}
}

func TestParseTopics(t *testing.T) {
	got, err := parseTopics("status,events,grid:pumps,grid:pumps,grid:a%2Fb,series:pumps/hall/1,series:pumps/100%,series:pumps/a%2Cb,tap:pumps/sink")
	want := topics{status: true, events: true, grids: []string{"pumps", "a/b"}, series: [][2]string{{"pumps", "hall/1"}, {"pumps", "100%"}, {"pumps", "a,b"}}, taps: [][2]string{{"pumps", "sink"}}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(topics{})); err != nil || d != "" {
		t.Errorf("%v %s", err, d)
	}
	many := make([]string, mostSeriesTopics+1)
	for i := range many {
		many[i] = "series:s/" + strings.Repeat("x", i+1)
	}
	for _, text := range []string{"", "status,", "status:x", "grid:", "grid:a/b", "series:a", "series:/x", "series:a/", "tap:a/none", "tap:a", "dance", strings.Join(many, ",")} {
		if got, err := parseTopics(text); err == nil {
			t.Errorf("%q is taken: %+v", text, got)
		}
	}
}

// FuzzTopics: what is taken is within the bounds, and means the same when it is written
// as it should be.
func FuzzTopics(f *testing.F) {
	for _, s := range []string{"status,events", "grid:pumps,series:pumps/1", "tap:a%2Fb/sink", "series:%/%%25", "series:a/b/c,,", "grid:é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		got, err := parseTopics(list)
		if err != nil {
			if err.Error() == "" {
				t.Error("a refusal that does not say why")
			}
			return
		}
		if len(got.grids) > mostGrids || len(got.series) > mostSeriesTopics || len(got.taps) > MostTaps {
			t.Fatalf("%+v is beyond the bounds", got)
		}
		var again []string
		if got.status {
			again = append(again, "status")
		}
		if got.events {
			again = append(again, "events")
		}
		for _, g := range got.grids {
			again = append(again, "grid:"+url.PathEscape(g))
		}
		for kind, pairs := range map[string][][2]string{"series": got.series, "tap": got.taps} {
			for _, p := range pairs {
				again = append(again, kind+":"+url.PathEscape(p[0])+"/"+url.PathEscape(p[1]))
			}
		}
		twin, err := parseTopics(strings.Join(again, ","))
		if err != nil {
			t.Fatalf("%q is refused: %v", again, err)
		}
		for _, p := range [][2][][2]string{{got.series, twin.series}, {got.taps, twin.taps}} {
			if !slices.Equal(p[0], p[1]) {
				t.Fatalf("%q became %q", p[0], p[1])
			}
		}
		if !slices.Equal(got.grids, twin.grids) || got.status != twin.status || got.events != twin.events {
			t.Fatalf("%+v became %+v", got, twin)
		}
	})
}

// FuzzQuery: no parameters have a query fail but by a refusal, and what is taken is
// within the bounds.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{"", "stream=a&q=b&state=fault,stale&sort=name&offset=1&limit=2", "limit=-1", "state=,", "before=x&kind=drift", "%zz=1", "limit=9e9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		if q, err := seriesQuery(v); err == nil {
			if q.Limit < 0 || q.Limit > mostSeries || q.Offset < 0 || len(q.States) > 0 && !slices.Contains(view.Rank, q.States[0]) {
				t.Fatalf("%+v", q)
			}
			rows := []view.Row{{Series: "a", State: "normal"}, {Series: "b", State: "fault", Stale: true}, {Series: "c", State: "?"}}
			if total, page := q.Choose(rows); total < len(page) || len(page) > q.Limit {
				t.Fatalf("%d of %d rows for %+v", len(page), total, q)
			}
		}
		if q, err := eventQuery(v); err == nil && (q.Limit < 0 || q.Limit > mostEvents) {
			t.Fatalf("%+v", q)
		}
		if limit, before, err := letterQuery(v); err == nil && (limit < 0 || limit > mostLetters || before < 0) {
			t.Fatalf("%d %d", limit, before)
		}
	})
}

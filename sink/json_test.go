package sink

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func sample() *Record {
	return &Record{
		Time: 1795435200123456789, Stream: "pumps", Series: "pump-1",
		Channels: []string{"temp", "flow"},
		Values: []Value{
			{Raw: 21.40, Clean: 21.37, Lo: 21.22, Hi: 21.52, Method: "net"},
			{Raw: math.NaN(), Clean: 3, Lo: math.NaN(), Hi: math.Inf(1), Quality: Filled, Method: "median", Flags: WarmingUp | FlagNull},
		},
		Score: 0.83, Drift: "normal", Model: "base@3f2a91c07d5e48b2", Lookahead: 8, Interval: 0.9, TimeSource: "payload",
	}
}

func TestAppendRecord(t *testing.T) {
	want := `{"v":1,"type":"record","ts":"2026-11-23T12:00:00.123456789Z","stream":"pumps","series":"pump-1","epoch":0,"rev":0,` +
		`"channels":{"temp":{"raw":21.4,"clean":21.37,"lo":21.22,"hi":21.52,"quality":"good","method":"net","flags":[]},` +
		`"flow":{"raw":null,"clean":3,"lo":null,"hi":null,"quality":"filled","method":"median","flags":["warming_up","null"]}},` +
		`"score":0.83,"drift":"normal","model":"base@3f2a91c07d5e48b2","lookahead":8,"interval":0.9,"time_source":"payload"}`
	if got := string(AppendRecord(nil, sample())); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	r := sample()
	r.Channels, r.Values, r.Score, r.Rev = nil, nil, math.NaN(), -1
	got := string(AppendRecord([]byte("x"), r))
	if !strings.HasPrefix(got, "x{") || !strings.Contains(got, `"rev":-1,"channels":{},"score":null,`) {
		t.Errorf("got %s", got)
	}
}

func TestAppendRecordAllocates0(t *testing.T) {
	r := sample()
	buf := AppendRecord(nil, r)
	if n := testing.AllocsPerRun(100, func() { buf = AppendRecord(buf[:0], r) }); n != 0 {
		t.Errorf("AppendRecord allocates %g times, want 0", n)
	}
}

func TestAppendRecordPanics(t *testing.T) {
	defer func() {
		if got := fmt.Sprint(recover()); !strings.HasPrefix(got, "sink: ") {
			t.Errorf("panic %q, want one prefixed with the package", got)
		}
	}()
	AppendRecord(nil, &Record{Channels: []string{"a"}})
}

func TestAppendEvent(t *testing.T) {
	e := &Event{
		ID: "pumps/pump-3/0/drift.opened/0", Stream: "pumps", Series: "pump-3", Kind: "drift.opened",
		Severity: "warning", Why: "residual 6.1 times its usual size", Model: "base@3f2a91c07d5e48b2",
		Data: map[string]any{"b": math.NaN(), "a": []float64{1, math.Inf(1)}, "c": map[string]any{"n": int64(3), "x": nil},
			"d": func() {}, "e": float32(0.5), "f": true, "g": []string{"x"}, "h": float32(math.Inf(-1)), "i": 7, "j": []any{"<"}},
	}
	want := `{"v":1,"type":"event","id":"pumps/pump-3/0/drift.opened/0","ts":"1970-01-01T00:00:00Z","stream":"pumps","series":"pump-3",` +
		`"epoch":0,"kind":"drift.opened","severity":"warning","why":"residual 6.1 times its usual size","model":"base@3f2a91c07d5e48b2",` +
		`"data":{"a":[1,null],"b":null,"c":{"n":3,"x":null},"d":null,"e":0.5,"f":true,"g":["x"],"h":null,"i":7,"j":["\u003c"]},"alert":"pumps/pump-3/drift","phase":"open"}`
	if got := string(AppendEvent(nil, e)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	e.Data, e.Link = nil, "https://q/?a&b"
	if got := string(AppendEvent(nil, e)); !strings.HasSuffix(got, `"data":{},"alert":"pumps/pump-3/drift","phase":"open","link":"https://q/?a\u0026b"}`) {
		t.Errorf("without data: %s", got)
	}
	e.Kind, e.Link = "model.promoted", ""
	if got := string(AppendEvent(nil, e)); !strings.HasSuffix(got, `"data":{}}`) {
		t.Errorf("no alert: %s", got)
	}
	loop := map[string]any{}
	loop["self"] = loop
	e.Data = loop
	if got := AppendEvent(nil, e); !json.Valid(got) {
		t.Errorf("data that holds itself: %.200s", got)
	}
}

// anyString draws strings with everything that needs care: invalid bytes,
// control characters, line separators, surrogates' replacement.
var anyString = rapid.Custom(func(t *rapid.T) string {
	parts := rapid.SliceOfN(rapid.OneOf(
		rapid.String(),
		rapid.SampledFrom([]string{"\u2028", "\u2029", "\xff", "\xe2\x80", "\x00", "\x7f", "\b\f\n\r\t\x1b", `"\/`, "<&>", "°C", "\U0001F4A7", "\ufffd"}),
	), 0, 4).Draw(t, "parts")
	return strings.Join(parts, "")
})

func TestAppendStringIsMarshal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyString.Draw(t, "s")
		want, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := appendString(nil, s); string(got) != string(want) {
			t.Fatalf("%q: got %s, want %s", s, got, want)
		}
	})
}

func TestAppendFloatIsMarshal(t *testing.T) {
	check := func(t interface{ Fatalf(string, ...any) }, v float64) {
		want, err := json.Marshal(v)
		if err != nil {
			want = []byte("null") // NaN, Inf
		}
		if got := AppendFloat(nil, v); string(got) != string(want) {
			t.Fatalf("%g: got %s, want %s", v, got, want)
		}
	}
	for _, v := range []float64{0, math.Copysign(0, -1), 1e-6, 9.9e-7, 1e-9, 1e-10, 1e21, 9.99e20, -1e-7, 1e100, 1e-300, math.NaN(), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64} {
		check(t, v)
	}
	rapid.Check(t, func(t *rapid.T) { check(t, math.Float64frombits(rapid.Uint64().Draw(t, "bits"))) })
}

var anyRecord = rapid.Custom(func(t *rapid.T) *Record {
	f := rapid.OneOf(rapid.Float64(), rapid.Just(math.NaN()))
	names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z.]{1,5}|°|x y|""`), 0, 4, rapid.ID).Draw(t, "channels")
	r := &Record{
		Time:   rapid.Int64Range(-9e18, 9e18).Draw(t, "time"),
		Stream: rapid.String().Draw(t, "stream"), Series: rapid.String().Draw(t, "series"),
		Epoch: rapid.IntRange(0, math.MaxInt>>23).Draw(t, "epoch"), Rev: rapid.IntRange(-1, 9).Draw(t, "rev"),
		Channels: names, Score: f.Draw(t, "score"), Interval: f.Draw(t, "interval"),
		Drift: rapid.SampledFrom([]string{"learning", "normal", "fault"}).Draw(t, "drift"),
		Model: rapid.String().Draw(t, "model"), Lookahead: rapid.IntRange(0, 64).Draw(t, "lookahead"), TimeSource: "payload",
	}
	for range names {
		r.Values = append(r.Values, Value{
			Raw: f.Draw(t, "raw"), Clean: f.Draw(t, "clean"), Lo: f.Draw(t, "lo"), Hi: f.Draw(t, "hi"),
			Quality: Quality(rapid.IntRange(0, 4).Draw(t, "quality")), Method: "net",
			Flags: Flags(rapid.IntRange(0, 1<<len(FlagNames)-1).Draw(t, "flags")),
		})
	}
	return r
})

func TestRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyRecord.Draw(t, "record")
		b := AppendRecord(nil, r)
		var generic map[string]any
		if err := json.Unmarshal(b, &generic); err != nil || !utf8.Valid(b) {
			t.Fatalf("not JSON: %v: %s", err, b)
		}
		if len(generic) != 14 {
			t.Fatalf("%d fields, want 14: %s", len(generic), b)
		}
		got, err := ParseRecord(b)
		if err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		// NaN equals NaN here, and an infinity becomes NaN; the generator draws none.
		if d := cmp.Diff(r, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("-wrote +read\n%s", d)
		}
		if again := AppendRecord(nil, got); string(again) != string(b) {
			t.Fatalf("second time:\n%s\n%s", b, again)
		}
	})
}

func TestEventRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := &Event{
			ID: rapid.String().Draw(t, "id"), Time: rapid.Int64Range(-9e18, 9e18).Draw(t, "time"), Stream: "s",
			Series: anyString.Draw(t, "series"), Epoch: rapid.IntRange(0, 9).Draw(t, "epoch"),
			Kind: "drift.opened", Severity: "info", Why: rapid.String().Draw(t, "why"), Model: "m",
			Data: map[string]any{anyString.Draw(t, "key"): rapid.Float64().Draw(t, "x"), "list": []any{"a", true, nil, 1.5}},
		}
		b := AppendEvent(nil, e)
		got, err := ParseEvent(b)
		if err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		// Invalid bytes were replaced by the first encoding, so that the second
		// one is compared by what it says.
		again, err := ParseEvent(AppendEvent(nil, got))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(got, again); d != "" {
			t.Fatalf("-first +second\n%s", d)
		}
	})
}

func TestParseRefuses(t *testing.T) {
	good := string(AppendRecord(nil, sample()))
	for _, c := range []struct{ old, new, want string }{
		{`"v":1`, `"v":2`, "v is 2"},
		{`"type":"record"`, `"type":"event"`, "type is"},
		{`"quality":"good"`, `"quality":"fine"`, `quality "fine"`},
		{`"flow":`, `"temp":`, "occurs twice"},
		{`2026-11-23T`, `2026-13-23T`, "not a time"},
		{`2026-11-23T`, `0001-11-23T`, "outside the years"},
		{`2026-11-23T`, `2262-11-23T`, "outside the years"},
		{`{"v"`, ``, ""},
		{`"payload"}`, `"payload"}{}`, "more follows"},
		{good, ``, "is empty"},
	} {
		_, err := ParseRecord([]byte(strings.Replace(good, c.old, c.new, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.new, err, c.want)
		}
	}
	if _, err := ParseEvent([]byte(good)); err == nil {
		t.Error("a record was read as an event")
	}
	later := strings.Replace(good, `"flags":[]`, `"flags":["held","of_2030"],"new":1`, 1)
	r, err := ParseRecord([]byte(later))
	if err != nil || r.Values[0].Flags != Held {
		t.Errorf("fields and flags of a later version: %v, %+v", err, r)
	}
}

func TestKey(t *testing.T) {
	if got, want := Key("pumps", "pump-1", 2, 1795435200123456789, -1), "pumps/pump-1/2/1795435200123456789/-1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := EventKey("pumps", "a/b", 0, "drift.opened", 5), "pumps/a%2Fb/0/drift.opened/5"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if a, b := Key("a/b", "c", 0, 0, 0), Key("a", "b/c", 0, 0, 0); a == b {
		t.Errorf("two series share the key %s", a)
	}
	if a, b := Key("a%2Fb", "c", 0, 0, 0), Key("a/b", "c", 0, 0, 0); a == b {
		t.Errorf("two streams share the key %s", a)
	}
	r := sample()
	if got := (&Item{Record: r}).Key(); got != r.Key() {
		t.Errorf("item's key %s, want %s", got, r.Key())
	}
	if got := (&Item{Event: &Event{ID: "x"}}).Key(); got != "x" {
		t.Errorf("item's key %s, want x", got)
	}
}

func ExampleAppendRecord() {
	r := &Record{
		Stream: "pumps", Series: "pump-1", Channels: []string{"temp"},
		Values: []Value{{Raw: 21.4, Clean: 21.37, Lo: 21.22, Hi: 21.52, Method: "net"}},
		Score:  0.83, Drift: "normal", Model: "base@3f2a91c07d5e48b2", Interval: 0.9, TimeSource: "payload",
	}
	fmt.Println(string(AppendRecord(nil, r)))
	// Output:
	// {"v":1,"type":"record","ts":"1970-01-01T00:00:00Z","stream":"pumps","series":"pump-1","epoch":0,"rev":0,"channels":{"temp":{"raw":21.4,"clean":21.37,"lo":21.22,"hi":21.52,"quality":"good","method":"net","flags":[]}},"score":0.83,"drift":"normal","model":"base@3f2a91c07d5e48b2","lookahead":0,"interval":0.9,"time_source":"payload"}
}

func BenchmarkAppendRecord(b *testing.B) {
	r := sample()
	buf := AppendRecord(nil, r)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendRecord(buf[:0], r)
	}
}

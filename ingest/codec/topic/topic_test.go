package topic_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/ingest/codec/topic"
)

func ExampleParse() {
	t, err := topic.Parse("sensors/{series}/{channel}")
	if err != nil {
		panic(err)
	}
	fmt.Println(t.Filter())
	fmt.Println(t.Match("sensors/pump-1/temp"))
	// Output:
	// sensors/+/+
	// pump-1 temp true
}

func TestMatch(t *testing.T) {
	type result struct {
		Series, Channel string
		OK              bool
	}
	for _, c := range []struct {
		template, filter, topic string
		want                    result
	}{
		{"sensors/{series}/telemetry", "sensors/+/telemetry", "sensors/a/telemetry", result{"a", "", true}},
		{"sensors/{series}/telemetry", "sensors/+/telemetry", "sensors/a/b/telemetry", result{}},
		{"sensors/{series}/telemetry", "sensors/+/telemetry", "sensors/a", result{}},
		{"sensors/{series}/telemetry", "sensors/+/telemetry", "sensors//telemetry", result{"", "", true}},
		{"{series}/{channel}", "+/+", "a/b", result{"a", "b", true}},
		{"{series}/{channel}", "+/+", "$SYS/b", result{}},
		{"+/{series}/#", "+/+/#", "x/a/b/c", result{"a", "", true}},
		{"+/{series}/#", "+/+/#", "x/a", result{"a", "", true}},
		{"+/{series}/#", "+/+/#", "x", result{}},
		{"#", "#", "a/b", result{"", "", true}},
		{"#", "#", "$SYS/x", result{}},
		{"$SYS/{channel}", "$SYS/+", "$SYS/load", result{"", "load", true}},
		{"telemetry.raw", "telemetry.raw", "telemetry.raw", result{"", "", true}},
		{"/a", "/a", "a", result{}},
		{"$share/g/s/{series}", "$share/g/s/+", "s/x", result{"x", "", true}},
	} {
		tt, err := topic.Parse(c.template)
		if err != nil {
			t.Errorf("Parse(%q): %v", c.template, err)
			continue
		}
		if got := tt.Filter(); got != c.filter {
			t.Errorf("%q: Filter() = %q, want %q", c.template, got, c.filter)
		}
		var got result
		got.Series, got.Channel, got.OK = tt.Match(c.topic)
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%q matching %q (-want +got):\n%s", c.template, c.topic, d)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", "must not be empty"},
		{"a/dev-{series}", `level "dev-{series}": a level is a plain name, {series}, {channel}, + or (at the end) #`},
		{"a/{device}", "a level is a plain name, {series}, {channel}"},
		{"a/b+", "a level is a plain name"},
		{"a/#/b", "# is allowed as the last level only"},
		{"{series}/{series}", "{series} occurs twice"},
		{"$share/g", "$share/GROUP/TOPIC"},
		{"a\x00b", "NUL"},
		{strings.Repeat("x", 65536), "longer than"},
	} {
		_, err := topic.Parse(c.in)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Parse(%.20q): got %v, want …%s…", c.in, err, c.want)
		}
	}
}

func TestOverlap(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"a/b", "a/b", true}, {"a/b", "a/c", false}, {"a/+", "a/c", true}, {"+/c", "a/+", true},
		{"a/+", "b/+", false}, {"a/#", "a", true}, {"a/#", "b/c", false}, {"#", "x/y", true},
		{"#", "$SYS/x", false}, {"+/x", "$SYS/x", false}, {"$SYS/#", "$SYS/x", true},
		{"a/b", "a/b/c", false}, {"a/+/c/#", "a/b", false}, {"a/+/#", "a/b", true}, {"$share/g/a/+", "a/b", true},
	} {
		if got := topic.Overlap(c.a, c.b); got != c.want {
			t.Errorf("Overlap(%q, %q) = %v, want %v", c.a, c.b, got, c.want)
		}
		if got := topic.Overlap(c.b, c.a); got != c.want {
			t.Errorf("Overlap(%q, %q) = %v, want %v", c.b, c.a, got, c.want)
		}
	}
}

// FuzzTemplate checks that nothing panics, and that what a template takes, its
// filter overlaps.
func FuzzTemplate(f *testing.F) {
	f.Add("sensors/{series}/telemetry", "sensors/a/telemetry")
	f.Add("$share/g/+/{channel}/#", "a/b")
	f.Add("#", "")
	f.Fuzz(func(t *testing.T, template, name string) {
		tt, err := topic.Parse(template)
		if err != nil {
			return
		}
		again, err := topic.Parse(tt.Filter())
		if err != nil {
			t.Fatalf("the filter %q of %q is no template: %v", tt.Filter(), template, err)
		}
		_, _, ok := tt.Match(name)
		if _, _, same := again.Match(name); same != ok {
			t.Fatalf("%q matches %q: %v, its filter: %v", template, name, ok, same)
		}
		if ok && !strings.ContainsAny(name, "+#") && !strings.HasPrefix(name, "$share/") && !topic.Overlap(tt.Filter(), name) {
			t.Fatalf("%q takes %q, but they do not overlap", template, name)
		}
	})
}

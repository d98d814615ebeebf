package json

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/ingest"
)

func TestFind(t *testing.T) {
	f := NewFinder("ts", "", "a.b", "a", "list", "on", "none")
	for _, slow := range []bool{false, true} {
		f.slowOnly = slow
		for in, want := range map[string][]Leaf{
			`{"ts":"x y","a.b":1.50,"on":true,"none":null}`:   {{Text, []byte("x y")}, {}, {Number, []byte("1.50")}, {}, {}, {Kind: Boolean}, {Kind: Null}},
			`{"a":{"b":2},"list":[1,{"a":3}],"z":{"a":[[]]}}`: {{}, {}, {Number, []byte("2")}, {Kind: Object}, {Kind: Array}, {}, {}},
			` { } `: {{}, {}, {}, {}, {}, {}, {}},
			"{\"on\":false,\"ts\":\"\u00b0 \\u00b0\"}":          {{Text, []byte("° °")}, {}, {}, {}, {}, {Kind: Boolean}, {}},
			`{"zz":{"q":"\"\\\/\b\f\n\r\t\uaBcD"},"a":-0.5e+3}`: {{}, {}, {}, {Number, []byte("-0.5e+3")}, {}, {}, {}},
		} {
			got, err := f.Find([]byte(in))
			if err != nil {
				t.Errorf("slow=%v %s: %v", slow, in, err)
				continue
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("slow=%v %s (-want +got):\n%s", slow, in, d)
			}
		}
		for _, in := range []string{``, `[]`, `1`, `{"a":1`, `{"a":tru}`, `{"zz":"\x"}`, `{"zz":"\u12g4"}`, `{"zz":[1,]}`, `{"zz":{1:2}}`, `{"a" 1}`, `{"a":1,}`} {
			var bad *ingest.MalformedError
			if _, err := f.Find([]byte(in)); !errors.As(err, &bad) || bad.Reason != "json" {
				t.Errorf("slow=%v %s: got %v, want malformed json", slow, in, err)
			}
		}
	}
}

func TestFindStampsSurviveTheirOverflow(t *testing.T) {
	f := NewFinder("a")
	f.scan.gen = ^uint32(0) - 1
	for range 4 {
		got, err := f.Find([]byte(`{"a":1}`))
		if err != nil || got[0].Kind != Number || f.scan.gen == 0 {
			t.Fatalf("got %v, %v, stamp %d", got, err, f.scan.gen)
		}
	}
}

func TestPaths(t *testing.T) {
	got, err := Paths([]byte(`{"ts":1,"vib":{"rms":0.5,"more":{"x":null,"none":{}}},"list":[1,{"q":[2]}],"v":NaN,"on":true}`))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"ts", "vib.rms", "vib.more.x", "v", "on"}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, in := range []string{`{"a":1`, `3`, strings.Repeat(`{"a":`, 100) + `1` + strings.Repeat(`}`, 100)} {
		if got, err := Paths([]byte(in)); err == nil {
			t.Errorf("%.20s: got %v, want an error", in, got)
		}
	}
}

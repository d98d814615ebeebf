package codec_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/codec"
)

func ExampleNew() {
	d, err := codec.New(codec.Config{
		Type: codec.JSON, Time: "ts", TimeUnit: "ms",
		TopicTemplates: []string{"sensors/{series}/telemetry"},
		Channels:       []codec.Channel{{Name: "temp", Path: "temp_c"}, {Name: "vibration", Path: "vib.rms"}},
	})
	if err != nil {
		panic(err)
	}
	samples, err := d.Decode(nil, &ingest.Message{
		Topic:   "sensors/pump-1/telemetry",
		Payload: []byte(`{"ts":1700000000000,"temp_c":21.4,"vib":{"rms":0.12}}`),
	})
	if err != nil {
		panic(err)
	}
	for _, s := range samples {
		fmt.Println(s.Series, s.Channel, s.Time, s.Value)
	}
	// Output:
	// pump-1 0 1700000000000000000 21.4
	// pump-1 1 1700000000000000000 0.12
}

var channels = []codec.Channel{{Name: "temp", Path: "t", Missing: []float64{-127}}, {Name: "rpm"}}

// world is every type of payload with one set of channels.
func configs() map[string]codec.Config {
	return map[string]codec.Config{
		"json":  {Time: "ts", TimeUnit: "s", Series: "dev", Channels: channels},
		"plain": {Type: "plain", TopicTemplates: []string{"s/{series}/{channel}"}, Channels: channels},
		"csv":   {Type: "csv", Columns: []string{"dev", "ts", "t", "", "rpm"}, Series: "dev", Time: "ts", TimeUnit: "s", Channels: channels},
		"sheet": {Type: "csv", Separator: "semicolon", Columns: []string{"dev", "ts", "t", "", "rpm"}, Series: "dev", Time: "ts", TimeUnit: "s", Channels: channels},
		"tabs":  {Type: "csv", Separator: "tab", Columns: []string{"dev", "ts", "t", "", "rpm"}, Series: "dev", Time: "ts", TimeUnit: "s", Channels: channels},
	}
}

func TestDecode(t *testing.T) {
	arrived := func(ch int, v float64, why ingest.Missing) []ingest.Sample {
		return []ingest.Sample{{Series: "a", Channel: ch, Time: 5e9, Value: v, Missing: why, TimeSource: ingest.TimeBroker}}
	}
	row := func(ts int64, v float64, why ingest.Missing, w float64) []ingest.Sample {
		return []ingest.Sample{{Series: "a", Time: ts, Value: v, Missing: why}, {Series: "a", Channel: 1, Time: ts, Value: w}}
	}
	stored := row(5e9, 1.5, 0, 900)
	for i := range stored {
		stored[i].TimeSource = ingest.TimeBroker
	}
	for _, c := range []struct {
		typ, topic, payload string
		want                []ingest.Sample
	}{
		{"plain", "s/a/rpm", "900", arrived(1, 900, 0)},
		{"plain", "s/a/temp", " -3.5e1\r\n", arrived(0, -35, 0)},
		{"plain", "s/a/temp", "null", arrived(0, 0, ingest.Null)},
		{"plain", "s/a/temp", "NaN", arrived(0, 0, ingest.NonFinite)},
		{"plain", "s/a/temp", "-127", arrived(0, 0, ingest.Sentinel)},
		{"csv", "x", "a,10,1.5,ignored,900", row(10e9, 1.5, 0, 900)},
		{"csv", "x", "a,10,,x,900\r\n", row(10e9, 0, ingest.Null, 900)},
		{"csv", "x", "a,,1.5,x,900", stored},
		{"csv", "x", "a,10,1.5,\"x,y\",\"900\"\n", row(10e9, 1.5, 0, 900)},
		{"csv", "x", "a,10,1,,2\n\na,11,3,,4\n", append(row(10e9, 1, 0, 2), row(11e9, 3, 0, 4)...)},
		{"csv", "x", "\ufeffa,10,1.5,x,900\r\n", row(10e9, 1.5, 0, 900)},
		{"csv", "x", "\ufeff\"a\",10,1.5,x,900", row(10e9, 1.5, 0, 900)},
		{"csv", "x", "a,10,n/a,x,900", row(10e9, 0, ingest.Null, 900)},
		{"sheet", "x", "\ufeffa;10,5;1,5;x,y;900\r\n", row(10.5e9, 1.5, 0, 900)},
		{"sheet", "x", "a;10;\"1,5\";\"x;y\";900", row(10e9, 1.5, 0, 900)},
		{"sheet", "x", "a;10;-127,0;;9e2", row(10e9, 0, ingest.Sentinel, 900)},
		{"tabs", "x", "a\t10\t1.5\tx\t900", row(10e9, 1.5, 0, 900)},
		{"csv", "x", "a,10,-127,,2", row(10e9, 0, ingest.Sentinel, 2)},
		{"json", "x", `{"dev":"a","ts":10,"t":1,"rpm":2}`, row(10e9, 1, 0, 2)},
	} {
		d, err := codec.New(configs()[c.typ])
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Decode(nil, &ingest.Message{Topic: c.topic, Payload: []byte(c.payload), Stored: 5e9, Broker: true})
		if err != nil {
			t.Errorf("%s %q: %v", c.typ, c.payload, err)
			continue
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s %q (-want +got):\n%s", c.typ, c.payload, d)
		}
	}
}

func TestMalformed(t *testing.T) {
	for _, c := range []struct{ typ, topic, payload, reason, detail string }{
		{"plain", "s/a/temp", "warm", "not_a_number", `the text "warm"`},
		{"plain", "s/a/temp", "", "not_a_number", "empty"},
		{"plain", "s/a/fan", "1", "topic", "names the channel \"fan\"; the stream has temp, rpm"},
		{"csv", "x", "", "csv", "empty"},
		{"csv", "x", "a,1,2", "csv", "line 1 has 3 fields, want 5 (dev, ts, t, , rpm)"},
		{"csv", "x", "a,10,1,,2\na,11,hot,,2", "not_a_number", `line 2: column "t" of channel temp is the text "hot"`},
		{"csv", "x", "a,soon,1,,2", "time", "soon"},
		{"csv", "x", "a,10,\"1,5\",,2", "not_a_number", `"1,5"`},
		{"sheet", "x", "a;10;1.234,5;;2", "not_a_number", `"1.234,5"`},
		{"tabs", "x", "a\t10\t1,5\t\t2", "not_a_number", `"1,5"`},
		{"csv", "x", ",10,1,,2", "series", "empty"},
		{"csv", "x", "a,10,\"1,,2", "csv", "not CSV"},
	} {
		d, err := codec.New(configs()[c.typ])
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Decode(nil, &ingest.Message{Topic: c.topic, Payload: []byte(c.payload), Stored: 5e9})
		var bad *ingest.MalformedError
		if !errors.As(err, &bad) || bad.Reason != c.reason || !strings.Contains(bad.Detail, c.detail) {
			t.Errorf("%s %q: got %v, want %s: …%s…", c.typ, c.payload, err, c.reason, c.detail)
		}
		if len(got) != 0 {
			t.Errorf("%s %q: %d samples with an error", c.typ, c.payload, len(got))
		}
	}
}

func TestPlainWithOneChannelNeedsNoTopic(t *testing.T) {
	d, err := codec.New(codec.Config{Type: "plain", DefaultSeries: "boiler", Channels: channels[:1]})
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.Decode(nil, &ingest.Message{Topic: "any", Payload: []byte("7"), Stored: 1})
	want := []ingest.Sample{{Series: "boiler", Time: 1, Value: 7, TimeSource: ingest.TimeArrival}}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	if _, err := d.Decode(nil, &ingest.Message{Payload: []byte("7")}); err == nil || !strings.HasPrefix(err.Error(), "time:") {
		t.Errorf("a message without any time: got %v, want time: …", err)
	}
}

func TestNoSeriesAnywhere(t *testing.T) {
	d, err := codec.New(codec.Config{Channels: channels})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Decode(nil, &ingest.Message{Payload: []byte(`{"t":1}`), Stored: 1}); err == nil || !strings.Contains(err.Error(), "set codec.series") {
		t.Errorf("got %v, want what to set", err)
	}
}

func TestValidate(t *testing.T) {
	hi, lo := 9.0, 1.0
	for _, c := range []struct {
		name string
		cfg  codec.Config
		want []string // all of these; none: valid
	}{
		{"json", configs()["json"], nil},
		{"plain", configs()["plain"], nil},
		{"csv", configs()["csv"], nil},
		{"everything at once", codec.Config{Type: "jsn", TimeUnit: "m", MaxBytes: -1, TopicTemplates: []string{"a/#/b"}, DefaultSeries: "a\n"},
			[]string{`type "jsn": must be one of json, plain, csv`, `time_unit "m": must be one of s, ms, us, ns, rfc3339`, "max_bytes must be positive", "# is allowed as the last level only", "default series", "at least one channel"}},
		{"channels", codec.Config{Channels: []codec.Channel{{Name: "a", Min: &hi, Max: &lo}, {Name: "a"}, {}}},
			[]string{"channel a: min 9 is above max 1", "channel a occurs twice", "a name is needed"}},
		{"paths", codec.Config{Time: ".ts", Channels: []codec.Channel{{Name: "a", Path: "b..c"}}},
			[]string{`codec: time: path ".ts"`, `channel a: path "b..c"`}},
		{"plain", codec.Config{Type: "plain", Time: "ts", TopicTemplates: []string{"s/{series}"}, Channels: channels},
			[]string{"type plain has no fields", `topic "s/{series}" must name the channel by {channel}`}},
		{"plain without topics", codec.Config{Type: "plain", Channels: channels}, []string{"needs topics with {channel}"}},
		{"csv without columns", codec.Config{Type: "csv", Channels: channels}, []string{"needs columns"}},
		{"csv columns", codec.Config{Type: "csv", Columns: []string{"dev", "t", "rmp", "t"}, Time: "when", Channels: channels},
			[]string{"column t occurs twice", `codec: time: there is no column "when" among dev, t, rmp, t`, `channel rpm: there is no column "rpm" among dev, t, rmp, t`}},
		{"separator", codec.Config{Type: "csv", Separator: ";", Columns: []string{"t", "rpm"}, Channels: channels}, []string{`separator ";": must be one of comma, semicolon, tab`}},
		{"separator elsewhere", codec.Config{Separator: "tab", Channels: channels}, []string{"separator is for type csv only"}},
		{"columns elsewhere", codec.Config{Columns: []string{"a"}, Channels: channels}, []string{"columns are for type csv only"}},
	} {
		err := c.cfg.Validate()
		if len(c.want) == 0 && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		for _, w := range c.want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: got %v, want …%s…", c.name, err, w)
			}
		}
		if _, newErr := codec.New(c.cfg); (newErr == nil) != (err == nil) {
			t.Errorf("%s: New: %v, Validate: %v", c.name, newErr, err)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	cfg := configs()["csv"]
	cfg.Time = "dew"
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "did you mean dev?") {
		t.Errorf("got %v, want a suggestion", err)
	}
}

// FuzzDecode throws any message at every codec: no panic, finite values,
// times within bounds, and errors that leave dst alone.
func FuzzDecode(f *testing.F) {
	for _, p := range []string{`{"dev":"a","ts":10,"t":1}`, "21.4", "a,10,1.5,x,900", "a,10,\"1\",x,900", "\xff\x00", `[{"t":1e999}]`} {
		f.Add("s/a/temp", "key", p, int64(1))
	}
	var ds []ingest.Decoder
	for _, c := range configs() {
		d, err := codec.New(c)
		if err != nil {
			f.Fatal(err)
		}
		ds = append(ds, d)
	}
	f.Fuzz(func(t *testing.T, topic, key, payload string, stored int64) {
		for _, d := range ds {
			keep := []ingest.Sample{{Series: "keep"}}
			got, err := d.Decode(keep, &ingest.Message{Topic: topic, Key: []byte(key), Payload: []byte(payload), Stored: stored})
			var bad *ingest.MalformedError
			switch {
			case err != nil && !errors.As(err, &bad):
				t.Errorf("error %v is %T, want a MalformedError", err, err)
			case err != nil && len(got) != 1, err == nil && len(got) < 2, got[0].Series != "keep":
				t.Errorf("got %v with error %v", got, err)
			}
			for _, s := range got[1:] {
				if s.Series == "" || s.Time < 0 || s.Value-s.Value != 0 || s.Missing != 0 && s.Value != 0 || s.Channel < 0 || s.Channel > 1 {
					t.Errorf("sample %+v breaks the contract", s)
				}
			}
		}
	})
}

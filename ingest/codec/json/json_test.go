package json

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/codec/field"
	"github.com/quell-stream/quell/ingest/codec/topic"
)

func ptr(v float64) *float64 { return &v }

// pumps is the layout of most tests.
func pumps() *field.Layout {
	return &field.Layout{
		Time: "ts", Unit: field.Millis, Series: "device", MaxBytes: 1 << 20,
		Channels: []field.Channel{
			{Name: "temp", Path: "temp_c", Min: ptr(-40), Max: ptr(150), Missing: []float64{-127}},
			{Name: "pressure", Path: "p"},
			{Name: "vibration", Path: "vib.rms"},
		},
	}
}

func message(payload string) *ingest.Message {
	return &ingest.Message{Topic: "t", Payload: []byte(payload), Stored: 42e9}
}

// sample makes a sample of pump-1 at one second.
func sample(channel int, v float64) ingest.Sample {
	return ingest.Sample{Series: "pump-1", Channel: channel, Time: 1e9, Value: v}
}

func missing(channel int, why ingest.Missing) ingest.Sample {
	return ingest.Sample{Series: "pump-1", Channel: channel, Time: 1e9, Missing: why}
}

func TestDecode(t *testing.T) {
	arrived := sample(1, 2)
	arrived.Time, arrived.TimeSource = 42e9, ingest.TimeArrival
	for _, c := range []struct {
		name, payload string
		want          []ingest.Sample
	}{
		{"all channels, nested path", `{"device":"pump-1","ts":1000,"temp_c":21.4,"p":2,"vib":{"rms":0.12,"peak":3}}`,
			[]ingest.Sample{sample(0, 21.4), sample(1, 2), sample(2, 0.12)}},
		{"any order, channel order kept", `{"vib":{"rms":0.12},"p":2,"temp_c":21.4,"ts":1000,"device":"pump-1"}`,
			[]ingest.Sample{sample(0, 21.4), sample(1, 2), sample(2, 0.12)}},
		{"absent channels give no sample", `{"device":"pump-1","ts":1000,"p":2}`, []ingest.Sample{sample(1, 2)}},
		{"dotted member", `{"device":"pump-1","ts":1000,"vib.rms":0.5}`, []ingest.Sample{sample(2, 0.5)}},
		{"null", `{"device":"pump-1","ts":1000,"p":null}`, []ingest.Sample{missing(1, ingest.Null)}},
		{"empty text", `{"device":"pump-1","ts":1000,"p":" "}`, []ingest.Sample{missing(1, ingest.Null)}},
		{"too large a number", `{"device":"pump-1","ts":1000,"p":1e999}`, []ingest.Sample{missing(1, ingest.NonFinite)}},
		{"bare NaN", `{"device":"pump-1","ts":1000,"p":NaN}`, []ingest.Sample{missing(1, ingest.NonFinite)}},
		{"bare -Infinity", `{"device":"pump-1","ts":1000,"p":-Infinity}`, []ingest.Sample{missing(1, ingest.NonFinite)}},
		{"NaN as text", `{"device":"pump-1","ts":1000,"p":"nan"}`, []ingest.Sample{missing(1, ingest.NonFinite)}},
		{"sentinel", `{"device":"pump-1","ts":1000,"temp_c":-127.0}`, []ingest.Sample{missing(0, ingest.Sentinel)}},
		{"below min", `{"device":"pump-1","ts":1000,"temp_c":-40.5}`, []ingest.Sample{missing(0, ingest.OutOfRange)}},
		{"above max", `{"device":"pump-1","ts":1000,"temp_c":1e3}`, []ingest.Sample{missing(0, ingest.OutOfRange)}},
		{"at max", `{"device":"pump-1","ts":1000,"temp_c":150}`, []ingest.Sample{sample(0, 150)}},
		{"number as text", `{"device":"pump-1","ts":"1000","p":"21.4"}`, []ingest.Sample{sample(1, 21.4)}},
		{"escaped name", `{"device":"pump\u002d1","ts":1000,"\u0070":2}`, []ingest.Sample{sample(1, 2)}},
		{"escape in another field", `{"device":"pump-1","ts":1000,"unit":"\u00b0C \"x\"","p":2}`, []ingest.Sample{sample(1, 2)}},
		{"arrays and objects nobody wants", `{"device":"pump-1","ts":1000,"tags":["a",{"p":9},[]],"m":{"p":[1,{}]},"p":2}`, []ingest.Sample{sample(1, 2)}},
		{"last of a repeated field counts", `{"device":"pump-1","ts":1000,"p":1,"p":2}`, []ingest.Sample{sample(1, 2)}},
		{"repeated object replaces", `{"device":"pump-1","ts":1000,"vib":{"rms":1},"vib":{},"p":2}`, []ingest.Sample{sample(1, 2)}},
		{"several readings", `[{"device":"pump-1","ts":1000,"p":1}, {"device":"pump-1","ts":1000,"p":2}]`, []ingest.Sample{sample(1, 1), sample(1, 2)}},
		{"no time", `{"device":"pump-1","p":2}`, []ingest.Sample{arrived}},
		{"null time", `{"device":"pump-1","p":2,"ts":null}`, []ingest.Sample{arrived}},
		{"many digits", `{"device":"pump-1","ts":1000.0,"p":73.96732207000001,"temp_c":0.30000000000000004}`, []ingest.Sample{sample(0, 0.30000000000000004), sample(1, 73.96732207000001)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, slow := range []bool{false, true} {
				d := New(pumps())
				d.find.slowOnly = slow
				got, err := d.Decode(nil, message(c.payload))
				if err != nil {
					t.Fatalf("slow=%v: %v", slow, err)
				}
				if d := cmp.Diff(c.want, got); d != "" {
					t.Errorf("slow=%v (-want +got):\n%s", slow, d)
				}
			}
		})
	}
}

func TestMalformed(t *testing.T) {
	for _, c := range []struct{ name, payload, reason, detail string }{
		{"not JSON", `hello`, "json", "not JSON"},
		{"cut off", `{"p":1`, "json", "ends too early"},
		{"trailing", `{"p":1} x`, "json", "follows the value"},
		{"empty", " ", "json", "empty"},
		{"a number", `12`, "json", "is a number, want an object"},
		{"deep", strings.Repeat(`{"a":`, 65) + `1` + strings.Repeat(`}`, 65), "json", "deeper than 64"},
		{"deep array", strings.Repeat(`[`, 100000), "json", "deeper than 64"},
		{"empty array", `[]`, "field_missing", "empty array"},
		{"array of numbers", `[1]`, "json", "element 0 of the array is a number"},
		{"text in a number field", `{"device":"a","ts":1,"temp_c":"cold"}`, "not_a_number", `field "temp_c" of channel temp is the text "cold"`},
		{"object in a number field", `{"device":"a","ts":1,"p":{"value":1}}`, "not_a_number", "is an object"},
		{"array in a number field", `{"device":"a","ts":1,"p":[1]}`, "not_a_number", "is an array"},
		{"boolean in a number field", `{"device":"a","ts":1,"p":true}`, "not_a_number", "is true or false"},
		{"no channel", `{"device":"a","ts":1,"temp":3,"vib":{"x":1}}`, "field_missing", "none of the fields temp_c, p, vib.rms is there; the message has device, temp, ts, vib.x"},
		{"no series", `{"ts":1,"p":3}`, "field_missing", `field "device"`},
		{"empty series", `{"device":"","ts":1,"p":3}`, "series", "empty"},
		{"null series", `{"device":null,"ts":1,"p":3}`, "series", "null"},
		{"control character in the series", `{"device":"a\u0007","ts":1,"p":3}`, "series", "control character"},
		{"long series", `{"device":"` + strings.Repeat("x", 257) + `","p":3}`, "series", "257 bytes"},
		{"bad time", `{"device":"a","ts":"yesterday","p":3}`, "time", "yesterday"},
		{"time before 1970", `{"device":"a","ts":-1,"p":3}`, "time", "-1"},
		{"time after 2262", `{"device":"a","ts":9300000000000000000,"p":3}`, "time", "93"},
		{"second element", `[{"device":"a","p":1},{"device":"a","p":"x"}]`, "not_a_number", "element 1 of the array: "},
		{"too large", `{"p":` + strings.Repeat("1", 1<<20) + `}`, "too_large", "1048576"},
	} {
		t.Run(c.name, func(t *testing.T) {
			keep := []ingest.Sample{{Series: "keep"}}
			got, err := New(pumps()).Decode(keep, message(c.payload))
			var bad *ingest.MalformedError
			if !errors.As(err, &bad) {
				t.Fatalf("got %v, want a MalformedError", err)
			}
			if bad.Reason != c.reason || !strings.Contains(bad.Detail, c.detail) {
				t.Errorf("got %q, want %s: …%s…", bad, c.reason, c.detail)
			}
			if len(bad.Detail) > 1000 {
				t.Errorf("the detail has %d bytes, want a sentence", len(bad.Detail))
			}
			if len(got) != 1 {
				t.Errorf("dst has %d samples after an error, want the 1 it had", len(got))
			}
		})
	}
}

func TestStrictRefusesQuotedNumbers(t *testing.T) {
	l := pumps()
	l.Strict = true
	for _, p := range []string{`{"device":"a","ts":1,"p":"2"}`, `{"device":"a","ts":1,"p":NaN}`} {
		if got, err := New(l).Decode(nil, message(p)); err == nil {
			t.Errorf("%s: got %v, want an error", p, got)
		}
	}
}

func TestSeriesAndChannelFromTopic(t *testing.T) {
	tt, err := topic.Parse("sensors/{series}/{channel}")
	if err != nil {
		t.Fatal(err)
	}
	d := New(&field.Layout{Topics: []*topic.Template{tt}, MaxBytes: 1 << 20,
		Channels: []field.Channel{{Name: "temp", Path: "value"}, {Name: "rpm", Path: "value"}}})
	m := message(`{"value":7}`)
	m.Topic = "sensors/a 1/rpm"
	got, err := d.Decode(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	want := []ingest.Sample{{Series: "a 1", Channel: 1, Time: 42e9, Value: 7, TimeSource: ingest.TimeArrival}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for name, reason := range map[string]string{"sensors/a/humidity": "topic", "other/a/rpm": "topic", "sensors//rpm": "series"} {
		m.Topic = name
		var bad *ingest.MalformedError
		if _, err := d.Decode(nil, m); !errors.As(err, &bad) || bad.Reason != reason {
			t.Errorf("topic %s: got %v, want %s", name, err, reason)
		}
	}
}

func TestTimeAndSeriesFallBack(t *testing.T) {
	l := pumps()
	l.Series, l.Time, l.DefaultSeries = "", "", "all"
	d := New(l)
	m := message(`{"p":1}`)
	m.Broker = true
	for _, c := range []struct {
		key, want string
	}{{"", "all"}, {"k-9", "k-9"}} {
		m.Key = []byte(c.key)
		got, err := d.Decode(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		want := []ingest.Sample{{Series: c.want, Channel: 1, Time: 42e9, Value: 1, TimeSource: ingest.TimeBroker}}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("key %q (-want +got):\n%s", c.key, d)
		}
	}
}

// typical is about 200 bytes of what a device sends.
const typical = `{"device":"pump-1","ts":1700000000123,"seq":48211,"temp_c":21.4375,"p":2.1873,"vib":{"rms":0.1204,"peak":1.87},"fw":"2.4.1","site":"north-hall","rssi":-67,"battery":3.71,"status":"running","uptime_s":86412}`

func TestFastPathTakesOrdinaryPayloads(t *testing.T) {
	for _, p := range []string{
		typical,
		strings.ReplaceAll(typical, ":", ": "),
		`[` + typical + `, ` + typical + `]`,
		strings.Replace(typical, `"running"`, `"20 \u00b0C"`, 1),
		strings.Replace(typical, `"running"`, `["a",{"b":null}]`, 1),
		strings.Replace(typical, `21.4375`, `73.96732207000001`, 1),
	} {
		d := New(pumps())
		m := message(p)
		o, err := d.resolver.Resolve(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := d.fast(nil, m, o); !ok {
			t.Errorf("the scanner does not take %s", p)
		}
	}
}

func TestDecodeAllocatesNothing(t *testing.T) {
	d := New(pumps())
	m := message(typical)
	dst := make([]ingest.Sample, 0, 8)
	if n := testing.AllocsPerRun(200, func() {
		var err error
		if dst, err = d.Decode(dst[:0], m); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations per message, want 0", n)
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, path := range []string{"scanner", "stdlib"} {
		b.Run(fmt.Sprintf("path=%s/bytes=%d", path, len(typical)), func(b *testing.B) {
			d := New(pumps())
			d.find.slowOnly = path == "stdlib"
			m := message(typical)
			dst := make([]ingest.Sample, 0, 8)
			b.SetBytes(int64(len(typical)))
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if dst, err = d.Decode(dst[:0], m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// FuzzScannerEqualsStdlib holds the scanner to what encoding/json makes of the
// same bytes: equal samples, or equal errors.
func FuzzScannerEqualsStdlib(f *testing.F) {
	for _, p := range []string{
		typical, `[` + typical + `]`, `{}`, `[]`, ``, `null`, `{"p":1,"p":2}`, `{"p":1e999}`, `{"p":NaN}`,
		`{"vib":{"rms":1},"vib.rms":2,"device":"a"}`, `{"vib":{"rms":1},"vib":3,"device":"a","ts":1}`,
		`{"device":"\ud800","p":1}`, "{\"device\":\"\xff\",\"p\":1}", `{"device":7,"p":-0,"ts":1.5e12}`,
		`{"device":"a","p":01}`, `{"device":"a","p":1.}`, `{"device":"a","p":"0x10"}`, `{"device":"a","x":[1,{"p":[]}],"p":1}`,
		`{"device":"a","p":1,"x":"\u12"}`, "{\"device\":\"a\",\"p\":1,\"x\":\"\t\"}", `{"device":"a","p":1}}`, `{"device":"a","\u0070":1}`,
	} {
		f.Add([]byte(p))
	}
	// Both live across inputs, so that what the scanner remembers is put to the
	// test too.
	fast, slow := New(pumps()), New(pumps())
	slow.find.slowOnly = true
	f.Fuzz(func(t *testing.T, payload []byte) {
		m := &ingest.Message{Payload: payload, Stored: 42e9}
		before := string(payload)
		got, gotErr := fast.Decode(nil, m)
		want, wantErr := slow.Decode(nil, m)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("samples (-stdlib +scanner):\n%s", d)
		}
		if d := cmp.Diff(fmt.Sprint(wantErr), fmt.Sprint(gotErr)); d != "" {
			t.Errorf("error (-stdlib +scanner):\n%s", d)
		}
		var bad *ingest.MalformedError
		if gotErr != nil && !errors.As(gotErr, &bad) {
			t.Errorf("error %v is %T, want a MalformedError", gotErr, gotErr)
		}
		if string(payload) != before {
			t.Error("the payload was changed")
		}
	})
}

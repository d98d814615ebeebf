package sink

import (
	"bytes"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// agree checks that both readers of records read the same, where the fast one
// reads at all.
func agree(t rapid.TB, b []byte) (own bool) {
	t.Helper()
	got, ok := parseOwn(b)
	if !ok {
		return false
	}
	want, err := parseAny(b)
	if err != nil {
		t.Fatalf("%q: read, and encoding/json says %v", b, err)
	}
	if d := cmp.Diff(want, got, cmpopts.EquateNaNs()); d != "" {
		t.Fatalf("%q: -encoding/json +own\n%s", b, d)
	}
	return true
}

// TestParseOwn reads what AppendRecord writes, unless it holds escapes, as
// encoding/json does, and damaged records in no other way.
func TestParseOwn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := AppendRecord(nil, anyRecord.Draw(t, "record"))
		if own, plain := agree(t, b), !bytes.Contains(b, []byte(`\`)); own != plain {
			t.Fatalf("read %v: %s", own, b)
		}
		at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		changed := bytes.Clone(b)
		changed[at] = rapid.SampledFrom([]byte(`0-+.e"\{}[],:nl `+"\x80\x00")).Draw(t, "byte")
		agree(t, changed)
		agree(t, b[:at])
		agree(t, append(b, changed[at]))
	})
	r := sample()
	if !agree(t, AppendRecord(nil, r)) {
		t.Error("an ordinary record is not read")
	}
	r.Values[0].Raw = math.SmallestNonzeroFloat64
	agree(t, AppendRecord(nil, r))
	for _, ts := range []int64{math.MinInt64, math.MaxInt64} {
		r.Time = ts
		if back, err := ParseRecord(AppendRecord(nil, r)); err != nil || back.Time != ts {
			t.Errorf("a record of %d ns: %v, %v", ts, back, err)
		}
	}
}

func BenchmarkParseRecord(b *testing.B) {
	text := AppendRecord(nil, sample())
	b.SetBytes(int64(len(text)))
	for name, parse := range map[string]func([]byte) (*Record, error){"how=own": ParseRecord, "how=json": parseAny} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := parse(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

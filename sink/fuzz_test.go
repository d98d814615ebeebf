package sink

import (
	"bytes"
	"testing"

	"github.com/quell-stream/quell/internal/fuzztest"
)

// FuzzParseRecord: a record that is read is written and read as the same.
func FuzzParseRecord(f *testing.F) {
	f.Add(AppendRecord(nil, sample()))
	f.Add([]byte(`{"v":1,"type":"record","ts":"2026-11-23T12:00:00Z","channels":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		agree(t, b)
		fuzztest.Bounded(t, len(b), 1000, 1<<20, func() {
			r, err := ParseRecord(b)
			if err != nil {
				return
			}
			once := AppendRecord(nil, r)
			if r, err = ParseRecord(once); err != nil {
				t.Fatalf("what was read can't be written and read: %v", err)
			}
			if twice := AppendRecord(nil, r); !bytes.Equal(once, twice) {
				t.Errorf("written as\n%s and then as\n%s", once, twice)
			}
		})
	})
}

// FuzzParseEvent: as FuzzParseRecord, and no event that is read has a sink fail.
func FuzzParseEvent(f *testing.F) {
	f.Add(AppendEvent(nil, &Event{ID: "x", Time: 1795435200123456789, Stream: "s", Series: "p", Epoch: 1, Kind: "drift.opened", Severity: "warning", Why: "é\n", Data: map[string]any{"a": 1.5}, Link: "https://h"}))
	f.Add([]byte(`{"v":1,"type":"event","ts":"2026-11-23T12:00:00Z","kind":"sink.down","data":{"sink":"clean","x":[null,{}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseEvent(b)
		if err != nil {
			return
		}
		e.Alert()
		once := AppendEvent(nil, e)
		if e, err = ParseEvent(once); err != nil {
			t.Fatalf("what was read can't be written and read: %v", err)
		}
		if twice := AppendEvent(nil, e); !bytes.Equal(once, twice) {
			t.Errorf("written as\n%s and then as\n%s", once, twice)
		}
	})
}

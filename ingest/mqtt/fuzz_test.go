package mqtt

import (
	"bytes"
	"testing"

	"github.com/quell-stream/quell/internal/seglog"
)

// FuzzRecord: what is taken for a record is one, byte for byte.
func FuzzRecord(f *testing.F) {
	for _, a := range []arrival{{id: 513, at: -5, flags: flagDup | flagQoS1, topic: "s/ä", payload: []byte("x\x00y")}, {}} {
		f.Add(uint8(kindMessage), append(append(appendHeader(nil, &a), a.topic...), a.payload...))
	}
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		e, err := parseRecord(seglog.Record{Kind: kind, Payload: b})
		if err != nil {
			return
		}
		a := arrival{flags: e.flags, id: e.id, at: e.at, topic: string(e.topic), payload: e.payload}
		again := append(append(appendHeader(nil, &a), a.topic...), a.payload...)
		copy(again[11:19], b[11:19]) // a message that was cut has been longer
		if !bytes.Equal(again, b) {
			t.Errorf("%x is written as %x", b, again)
		}
	})
}

package mqtt

import (
	"encoding/binary"
	"fmt"

	"github.com/quell-stream/quell/internal/seglog"
)

// The journal's records; docs/formats/seglog.md has the byte table.
const (
	kindMessage  = 1
	recordHeader = 21

	flagRetained = 1 << 0
	flagDup      = 1 << 1
	flagQoS1     = 1 << 2
	flagCut      = 1 << 3
)

// appendHeader appends what precedes topic and payload in a record. It states
// the length of the payload as it arrived, also if less of it is kept.
func appendHeader(dst []byte, a *arrival) []byte {
	dst = append(dst, a.flags)
	dst = binary.LittleEndian.AppendUint16(dst, a.id)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(a.at))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(a.payload)))
	return binary.LittleEndian.AppendUint16(dst, uint16(len(a.topic)))
}

// entry is a record taken apart. The slices alias it.
type entry struct {
	flags   uint8
	id      uint16
	at      int64
	length  int64
	topic   []byte
	payload []byte
}

func parseRecord(r seglog.Record) (entry, error) {
	b := r.Payload
	if r.Kind != kindMessage || len(b) < recordHeader {
		return entry{}, fmt.Errorf("mqtt: journal record %d has kind %d and %d bytes, which this program did not write", r.Index, r.Kind, len(b))
	}
	e := entry{
		flags:  b[0],
		id:     binary.LittleEndian.Uint16(b[1:]),
		at:     int64(binary.LittleEndian.Uint64(b[3:])),
		length: int64(binary.LittleEndian.Uint64(b[11:])),
	}
	n := int(binary.LittleEndian.Uint16(b[19:]))
	if n > len(b)-recordHeader {
		return entry{}, fmt.Errorf("mqtt: journal record %d holds a topic of %d bytes in %d", r.Index, n, len(b))
	}
	e.topic, e.payload = b[recordHeader:recordHeader+n], b[recordHeader+n:]
	return e, nil
}

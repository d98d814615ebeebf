package seglog

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// The layout; docs/formats/seglog.md has the byte tables. All numbers are
// little-endian.
const (
	magic         = "QSEGLOG\n"
	version       = 1
	segmentHeader = 40
	frameHeader   = 17

	flagSalvaged = 1 << 0 // rewritten from a damaged segment: records may be missing
)

// castagnoli is CRC-32C, which amd64 and arm64 compute in hardware.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// header is what stands at the start of a segment.
type header struct {
	first int64 // records of the segment have this index or later
	prev  int64 // index behind the last record before the segment, when it was begun
	flags uint32
}

func (h header) append(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, magic...)
	dst = binary.LittleEndian.AppendUint32(dst, version)
	dst = binary.LittleEndian.AppendUint32(dst, h.flags)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(h.first))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(h.prev))
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	return binary.LittleEndian.AppendUint32(dst, checksum(dst[start:]))
}

// parseHeader returns an error that says what is wrong. A version of the
// future is told apart, because it is no damage.
func parseHeader(b []byte) (header, error) {
	if len(b) < segmentHeader {
		return header{}, fmt.Errorf("segment header is cut short (%d bytes)", len(b))
	}
	b = b[:segmentHeader]
	if string(b[:8]) != magic {
		return header{}, fmt.Errorf("not a segment (it starts with %q)", b[:8])
	}
	if binary.LittleEndian.Uint32(b[36:]) != checksum(b[:36]) {
		return header{}, fmt.Errorf("segment header has a wrong checksum")
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != version {
		return header{}, &versionError{v}
	}
	return header{
		flags: binary.LittleEndian.Uint32(b[12:]),
		first: int64(binary.LittleEndian.Uint64(b[16:])),
		prev:  int64(binary.LittleEndian.Uint64(b[24:])),
	}, nil
}

type versionError struct{ version uint32 }

func (e *versionError) Error() string {
	return fmt.Sprintf("format version %d is not known to this program, which reads version %d", e.version, version)
}

// appendFrame appends one record: checksum, length, index, kind, payload. The
// checksum covers all that follows it, so a record in the wrong place or under
// the wrong index is as bad as a flipped bit.
func appendFrame(dst []byte, index int64, kind uint8, n int, parts [][]byte) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(n))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(index))
	dst = append(dst, kind)
	for _, p := range parts {
		dst = append(dst, p...)
	}
	binary.LittleEndian.PutUint32(dst[start:], checksum(dst[start+4:]))
	return dst
}

func frameLength(b []byte) int64 { return int64(binary.LittleEndian.Uint32(b[4:])) }
func frameIndex(b []byte) int64  { return int64(binary.LittleEndian.Uint64(b[8:])) }

// parseFrame returns the record at the start of b, or false if there is none.
func parseFrame(b []byte) (Record, int, bool) {
	if len(b) < frameHeader {
		return Record{}, 0, false
	}
	n := frameLength(b)
	if n > int64(len(b)-frameHeader) {
		return Record{}, 0, false
	}
	size := frameHeader + int(n)
	if binary.LittleEndian.Uint32(b) != checksum(b[4:size]) {
		return Record{}, 0, false
	}
	return Record{Index: frameIndex(b), Kind: b[16], Payload: b[frameHeader:size:size]}, size, true
}

// findFrame returns the offset of the first whole record in b whose index lies
// in lo..hi-1. Offset 0 is included.
func findFrame(b []byte, lo, hi int64) (int, bool) {
	for p := 0; p+frameHeader <= len(b); p++ {
		// The index filters out nearly everything before a checksum is computed.
		if i := frameIndex(b[p:]); i < lo || i >= hi {
			continue
		}
		if _, _, ok := parseFrame(b[p:]); ok {
			return p, true
		}
	}
	return 0, false
}

const segmentSuffix = ".seg"

// segmentName is sortable as text.
func segmentName(first int64) string { return fmt.Sprintf("%020d%s", first, segmentSuffix) }

// IsSegment says whether a file is by its name a segment of a log.
func IsSegment(name string) bool {
	_, ok := parseName(name)
	return ok
}

func parseName(name string) (first int64, ok bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	first, err := strconv.ParseInt(digits, 10, 64)
	return first, err == nil && first >= 0
}

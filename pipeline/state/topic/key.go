package topic

import (
	"errors"
	"fmt"

	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/pipeline/state"
)

// keyVersion is the first byte of a key, valueVersion that of a value.
const (
	keyVersion   = 1
	valueVersion = 1
)

// kind says what a key stands for.
type kind uint8

const (
	claim  kind = 1 + iota // somebody takes the partition over
	head                   // how far the partition has been applied
	series                 // the state of one series
	choice                 // a switch that was decided between two checkpoints
	weight                 // a model, by name
	kinds
)

// key is the key of a record. A field that a kind has no use for is zero.
type key struct {
	kind       kind
	partition  int32
	topic      string // of the source, that the series is of
	name       string // of a series or model
	generation int64  // one more than the offset of its claim
	number     uint64 // of a switch; of a claim, which it tells from others
	piece      uint64 // 0: the value; else 1 + twice the number of a piece of it + its slot
}

func (k *key) append(dst []byte) []byte {
	dst = wire.U8(wire.U8(dst, keyVersion), uint8(k.kind))
	dst = wire.I64(dst, int64(k.partition))
	dst = wire.String(wire.String(dst, k.topic), k.name)
	return wire.U64(wire.U64(wire.I64(dst, k.generation), k.number), k.piece)
}

func readKey(src []byte) (k key, err error) {
	r := wire.NewReader(src)
	if v := r.U8(); r.Err() == nil && v != keyVersion {
		return k, versionError("key", v, keyVersion)
	}
	k.kind = kind(r.U8())
	partition := r.I64()
	k.partition = int32(partition)
	k.topic, k.name = r.String(), r.String()
	k.generation, k.number, k.piece = r.I64(), r.U64(), r.U64()
	switch {
	case r.Err() != nil || len(r.Rest()) != 0:
		return k, fmt.Errorf("%w: a key of %d bytes", errFormat, len(src))
	case k.kind == 0 || k.kind >= kinds:
		return k, fmt.Errorf("%w: a key of kind %d: it was written by a newer version", errFormat, k.kind)
	case int64(k.partition) != partition || k.generation < 0:
		return k, fmt.Errorf("%w: a key of partition %d and generation %d", errFormat, partition, k.generation)
	}
	return k, nil
}

// versionError refuses what another version wrote.
func versionError(what string, got, read uint8) error {
	if got > read {
		return fmt.Errorf("%w: a %s of version %d, and this program reads up to %d: it was written by a newer one, which all replicas have to be", errFormat, what, got, read)
	}
	return fmt.Errorf("%w: a %s of version %d", errFormat, what, got)
}

// place is an offset of a topic.
type place struct {
	topic  string
	offset int64
}

// headValue is the value of a head.
type headValue struct {
	group      string // that its owner was of
	partitions int    // that the source had
	parts      []headPart
}

type headPart struct {
	topic string
	next  int64 // first offset that the states do not reflect
	meta  []byte
}

func (h *headValue) append(dst []byte) []byte {
	dst = wire.String(wire.U8(dst, valueVersion), h.group)
	dst = wire.U64(wire.I64(dst, int64(h.partitions)), uint64(len(h.parts)))
	for _, p := range h.parts {
		dst = wire.Bytes(wire.I64(wire.String(dst, p.topic), p.next), p.meta)
	}
	return dst
}

func readHead(src []byte) (h headValue, err error) {
	r := wire.NewReader(src)
	if v := r.U8(); r.Err() == nil && v != valueVersion {
		return h, versionError("head", v, valueVersion)
	}
	h.group, h.partitions = r.String(), r.Int()
	for range r.Len(24) {
		p := headPart{topic: r.String(), next: r.I64(), meta: r.Bytes()}
		if r.Err() == nil && p.next < 0 {
			r.Fail(errors.New("an offset below 0"))
		}
		h.parts = append(h.parts, p)
	}
	if r.Err() != nil || len(r.Rest()) != 0 {
		return h, fmt.Errorf("%w: a head of %d bytes", errFormat, len(src))
	}
	return h, nil
}

// seriesValue is the value of a series, of which blob is the state.
type seriesValue struct {
	applied []place // the last offset of each topic that it reflects
	decided uint64  // number of the latest switch that it holds
	gone    bool    // the series was forgotten
	blob    blob
}

func (v *seriesValue) append(dst []byte) []byte {
	dst = wire.U64(wire.U8(dst, valueVersion), uint64(len(v.applied)))
	for _, p := range v.applied {
		dst = wire.I64(wire.String(dst, p.topic), p.offset)
	}
	dst = wire.Bool(wire.U64(dst, v.decided), v.gone)
	return v.blob.append(dst)
}

func readSeries(src []byte) (v seriesValue, err error) {
	r := wire.NewReader(src)
	if ver := r.U8(); r.Err() == nil && ver != valueVersion {
		return v, versionError("series", ver, valueVersion)
	}
	for range r.Len(16) {
		v.applied = append(v.applied, place{r.String(), r.I64()})
	}
	v.decided, v.gone = r.U64(), r.Bool()
	v.blob.read(r)
	if r.Err() != nil || len(r.Rest()) != 0 {
		return v, fmt.Errorf("%w: a series of %d bytes", errFormat, len(src))
	}
	return v, nil
}

// readBlob reads the value of a switch or of a model.
func readBlob(src []byte) (b blob, err error) {
	r := wire.NewReader(src)
	if v := r.U8(); r.Err() == nil && v != valueVersion {
		return b, versionError("value", v, valueVersion)
	}
	b.read(r)
	if r.Err() != nil || len(r.Rest()) != 0 {
		return b, fmt.Errorf("%w: a value of %d bytes", errFormat, len(src))
	}
	return b, nil
}

// refuse says that a log can't be used as it is.
func refuse(log Log, partition int32, err error) error {
	return fmt.Errorf("%w: state topic %s, partition %d: %w; name a topic of its own in state_topic, or delete it to start anew (with scope: shared %s.models too)", state.ErrRefused, log.Name(), partition, err, log.Name())
}

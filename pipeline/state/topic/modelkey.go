package topic

import (
	"errors"
	"fmt"

	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/pipeline/state"
)

// modelKind is the second byte of a key of the model topic: no state topic has it, so
// that one is told from the other.
const modelKind = 100

// modelKey is the key of a record of the model topic.
type modelKey struct {
	term      int64
	lookahead int
	number    uint64 // of the promotion, among those of the term
	piece     int    // of its model, from 1 on; 0: the promotion itself
}

// part is the key of piece i of a promotion's model.
func (k modelKey) part(i int) modelKey {
	k.piece = 1 + i
	return k
}

// before says that a promotion is older than another one, or pieces are of an older
// one.
func (k modelKey) before(o modelKey) bool {
	return k.term < o.term || k.term == o.term && k.number < o.number
}

func (k modelKey) append(dst []byte) []byte {
	dst = wire.U8(wire.U8(dst, keyVersion), modelKind)
	dst = wire.I64(wire.I64(dst, k.term), int64(k.lookahead))
	return wire.I64(wire.U64(dst, k.number), int64(k.piece))
}

func readModelKey(src []byte) (k modelKey, err error) {
	r := wire.NewReader(src)
	if v := r.U8(); r.Err() == nil && v != keyVersion {
		return k, versionError("key", v, keyVersion)
	}
	kind := r.U8()
	k.term, k.lookahead, k.number, k.piece = r.I64(), r.Int(), r.U64(), r.Int()
	switch {
	case r.Err() != nil || len(r.Rest()) != 0 || kind != modelKind:
		return k, fmt.Errorf("%w: a key of %d bytes", errFormat, len(src))
	case k.term < 0 || k.lookahead < 0 || k.piece < 0:
		return k, fmt.Errorf("%w: a key of term %d and look-ahead %d", errFormat, k.term, k.lookahead)
	}
	return k, nil
}

// promoted is the value of a promotion, of which blob is the model.
type promoted struct {
	group string
	state.Promotion
	blob blob
}

func (v *promoted) append(dst []byte) []byte {
	dst = wire.String(wire.U8(dst, valueVersion), v.group)
	dst = wire.String(wire.String(wire.String(dst, v.Name), v.Kind), v.Why)
	return v.blob.append(wire.Bool(dst, v.Rebase))
}

func readPromoted(src []byte) (v promoted, err error) {
	r := wire.NewReader(src)
	if ver := r.U8(); r.Err() == nil && ver != valueVersion {
		return v, versionError("promotion", ver, valueVersion)
	}
	v.group, v.Name, v.Kind, v.Why, v.Rebase = r.String(), r.String(), r.String(), r.String(), r.Bool()
	v.blob.read(r)
	if v.Name == "" {
		r.Fail(errors.New("a model without a name"))
	}
	if r.Err() != nil || len(r.Rest()) != 0 {
		return v, fmt.Errorf("%w: a promotion of %d bytes", errFormat, len(src))
	}
	return v, nil
}

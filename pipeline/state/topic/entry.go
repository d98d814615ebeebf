package topic

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/pipeline/state"
)

// entry adds the state of a series, behind the models that it names.
func (b *batch) entry(j *job, e *state.Entry) error {
	for _, name := range e.Models {
		if err := b.model(name, j.model); err != nil {
			return err
		}
	}
	i := id{e.Part, e.Series}
	k := key{kind: series, topic: e.Part, name: e.Series}
	v := seriesValue{decided: j.decided, gone: e.State == nil, applied: b.t.applied(i, j.parts)}
	if !v.gone {
		var err error
		if v.blob, err = b.t.pack.pack(e.State); err != nil {
			return fmt.Errorf("state: series %q: %w", e.Series, err)
		}
	}
	b.pieces(k, &v.blob)
	b.add(k, v.append(nil))
	return b.err
}

// model adds a model that this generation has not told of yet.
func (b *batch) model(name string, bytes func(string) ([]byte, error)) error {
	if name == "" || b.t.models[name] {
		return nil
	}
	if bytes == nil {
		return fmt.Errorf("state: model %s is not at hand", name)
	}
	raw, err := bytes(name)
	if err != nil {
		return fmt.Errorf("state: model %s: %w", name, err)
	}
	v, err := b.t.pack.pack(raw)
	if err != nil {
		return fmt.Errorf("state: model %s: %w", name, err)
	}
	k := key{kind: weight, name: name}
	b.pieces(k, &v)
	b.add(k, v.append(wire.U8(nil, valueVersion)))
	b.t.models[name] = true
	return b.err
}

// pieces adds the pieces of what does not fit into one record, in the slot that the
// value of before does not use.
func (b *batch) pieces(k key, v *blob) {
	most := b.s.log.Limit()/2 - 2*overhead - len(k.topic) - len(k.name) - len(k.append(nil))
	most = max(most, 64)
	if len(v.data) <= most {
		return
	}
	slot, had := b.t.slots[k]
	if had {
		slot = 1 - slot
	}
	b.t.slots[k] = slot
	for i, p := range v.cut(most, slot) {
		b.add(pieceKey(k, uint64(i), slot), p)
	}
}

// parsePart takes the name of a partition apart.
func parsePart(part string) (topic string, number int32, err error) {
	i := strings.LastIndexByte(part, '/')
	n, err := strconv.ParseInt(part[i+1:], 10, 32)
	if i < 0 || err != nil {
		return "", 0, fmt.Errorf("state: %q is no partition of a topic", part)
	}
	return part[:i], int32(n), nil
}

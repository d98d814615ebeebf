package topic

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/quell-stream/quell/pipeline/state"
)

// Models implements state.Models on a Log of one partition. A promotion stands under
// its look-ahead, term and number, behind the pieces of its model where that does not fit
// into a record: what a process of an earlier term still writes replaces nothing, nor
// what arrives late. With a promotion those before it of its look-ahead are removed.
//
// It holds in memory what the compacted log holds: one or two models of a look-ahead.
type Models struct {
	log   Log
	group string
	ready bool // the log was prepared
	next  int64
	live  map[modelKey]modelRecord
	told  map[int]modelKey // the promotion that News has told, by look-ahead
	last  uint64           // number of the latest one of this process
	pack  packer
}

// modelRecord is the newest record of a key.
type modelRecord struct {
	at    int64
	value []byte
}

var _ state.Models = (*Models)(nil)

// NewModels returns models on a log, which Close closes. group names those that share
// the series: what another one has written is refused.
func NewModels(log Log, group string) *Models {
	return &Models{log: log, group: group, live: map[modelKey]modelRecord{}, told: map[int]modelKey{}}
}

// Close implements state.Models. It may be called at any time.
func (m *Models) Close() error {
	m.log.Close()
	return nil
}

func (m *Models) prepare(ctx context.Context) error {
	if m.ready {
		return nil
	}
	_, err := m.log.Prepare(ctx)
	m.ready = err == nil
	return err
}

// Announce implements state.Models.
func (m *Models) Announce(ctx context.Context, p state.Promotion) error {
	if err := m.prepare(ctx); err != nil {
		return err
	}
	b, err := m.pack.pack(p.Model)
	if err != nil {
		return fmt.Errorf("%w: model %s: %w", state.ErrRefused, p.Name, err)
	}
	m.last++
	k := modelKey{term: p.Term, lookahead: p.Lookahead, number: m.last}
	var recs []Record
	if most := m.log.Limit() - len(p.Name) - len(p.Kind) - len(p.Why) - len(m.group) - 2*overhead; len(b.data) > most {
		for i, data := range b.cut(max(most, 64), 0) {
			recs = append(recs, Record{Key: k.part(i).append(nil), Value: data})
		}
	}
	v := promoted{group: m.group, Promotion: p, blob: b}
	recs = append(recs, Record{Key: k.append(nil), Value: v.append(nil)})
	for _, o := range slices.SortedFunc(maps.Keys(m.live), func(a, b modelKey) int { return cmp.Compare(a.piece, b.piece) }) { // promotions before pieces
		if o.lookahead == p.Lookahead && o.before(k) {
			recs = append(recs, Record{Key: o.append(nil)})
		}
	}
	for _, r := range recs { // each by itself: more than one may not fit
		if _, err := m.log.Append(ctx, 0, []Record{r}); err != nil {
			return err
		}
	}
	return nil
}

// News implements state.Models.
func (m *Models) News(ctx context.Context) ([]state.Promotion, error) {
	if err := m.prepare(ctx); err != nil {
		return nil, err
	}
	for { // what a compaction removes meanwhile stands, newer, further on
		from := m.next
		next, err := m.log.Read(ctx, 0, from, -1, m.read)
		if err != nil {
			return nil, m.refuse(err)
		}
		if m.next = max(m.next, next); m.next == from {
			break
		}
	}
	newest := map[int]modelKey{}
	for k := range m.live {
		if had, ok := newest[k.lookahead]; k.piece == 0 && (!ok || had.before(k)) {
			newest[k.lookahead] = k
		}
	}
	u := new(unpacker)
	defer u.close()
	var out []state.Promotion
	for _, k := range slices.SortedFunc(maps.Values(newest), func(a, b modelKey) int { return cmp.Compare(m.live[a].at, m.live[b].at) }) {
		if had, ok := m.told[k.lookahead]; ok && !had.before(k) {
			continue
		}
		p, err := m.open(u, k)
		if err != nil {
			return nil, m.refuse(err)
		}
		out, m.told[k.lookahead] = append(out, p), k
	}
	return out, nil
}

// read takes a record in.
func (m *Models) read(r Record) error {
	k, err := readModelKey(r.Key)
	if err != nil {
		return fmt.Errorf("at offset %d: %w", r.Offset, err)
	}
	m.next = r.Offset + 1
	if r.Value == nil {
		delete(m.live, k)
		return nil
	}
	m.live[k] = modelRecord{r.Offset, slices.Clone(r.Value)}
	return nil
}

// open returns a promotion with the bytes of its model.
func (m *Models) open(u *unpacker, k modelKey) (state.Promotion, error) {
	v, err := readPromoted(m.live[k].value)
	if err != nil {
		return v.Promotion, err
	}
	if v.group != m.group {
		return v.Promotion, fmt.Errorf("%w: it holds models of group %s, and this is %s", errFormat, v.group, m.group)
	}
	v.Term, v.Lookahead = k.term, k.lookahead
	v.Model, err = v.blob.open(u, func(i uint64) []byte { return m.live[k.part(int(i))].value })
	if err != nil {
		return v.Promotion, fmt.Errorf("%w: model %s: %w", errFormat, v.Name, err)
	}
	return v.Promotion, nil
}

func (m *Models) refuse(err error) error {
	if errors.Is(err, errFormat) {
		return fmt.Errorf("%w: model topic %s: %w; delete it to have the series served by what they have", state.ErrRefused, m.log.Name(), err)
	}
	return err
}

package topic_test

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/quell-stream/quell/pipeline/state/topic"
)

// mistake is a protocol that is not the one of the package.
type mistake struct {
	name string
	wrap func(topic.Log) topic.Log // between store and log
	seed uint64                    // where drawing runs begins: rare ones are known to be near
	// What the process does wrongly.
	trust     bool // resumes at the committed offset
	noSkip    bool // applies what a state holds already
	noConfirm bool // goes on without asking the group
	onlyNew   bool // writes in its first checkpoint what has changed, as in any other
	late      bool // has the first checkpoint wait until there is something to tell
	revive    bool // tries again after a write that was lost from sight
	hasty     bool // serves by a switch that may not be in the log
	taken     func(*proc)
}

var none mistake

var mistakes = []mistake{
	{name: "the committed offset is trusted", trust: true},
	{name: "what a state holds is applied again", noSkip: true},
	{name: "a state that is ahead is told to be at the head", taken: func(p *proc) { p.store.ForgetAhead() }},
	{name: "inherited states are not rewritten", onlyNew: true, taken: func(p *proc) { p.store.ForgetInherited() }},
	{name: "work begins before the first head", late: true, seed: 22_000},
	{name: "a generation goes on after a lost write", revive: true},
	{name: "a switch is obeyed that may not be durable", hasty: true},
	{name: "nobody asks whether the assignment holds", noConfirm: true},
	{name: "keys without the generation", wrap: func(l topic.Log) topic.Log {
		return &rewritten{Log: l, key: func(k []byte) []byte { return topic.WithGeneration(k, func(int64) int64 { return 0 }) }}
	}},
	{name: "claims share a key", seed: 22_600, wrap: func(l topic.Log) topic.Log { return &rewritten{Log: l, key: topic.OneClaim} }},
	{name: "the head before the states", wrap: func(l topic.Log) topic.Log { return &headFirst{Log: l} }},
	{name: "a generation counts before it has all states", wrap: func(l topic.Log) topic.Log { return &early{Log: l} }},
	{name: "pieces overwrite those that count", wrap: func(l topic.Log) topic.Log { return &rewritten{Log: l, key: topic.OneSlot} }},
	{name: "generations before are removed before the head", wrap: func(l topic.Log) topic.Log { return &eager{Log: l} }},
}

// rewritten changes keys on their way to the log.
type rewritten struct {
	topic.Log
	key func([]byte) []byte
}

func (l *rewritten) Append(ctx context.Context, n int32, recs []topic.Record) (int64, error) {
	recs = slices.Clone(recs)
	for i := range recs {
		if recs[i].Value != nil {
			recs[i].Key = l.key(recs[i].Key)
		}
	}
	return l.Log.Append(ctx, n, recs)
}

// headFirst writes the head of a batch by itself, before the rest.
type headFirst struct{ topic.Log }

func (l *headFirst) Append(ctx context.Context, n int32, recs []topic.Record) (int64, error) {
	i := slices.IndexFunc(recs, func(r topic.Record) bool { return topic.Kind(r.Key) == topic.Head && r.Value != nil })
	if i <= 0 {
		return l.Log.Append(ctx, n, recs)
	}
	base, err := l.Log.Append(ctx, n, recs[i:i+1])
	if err == nil {
		_, err = l.Log.Append(ctx, n, recs[:i])
	}
	return base, err
}

// early writes the first head of a generation twice, at first without the states.
type early struct {
	topic.Log
	told atomic.Bool
}

func (l *early) Append(ctx context.Context, n int32, recs []topic.Record) (int64, error) {
	i := slices.IndexFunc(recs, func(r topic.Record) bool { return topic.Kind(r.Key) == topic.Head && r.Value != nil })
	if topic.Kind(recs[0].Key) == topic.Claim {
		l.told.Store(false)
	}
	if i <= 0 || l.told.Swap(true) {
		return l.Log.Append(ctx, n, recs)
	}
	base, err := l.Log.Append(ctx, n, recs[i:i+1])
	if err == nil {
		_, err = l.Log.Append(ctx, n, recs)
	}
	return base, err
}

// eager removes what a tenure was taken from before anything of it is written.
type eager struct {
	topic.Log
	old []topic.Record
}

func (l *eager) Read(ctx context.Context, n int32, from, to int64, each func(topic.Record) error) (int64, error) {
	return l.Log.Read(ctx, n, from, to, func(r topic.Record) error {
		if r.Value != nil && topic.Kind(r.Key) != topic.Claim {
			l.old = append(l.old, topic.Record{Key: slices.Clone(r.Key)})
		}
		return each(r)
	})
}

func (l *eager) Append(ctx context.Context, n int32, recs []topic.Record) (int64, error) {
	if topic.Kind(recs[0].Key) == topic.Claim && recs[0].Value != nil {
		l.old = nil
	} else if old := l.old; len(old) > 0 {
		l.old = nil
		if _, err := l.Log.Append(ctx, n, old); err != nil {
			return 0, err
		}
	}
	return l.Log.Append(ctx, n, recs)
}

package adapt

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/state"
	"github.com/quell-stream/quell/pipeline/state/topic"
	"github.com/quell-stream/quell/pipeline/state/topic/memlog"
)

// mate is one of several processes that have series of a stream.
type mate struct {
	*Adapter
	r       *reader
	sensors []*sensor
}

// join returns an adapter on the log of a team, with a few series of its own that the
// engine serves by a model.
func join(t *testing.T, log *memlog.Log, name string, term int64, serving *model.Model) *mate {
	t.Helper()
	cfg := quick(nil)
	cfg.Shared, cfg.Dir, cfg.newsEvery = true, t.TempDir(), -1 // the test says when
	cfg.Models = topic.NewModels(&memlog.Client{Log: log, Partitions: 1, Max: 20_000}, "g")
	m := &mate{Adapter: open(t, cfg)}
	m.r = read(t, m.Adapter)
	m.Lead(term)
	for i := range 3 {
		m.add(fmt.Sprintf("%s-%d", name, i), uint64(i+1), serving)
	}
	m.hears(t)
	return m
}

func (m *mate) add(series string, seed uint64, serving *model.Model) {
	m.Serving(series, serving)
	s := newSensor(m.Adapter, series, seed)
	s.feed(300, slow, "normal")
	m.sensors = append(m.sensors, s)
}

// hears has what others said heard, and what follows from it done.
func (m *mate) hears(t *testing.T) {
	t.Helper()
	if err := m.hear(t.Context()); err != nil {
		t.Fatal(err)
	}
	quickly(t, m.Adapter, m.r)
}

// promotes has a model promoted as a verdict would.
func (m *mate) promotes(t *testing.T, from, to *model.Model) {
	t.Helper()
	promoteNow(m.Adapter, m.sensors[0].series, from, to)
	quickly(t, m.Adapter, m.r)
}

// serve is what the series are to be served by, as the adapter sees it.
func (m *mate) serve() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for _, t := range m.members(m.shared) {
		out = append(out, t.serving.Name())
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (m *mate) want(t *testing.T, who string, is *model.Model, switches int) {
	t.Helper()
	if got := m.serve(); len(got) != 1 || got[0] != is.Name() {
		t.Errorf("%s is served by %v, want %s", who, got, is.Name())
	}
	if sw := m.r.switched(); len(sw) != switches || switches > 0 && sw[len(sw)-1].Model.Name() != is.Name() {
		t.Errorf("%s: %d switches, want %d, the last one to %s", who, len(sw), switches, is.Name())
	}
}

// What the process that leads promotes, all others switch to, series that come later too.
func TestOthersSwitchToo(t *testing.T) {
	one, other := trained(t, "slow", 150, slow), trained(t, "pulses", 150, pulses)
	log := memlog.New()
	lead, follow := join(t, log, "a", 5, one), join(t, log, "b", 0, one)
	lead.promotes(t, one, other)
	lead.hears(t)
	lead.want(t, "who leads", other, 3)
	follow.hears(t)
	follow.want(t, "who does not", other, 3)
	sw := follow.r.switched()[0]
	if sw.Kind != "model.promoted" || sw.Why != "test" || !sw.Rebase {
		t.Errorf("%+v", sw)
	}
	follow.add("b-9", 9, one)
	quickly(t, follow.Adapter, follow.r)
	follow.want(t, "with a series that came later", other, 4)
	late := join(t, log, "c", 0, one)
	late.want(t, "who joins later", other, 3)
	if _, err := follow.Rollback("b-0"); err == nil || !strings.Contains(err.Error(), "partition 0") {
		t.Errorf("a rollback by hand where another process leads: %v", err)
	}
	if _, err := lead.Rollback("a-0"); err != nil {
		t.Error(err)
	}
	quickly(t, lead.Adapter, lead.r)
	for _, m := range []*mate{follow, late} {
		m.hears(t)
		m.want(t, "after a rollback", one, len(m.sensors)*2)
	}
	if kind := late.r.switched()[3].Kind; kind != "model.rolled_back" {
		t.Error(kind)
	}
}

// A series that moves here with the model that all have is not switched to it once more, and
// one that begins here ends no probation.
func TestSeriesThatComes(t *testing.T) {
	one, other := trained(t, "slow", 150, slow), trained(t, "pulses", 150, pulses)
	lead := join(t, memlog.New(), "a", 5, one)
	lead.promotes(t, one, other)
	lead.mu.Lock()
	trial := lead.shared.trial
	lead.mu.Unlock()
	if trial == nil {
		t.Fatal("there is no probation")
	}
	had := len(lead.r.switched())
	lead.Serving("moved", one) // the engine begins with what is configured
	lead.add("moved", 8, other)
	quickly(t, lead.Adapter, lead.r)
	lead.want(t, "with a series that moved", other, had)
	lead.add("begun", 9, one)
	quickly(t, lead.Adapter, lead.r)
	lead.want(t, "with a series that begins", other, had+1)
	lead.mu.Lock()
	defer lead.mu.Unlock()
	if lead.shared.trial != trial || slices.Contains(lead.shared.versions[1:], one) {
		t.Error("a series that begins has ended the probation, or counts as what served before")
	}
}

// Who led and has heard of the next one switches nothing any more; a follower that was
// killed before it switched does so after the restart.
func TestHeardAndKilled(t *testing.T) {
	one, other, third := trained(t, "slow", 150, slow), trained(t, "pulses", 150, pulses), trained(t, "both", 60, slow, pulses)
	log := memlog.New()
	old, now := join(t, log, "a", 5, one), join(t, log, "b", 0, one)
	old.promotes(t, one, other)
	now.hears(t)
	now.Lead(9)
	now.hears(t)
	old.hears(t) // while its worker is held up
	old.promotes(t, other, third)
	old.want(t, "who led", other, 3)
	if e := old.r.event("finetune.rejected"); e == nil || !strings.Contains(e.Why, "replica") {
		t.Errorf("a promotion that was withdrawn: %v", e)
	}
	old.mu.Lock()
	if old.shared.find(third.Name()) != nil && old.shared.bank.find(third.Name()) != nil {
		t.Error("the bank has what was withdrawn")
	}
	old.mu.Unlock()

	cfg := quick(nil)
	cfg.Shared, cfg.Dir, cfg.newsEvery = true, t.TempDir(), -1 // the test says when
	begin := func() *mate {
		cfg.Models = topic.NewModels(&memlog.Client{Log: log, Partitions: 1}, "g")
		m := &mate{Adapter: open(t, cfg)}
		m.r = read(t, m.Adapter)
		return m
	}
	m := begin()
	m.add("c", 1, one)
	m.hears(t) // it is saved with the switch, which the engine never makes
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	m = begin()
	m.Serving("c", one)
	s := newSensor(m.Adapter, "c", 1)
	s.feed(300+settleSlots+10, slow, "normal")
	m.hears(t)
	m.want(t, "after the restart", other, 1)
}

// Who does not lead trains nothing, until it does.
func TestWhoLeadsTrains(t *testing.T) {
	m := join(t, memlog.New(), "a", 0, identity(t))
	for _, s := range m.sensors {
		drifted(s, 20, "regime")
	}
	quickly(t, m.Adapter, m.r)
	if kinds := m.r.kinds(); len(kinds) > 0 {
		t.Errorf("without a term: %v", kinds)
	}
	m.Lead(7)
	for _, s := range m.sensors {
		s.feed(6*256, pulses, "regime")
	}
	m.r.wait(t, "finetune.started")
}

// A process that led before and does not know that it does no more misleads nobody.
func TestEarlierTermsCountNoMore(t *testing.T) {
	one, other, third := trained(t, "slow", 150, slow), trained(t, "pulses", 150, pulses), trained(t, "both", 60, slow, pulses)
	log := memlog.New()
	old, now := join(t, log, "a", 5, one), join(t, log, "b", 0, one)
	old.promotes(t, one, other)
	now.hears(t)
	now.Lead(9)
	now.hears(t) // and says again what holds
	old.promotes(t, other, third)
	old.want(t, "who led", third, 6)
	now.hears(t)
	now.want(t, "who leads", other, 3)
	late := join(t, log, "c", 0, one)
	late.want(t, "who joins", other, 3)
	old.Lead(0)
	old.hears(t)
	old.want(t, "who led, once it knows", other, 9)
	now.promotes(t, other, third)
	for c := int64(0); c < 2; c++ {
		log.Compact(0, log.End(0), c == 1)
		join(t, log, fmt.Sprint("d", c), 0, one).want(t, "who joins last", third, 3)
	}
}

// refusing is a team that can't be told anything.
type refusing struct{}

func (refusing) Announce(context.Context, state.Promotion) error {
	return fmt.Errorf("%w: no right", state.ErrRefused)
}
func (refusing) News(context.Context) ([]state.Promotion, error) { return nil, nil }
func (refusing) Close() error                                    { return nil }

// A promotion that the others can't be told of is none.
func TestUntoldPromotionIsNone(t *testing.T) {
	one, other := trained(t, "slow", 150, slow), trained(t, "pulses", 150, pulses)
	cfg := quick(nil)
	cfg.Shared, cfg.Models = true, refusing{}
	m := &mate{Adapter: open(t, cfg)}
	m.r = read(t, m.Adapter)
	m.Lead(1)
	m.add("x", 1, one)
	m.promotes(t, one, other)
	m.want(t, "after it was refused", one, 0)
	m.Lead(0)
	if _, err := m.Promote(other.Name(), ""); err == nil {
		t.Error("promoted by hand where another process leads")
	}
	if cfg.Shared = false; cfg.Defaults().Validate() == nil {
		t.Error("a model per series is told to others")
	}
}

var _ pipeline.Leader = (*Adapter)(nil)

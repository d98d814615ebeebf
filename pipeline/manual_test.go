package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// byHand is an adapter that knows one model.
type byHand struct {
	Adapter
	knows  string
	series []string
}

func (b *byHand) Promote(name, _ string) ([]string, error) {
	if name != b.knows {
		return nil, fmt.Errorf("%w: %s is not known, there is %s", ErrNoModel, name, b.knows)
	}
	return b.series, nil
}

func (b *byHand) RollBackModel(name, series string) ([]string, error) { return b.Promote(name, series) }

// TestSwitchByHand asks all streams, of which some know the model, some another
// one, and some adapt nothing.
func TestSwitchByHand(t *testing.T) {
	p := &Pipeline{workers: []*worker{
		{name: "fixed"},
		{name: "pumps", cfg: StreamConfig{Adapter: &byHand{knows: "a@1", series: []string{"1", "2"}}}},
		{name: "fans", cfg: StreamConfig{Adapter: &byHand{knows: "b@2", series: []string{"1"}}}},
	}}
	for name, want := range map[string][]string{"a@1": {"pumps/1", "pumps/2"}, "b@2": {"fans/1"}} {
		for _, do := range []func(string, Where) ([]string, error){p.Promote, p.RollBack} {
			if got, err := do(name, Where{}); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %v, %v", name, got, err)
			}
		}
	}
	_, err := p.Promote("c@3", Where{})
	if !errors.Is(err, ErrNoModel) || !strings.Contains(err.Error(), "a@1") || !strings.Contains(err.Error(), "b@2") {
		t.Errorf("a model that nobody knows: %v", err)
	}
	if got, err := p.Promote("a@1", Where{Stream: "fans"}); err == nil || strings.Contains(err.Error(), "pumps") {
		t.Errorf("another stream knows it: %v, %v", got, err)
	}
	if _, err := p.Promote("a@1", Where{Stream: "mills"}); !errors.Is(err, ErrUnknown) {
		t.Errorf("a stream that is not there: %v", err)
	}
	if _, err := p.Promote("a@1", Where{Stream: "fixed"}); !errors.Is(err, ErrNoModel) || !strings.Contains(err.Error(), "stream fixed does not adapt") {
		t.Errorf("a stream that does not adapt beside others that do: %v", err)
	}
	p.workers = p.workers[:1]
	if _, err := p.RollBack("a@1", Where{}); !errors.Is(err, ErrNoModel) || !strings.Contains(err.Error(), "adapt.mode") {
		t.Errorf("nobody adapts: %v", err)
	}
}

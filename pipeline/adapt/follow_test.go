package adapt

import (
	"testing"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/train"
)

// A drift is from where it seems to have begun, to a quarter of a window, but not from
// before the regime that there was, nor from long before the alarm.
func TestBegun(t *testing.T) {
	for _, c := range []struct {
		name               string
		base, index, onset int64
		mark, want         int64
	}{
		{"not known", 0, 5000, -1, 0, 5000},
		{"at the start of a window", 0, 5000, 4864, 0, 4864},
		{"a little later", 0, 5000, 4864 + 64, 0, 4864},
		{"in the middle of one", 0, 5000, 4864 + 65, 0, 4864 + 65},
		{"in a later context", 2560, 2440, 2304, 0, 4864},
		{"before the context", 4864, 136, -1, 0, 5000},
		{"long ago", 0, 5000, 10, 0, 5000 - mostBack},
		{"before the last regime began", 0, 5000, 4608, 4700, 4700},
		{"after the alarm", 0, 5000, 6000, 0, 5000},
	} {
		tr := &track{base: c.base, index: c.index, marks: []mark{{c.mark, 1}}}
		if got := tr.begun(c.onset, 256); got != c.want {
			t.Errorf("%s: from %d, want %d", c.name, got, c.want)
		}
	}
}

// Windows that came in between a change and its alarm are new, also where a jump was
// found first and nobody could name it.
func TestNewBeforeTheAlarm(t *testing.T) {
	for _, jump := range []bool{false, true} {
		a := open(t, quick(identity(t)))
		s := newSensor(a, "x", 1)
		s.feed(20*256, slow, "normal")
		s.feed(300, pulses, "normal")
		if jump {
			a.Opened("x", -1, unknown)
			s.feed(100, pulses, unknown)
		}
		s.feed(300, pulses, map[bool]string{false: "normal", true: unknown}[jump])
		a.Opened("x", 20*256+40, regime)
		s.feed(1, pulses, regime)
		a.mu.Lock()
		tr := a.tracks["x"]
		if d := &tr.drift; d.from != 20*256 || d.fresh != 2 || tr.regimeAt(20*256) != d.regime || tr.regimeAt(20*256-1) != 0 {
			t.Errorf("jump %v: %+v, marks %v", jump, *d, tr.marks)
		}
		a.mu.Unlock()
		a.Close()
	}
}

// After a promotion the next fine-tune waits for as many windows more as that had.
func TestNextStage(t *testing.T) {
	c := Config{}.Defaults()
	for _, k := range []struct {
		tries  int
		learnt bool
		want   int // windows
	}{{0, false, 4}, {1, false, 6}, {1, true, 12}, {2, false, 12}, {2, true, 12}, {3, true, 24}} {
		if got := c.stage(c.next(&drift{tries: k.tries, learnt: k.learnt})); got != k.want {
			t.Errorf("%+v: %d windows", k, got)
		}
	}
	if n := c.next(&drift{tries: len(stages), learnt: true}); n != len(stages) {
		t.Errorf("after the last there is number %d", n)
	}
}

// What is lost of a regime is measured by what it was left with, unless the champion
// has lost that already.
func TestLossIsMeasured(t *testing.T) {
	knows, not := trained(t, "pulses", 300, pulses), trained(t, "slow", 300, slow)
	mixed := func(share float64) *model.Model {
		m, err := train.Soup([]float64{1 - share, share}, knows, not)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	ws := windowsOf(t, pulses, 8, 256, 1)
	loss := func(champion, challenger *model.Model, by *model.Model) float64 {
		s := newShadow(champion, challenger, GateConfig{Knows: func(int) *model.Model { return by }})
		if err := s.remember(ws); err != nil {
			t.Fatal(err)
		}
		return s.verdict().OldDB
	}
	near, off := mixed(.01), mixed(.2)
	if a, b := loss(near, off, knows), loss(knows, off, nil); a != b {
		t.Errorf("%.3f dB by the champion that is near, %.3f by the model that knows", a, b)
	}
	if a, b := loss(not, off, knows), loss(not, off, nil); a != b {
		t.Errorf("%.3f dB where the champion has lost the regime, %.3f by the champion", a, b)
	}
}

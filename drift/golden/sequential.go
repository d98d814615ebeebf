package golden

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/quell-stream/quell/drift"
)

// sequential is a case of a detector that takes a value at a time, as its file
// holds it.
type sequential struct {
	Stream      string           `json:"stream"`
	X           []float64        `json:"x"` // in place of a stream
	Params      map[string]any   `json:"params"`
	Drift       []int            `json:"drift"`
	Warning     []int            `json:"warning_onset"`
	Checkpoints []map[string]any `json:"checkpoints"`

	detector, path string
}

// integers are variables that must be equal.
var integers = []string{"n", "width", "window_len", "n_errors", "n_one", "n_min", "n_max", "map_run_length"}

func (s *sequential) check() ([]string, error) {
	params, err := texts(s.Params)
	if err != nil {
		return nil, err
	}
	d, err := drift.New(s.detector, params)
	if err != nil {
		return nil, err
	}
	xs := s.X
	if xs == nil {
		if xs, err = readStream(s.path); err != nil {
			return nil, err
		}
	}
	r := replayed{s: s}
	last := drift.Stable
	for i, x := range xs {
		state := d.Update(x)
		if state == drift.Drift {
			r.alarms = append(r.alarms, i)
		}
		if state == drift.Warning && last != drift.Warning {
			r.onsets = append(r.onsets, i)
		}
		last = state
		if err := r.checkpoint(d, state, i); err != nil {
			return nil, err
		}
	}
	return r.conclude(), nil
}

// replayed is what came of a case, and what differs.
type replayed struct {
	s              *sequential
	alarms, onsets []int
	next           int // checkpoint
	bad            []string
}

func (r *replayed) differs(format string, args ...any) {
	r.bad = append(r.bad, fmt.Sprintf(format, args...))
}

// checkpoint compares the state after a sample, where the file has it.
func (r *replayed) checkpoint(d drift.Detector, state drift.State, sample int) error {
	if r.next == len(r.s.Checkpoints) {
		return nil
	}
	point := r.s.Checkpoints[r.next]
	if i, ok := point["i"].(float64); !ok {
		return fmt.Errorf("checkpoint %d is of no sample", r.next)
	} else if int(i) != sample {
		return nil
	}
	r.next++
	vars := make(map[string]float64)
	d.Vars(func(name string, v float64) { vars[name] = v })
	for name, want := range point {
		if name == "i" {
			continue
		}
		if name == "drift" {
			if is := state == drift.Drift; want != is {
				r.differs("sample %d: drift %v, want %v", sample, is, want)
			}
			continue
		}
		got, ok := vars[name]
		if !ok {
			return fmt.Errorf("there is no variable %q", name)
		}
		r.compare(sample, name, got, want)
	}
	return nil
}

// compare compares a variable; what is no number stands for one that is not
// finite.
func (r *replayed) compare(sample int, name string, got float64, want any) {
	w, finite := want.(float64)
	if !finite {
		if got-got == 0 {
			r.differs("sample %d: %s = %v, want a non-finite number", sample, name, got)
		}
		return
	}
	tol := tolerance(w)
	switch {
	case slices.Contains(integers, name):
		tol = 0
	case name == "variance" && strings.HasPrefix(r.s.Stream, "large_offset"):
		tol = 1e-6 * math.Abs(w) // the reference cancels
	}
	if !(math.Abs(got-w) <= tol) {
		r.differs("sample %d: %s = %.17g, want %.17g", sample, name, got, w)
	}
}

func (r *replayed) conclude() []string {
	if r.next != len(r.s.Checkpoints) {
		r.differs("%d of %d checkpoints seen", r.next, len(r.s.Checkpoints))
	}
	if r.s.X == nil && !slices.Equal(r.alarms, r.s.Drift) {
		r.differs("drifts at %v, want %v", r.alarms, r.s.Drift)
	}
	if len(r.s.Warning) > 0 && !slices.Equal(r.onsets, r.s.Warning) {
		r.differs("warnings from %v, want from %v", r.onsets, r.s.Warning)
	}
	return r.bad
}

// texts writes JSON values the way a command line would.
func texts(in map[string]any) (map[string]string, error) {
	out := make(map[string]string)
	for k, v := range in {
		switch v := v.(type) {
		case float64:
			if out[k] = strconv.FormatFloat(v, 'g', -1, 64); v == math.Trunc(v) {
				out[k] = strconv.FormatFloat(v, 'f', -1, 64)
			}
		case string:
			out[k] = v
		case bool:
			out[k] = strconv.FormatBool(v)
		default:
			return nil, fmt.Errorf("parameter %s is a %T", k, v)
		}
	}
	return out, nil
}

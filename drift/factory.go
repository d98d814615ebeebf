package drift

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// errForeign says that a snapshot was not written by this kind of detector.
var errForeign = errors.New("not a snapshot of this detector")

// Names returns the names that New knows, as River spells them.
func Names() []string { return []string{"ADWIN", "PageHinkley"} }

// String returns stable, warning or drift.
func (s State) String() string {
	switch s {
	case Warning:
		return "warning"
	case Drift:
		return "drift"
	default:
		return "stable"
	}
}

// New returns a detector by name with parameters by River's names; both are
// taken whatever their case, and a name with or without "-" and "_". What is
// not given has River's default. An error is one sentence that lists what is
// allowed.
func New(name string, params map[string]string) (Detector, error) {
	var set *setter
	switch fold(name) {
	case "adwin":
		c := DefaultADWIN()
		set = newSetter("ADWIN", params)
		set.float("delta", &c.Delta)
		set.int("clock", &c.Clock)
		set.int("max_buckets", &c.MaxBuckets)
		set.int("min_window_length", &c.MinWindowLength)
		set.int("grace_period", &c.GracePeriod)
		if err := set.finish(c.Validate); err != nil {
			return nil, err
		}
		return NewADWIN(c), nil
	case "pagehinkley":
		c := DefaultPageHinkley()
		set = newSetter("PageHinkley", params)
		set.int("min_instances", &c.MinInstances)
		set.float("delta", &c.Delta)
		set.float("threshold", &c.Threshold)
		set.float("alpha", &c.Alpha)
		if v, ok := set.take("mode"); ok {
			c.Mode = Mode(strings.ToLower(strings.TrimSpace(v)))
		}
		if err := set.finish(c.Validate); err != nil {
			return nil, err
		}
		return NewPageHinkley(c), nil
	}
	return nil, fmt.Errorf("there is no detector %q%s; allowed are %s", name, didYouMean(name, Names()), strings.Join(Names(), ", "))
}

func fold(name string) string {
	return strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(name))
}

// setter hands named parameters out and remembers what was asked for.
type setter struct {
	detector string
	left     map[string]string // lower-cased name → value
	known    []string
	errs     []error
}

func newSetter(detector string, params map[string]string) *setter {
	s := &setter{detector: detector, left: make(map[string]string, len(params))}
	keys := make([]string, 0, len(params))
	for k := range params {
		keys = append(keys, k)
	}
	slices.Sort(keys) // errors in a fixed order
	for _, k := range keys {
		low := strings.ToLower(strings.TrimSpace(k))
		if _, twice := s.left[low]; twice {
			s.errs = append(s.errs, fmt.Errorf("%s: parameter %q is given twice", detector, low))
		}
		s.left[low] = params[k]
	}
	return s
}

func (s *setter) take(name string) (string, bool) {
	s.known = append(s.known, name)
	v, ok := s.left[name]
	delete(s.left, name)
	return v, ok
}

func (s *setter) float(name string, dst *float64) {
	if v, ok := s.take(name); ok {
		f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		if err != nil {
			s.errs = append(s.errs, fmt.Errorf("%s: %s must be a number, got %q", s.detector, name, v))
			return
		}
		*dst = f
	}
}

func (s *setter) int(name string, dst *int) {
	if v, ok := s.take(name); ok {
		i, err := strconv.Atoi(strings.TrimSpace(v))
		if err != nil {
			s.errs = append(s.errs, fmt.Errorf("%s: %s must be a whole number, got %q", s.detector, name, v))
			return
		}
		*dst = i
	}
}

// finish reports the first mistake: an unreadable value, an unknown name, a
// value out of range.
func (s *setter) finish(validate func() error) error {
	if len(s.errs) > 0 {
		return s.errs[0]
	}
	unknown := make([]string, 0, len(s.left))
	for k := range s.left {
		unknown = append(unknown, k)
	}
	if len(unknown) > 0 {
		k := slices.Min(unknown)
		return fmt.Errorf("%s has no parameter %q%s; allowed are %s", s.detector, k, didYouMean(k, s.known), strings.Join(s.known, ", "))
	}
	if err := validate(); err != nil {
		return fmt.Errorf("%s: %w", s.detector, err)
	}
	return nil
}

// didYouMean returns a hint where one of the names is close, else nothing.
func didYouMean(given string, names []string) string {
	best, least := "", 4
	for _, n := range names {
		if d := distance(fold(given), fold(n)); d < least && d <= 1+len(n)/4 {
			best, least = n, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", best)
}

// distance returns the number of edits between a and b (Levenshtein 1966).
func distance(a, b string) int {
	prev := make([]int, len(b)+1)
	cur := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range len(a) {
		cur[0] = i + 1
		for j := range len(b) {
			swap := prev[j]
			if a[i] != b[j] {
				swap++
			}
			cur[j+1] = min(prev[j+1]+1, cur[j]+1, swap)
		}
		prev, cur = cur, prev
	}
	return prev[len(b)]
}

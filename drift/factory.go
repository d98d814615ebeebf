package drift

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// errForeign says that a snapshot was not written by this kind of detector.
var errForeign = errors.New("not a snapshot of this detector")

// entry is a detector that New knows.
type entry struct {
	name    string
	aliases []string
	maker
}

// maker builds a detector from given parameters and tells what there are.
type maker struct {
	build      func(name string, params map[string]string) (Detector, error)
	parameters func() []string
}

func entries() []entry {
	list := []entry{
		{"ADWIN", nil, from(DefaultADWIN(), NewADWIN)},
		{"PageHinkley", nil, from(DefaultPageHinkley(), NewPageHinkley)},
		{"PageHinkleyNoMin", nil, from(DefaultPageHinkleyNoMin(), NewPageHinkleyNoMin)},
		{"KSWIN", nil, from(DefaultKSWIN(), NewKSWIN)},
		{"CUSUM", nil, from(DefaultCUSUM(), NewCUSUM)},
		{"GMA", []string{"EWMA"}, from(DefaultGMA(), NewGMA)},
		{"ECDD_WT", []string{"ECDD"}, from(DefaultECDD(), NewECDD)},
		{"HDDM_A", nil, from(DefaultHDDMA(), NewHDDMA)},
		{"HDDM_W", nil, from(DefaultHDDMW(), NewHDDMW)},
		{"DDM", nil, from(DefaultDDM(), NewDDM)},
		{"EDDM", nil, from(DefaultEDDM(), NewEDDM)},
		{"FHDDM", nil, from(DefaultFHDDM(), NewFHDDM)},
		{"BOCD", nil, from(DefaultBOCD(), NewBOCD)},
		{"LocalLevel", nil, from(DefaultLocalLevel(), NewLocalLevel)},
	}
	for _, t := range windowTests() {
		list = append(list, entry{t.name, t.aliases, from(DefaultTwoWindow(t.name), NewTwoWindow)})
	}
	return list
}

// from returns what builds a detector from its defaults.
func from[C any, D Detector, P interface {
	*C
	params(s *setter)
	Validate() error
}](def C, build func(C) D) maker {
	return maker{
		build: func(name string, params map[string]string) (Detector, error) {
			c := def
			s := newSetter(name, params)
			P(&c).params(s)
			if err := s.finish(P(&c).Validate); err != nil {
				return nil, err
			}
			return build(c), nil
		},
		parameters: func() []string {
			c := def
			s := newSetter("", nil)
			P(&c).params(s)
			return s.defaults
		},
	}
}

// Names returns the names that New knows, as River and Frouros spell them.
func Names() []string {
	var names []string
	for _, e := range entries() {
		names = append(names, e.name)
	}
	return names
}

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

// New returns a detector by name with parameters by the names of River and
// Frouros; both are taken whatever their case, a detector's name with or
// without "-" and "_", a parameter's without an underscore at its end. What is
// not given has its default. An error is one sentence that lists what is
// allowed.
func New(name string, params map[string]string) (Detector, error) {
	e, err := find(name)
	if err != nil {
		return nil, err
	}
	return e.build(e.name, params)
}

// Parameters returns the parameters of a detector with their defaults, each as
// name=value, nil for an unknown name.
func Parameters(name string) []string {
	e, err := find(name)
	if err != nil {
		return nil
	}
	return e.parameters()
}

func find(name string) (entry, error) {
	folded := fold(name)
	same := func(other string) bool { return folded == fold(other) }
	for _, e := range entries() {
		if same(e.name) || slices.ContainsFunc(e.aliases, same) {
			return e, nil
		}
	}
	return entry{}, fmt.Errorf("there is no detector %q%s; allowed are %s", name, didYouMean(name, Names()), strings.Join(Names(), ", "))
}

// fold drops case and what joins words.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == ' ' {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

// setter hands named parameters out and remembers what was asked for.
type setter struct {
	detector string
	left     map[string]string // lower-cased name → value
	known    []string
	defaults []string // name=value
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
		low := strings.TrimSuffix(strings.ToLower(strings.TrimSpace(k)), "_")
		if _, twice := s.left[low]; twice {
			s.errs = append(s.errs, fmt.Errorf("%s: parameter %q is given twice", detector, low))
		}
		s.left[low] = params[k]
	}
	return s
}

func (s *setter) take(name string, def any) (string, bool) {
	s.known = append(s.known, name)
	s.defaults = append(s.defaults, fmt.Sprintf("%s=%v", name, def))
	v, ok := s.left[name]
	delete(s.left, name)
	return v, ok
}

func (s *setter) float(name string, dst *float64) {
	if v, ok := s.take(name, *dst); ok {
		f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		if err != nil {
			s.errs = append(s.errs, fmt.Errorf("%s: %s must be a number, got %q", s.detector, name, v))
			return
		}
		*dst = f
	}
}

// optional takes "none" for NaN.
func (s *setter) optional(name string, dst *float64) {
	given, ok := s.left[name]
	if ok && strings.EqualFold(strings.TrimSpace(given), "none") {
		s.left[name] = "NaN"
	}
	s.float(name, dst)
	if math.IsNaN(*dst) {
		s.defaults[len(s.defaults)-1] = name + "=none"
	}
}

func (s *setter) int(name string, dst *int) {
	if v, ok := s.take(name, *dst); ok {
		i, err := strconv.Atoi(strings.TrimSpace(v))
		if err != nil {
			s.errs = append(s.errs, fmt.Errorf("%s: %s must be a whole number, got %q", s.detector, name, v))
			return
		}
		*dst = i
	}
}

func (s *setter) bool(name string, dst *bool) {
	if v, ok := s.take(name, *dst); ok {
		b, err := strconv.ParseBool(strings.TrimSpace(v))
		if err != nil {
			s.errs = append(s.errs, fmt.Errorf("%s: %s must be true or false, got %q", s.detector, name, v))
			return
		}
		*dst = b
	}
}

// word takes one of a few words, whatever its case.
func (s *setter) word(name string, dst *string) {
	if v, ok := s.take(name, *dst); ok {
		*dst = strings.ToLower(strings.TrimSpace(v))
	}
}

func (s *setter) mode(name string, dst *Mode) { s.word(name, (*string)(dst)) }

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

package model

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/quell-stream/quell/model/nn"
)

// Condition lists what a net can be told of a recording as a whole, such as the
// type, unit or rate of its sensor: the condition of its film layers, key by key.
type Condition []Key

// Key is one thing that can be told: one of Values, of which each is an input that
// is 1 where it holds, or, without Values, a number.
type Key struct {
	Name   string   `json:"name" yaml:"name"` // such as type, unit or rate_hz
	Values []string `json:"values,omitempty" yaml:"values"`

	// The input of a number v is (v-Mean)/Dev, or (ln v - Mean)/Dev with Log.
	Mean float64 `json:"mean,omitempty" yaml:"mean"`
	Dev  float64 `json:"dev,omitempty" yaml:"dev"` // 0 for 1
	Log  bool    `json:"log,omitempty" yaml:"log"`
}

// Size returns the number of inputs.
func (c Condition) Size() int {
	n := 0
	for _, k := range c {
		n += max(1, len(k.Values))
	}
	return n
}

// Validate returns nil if the keys can be told apart and read, and else every
// mistake, joined by errors.Join.
func (c Condition) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("condition: "+format, args...))
	}
	for i, k := range c {
		if k.Name == "" || strings.ContainsAny(k.Name, "= \t\n") {
			bad("key %q: want a name without blanks and =", k.Name)
		}
		if slices.ContainsFunc(c[:i], func(o Key) bool { return o.Name == k.Name }) {
			bad("%s is given twice", k.Name)
		}
		for j, v := range k.Values {
			if v == "" || slices.Contains(k.Values[:j], v) {
				bad("%s: value %q is empty or given twice", k.Name, v)
			}
		}
		switch numbers := k.Mean != 0 || k.Dev != 0 || k.Log; {
		case len(k.Values) > 0 && numbers:
			bad("%s: mean, dev and log are for numbers, not for values", k.Name)
		case math.IsNaN(k.Mean) || math.IsInf(k.Mean, 0) || !(k.Dev >= 0) || math.IsInf(k.Dev, 0):
			bad("%s: mean %g and dev %g; want finite numbers, dev 0 or more", k.Name, k.Mean, k.Dev)
		}
	}
	return errors.Join(errs...)
}

// Vector returns the inputs for what is known of a recording, by key. What is not
// known is left at 0. The error names a key or a value that there is not, and says
// which there are.
func (c Condition) Vector(known map[string]string) ([]float32, error) {
	x := make([]float32, 0, c.Size())
	names := make([]string, 0, len(c))
	for _, k := range c {
		text, told := known[k.Name]
		names = append(names, k.Name)
		in, err := k.inputs(text, told)
		if err != nil {
			return nil, fmt.Errorf("condition %s: %w", k.Name, err)
		}
		x = append(x, in...)
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("condition %s: there is no such key; want %s", name, strings.Join(names, ", "))
		}
	}
	return x, nil
}

func (k *Key) inputs(text string, told bool) ([]float32, error) {
	x := make([]float32, max(1, len(k.Values)))
	if !told {
		return x, nil
	}
	if len(k.Values) > 0 {
		i := slices.Index(k.Values, text)
		if i < 0 {
			return nil, fmt.Errorf("there is no value %q; want %s", text, strings.Join(k.Values, ", "))
		}
		x[i] = 1
		return x, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, fmt.Errorf("%q is no number", text)
	}
	if k.Log {
		v = math.Log(v)
	}
	dev := k.Dev
	if dev == 0 {
		dev = 1
	}
	v = (v - k.Mean) / dev
	if math.IsNaN(v) || math.Abs(v) > math.MaxFloat32 {
		return nil, fmt.Errorf("%s is out of range", text)
	}
	x[0] = float32(v)
	return x, nil
}

func (c Condition) clone() Condition {
	c = slices.Clone(c)
	for i := range c {
		c[i].Values = slices.Clone(c[i].Values)
	}
	return c
}

// Conditioned returns the model for recordings of which so much is known, by the
// keys of Header.Condition: a model like any other, of a net without film layers.
// Keys that are left out are unknown. A model without a condition takes none, and
// is returned as it is. The error is that of Condition.Vector.
func (m *Model) Conditioned(known map[string]string) (*Model, error) {
	fail := func(err error) (*Model, error) { return nil, fmt.Errorf("model: %s: %w", m.name, err) }
	c := m.header.Condition
	if len(c) == 0 {
		if len(known) > 0 {
			return fail(errors.New("the net takes no condition"))
		}
		return m, nil
	}
	x, err := c.Vector(known)
	if err != nil {
		return fail(err)
	}
	net, err := m.net.Conditioned(x)
	if err != nil {
		return fail(err)
	}
	h := m.header.clone()
	h.Condition, h.Provenance.Parent, h.Provenance.Condition = nil, m.name, maps.Clone(known)
	return finish(h, net, nil)
}

// Conditions makes the models of one with a condition, each once, so that series of
// one condition share a net. The zero Conditions is not usable; it is not safe for
// concurrent use.
type Conditions struct {
	m  *Model
	by map[string]*Model // by the bytes of the condition
}

// NewConditions returns the models of m, which there are none of yet.
func NewConditions(m *Model) *Conditions { return &Conditions{m: m, by: map[string]*Model{}} }

// Of returns the model of Model.Conditioned, the same one for what gives the same
// condition.
func (c *Conditions) Of(known map[string]string) (*Model, error) {
	x, err := c.m.header.Condition.Vector(known)
	if err != nil {
		return nil, fmt.Errorf("model: %s: %w", c.m.name, err)
	}
	key := fmt.Sprint(x)
	if m := c.by[key]; m != nil {
		return m, nil
	}
	m, err := c.m.Conditioned(known)
	if err == nil {
		c.by[key] = m
	}
	return m, err
}

// foldNet returns a copy of a network with its batchnorm layers folded.
func foldNet(net *nn.Net) *nn.Net {
	if !net.Spec().Has(nn.BatchNorm) {
		return net.Clone()
	}
	folded, _ := net.Fold()
	return folded
}

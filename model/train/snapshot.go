package train

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"slices"
)

// Snapshot is a training run between two updates. It is immutable.
type Snapshot struct {
	s state
}

// state is what a Snapshot holds, with the exported fields that gob needs.
type state struct {
	Step, Adam   int
	Mean         float64
	Params, M, V [][]float32 // Params: all values
	Best         [][]float32
	Average      [][]float32 // without EMA none
	BestLoss     float64
	BestAt, Bad  int
}

// MarshalBinary returns the snapshot's bytes.
func (s *Snapshot) MarshalBinary() ([]byte, error) {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(&s.s); err != nil {
		return nil, fmt.Errorf("train: snapshot: %w", err)
	}
	return b.Bytes(), nil
}

// UnmarshalBinary reads what MarshalBinary returned.
func (s *Snapshot) UnmarshalBinary(b []byte) error {
	var st state
	if err := gob.NewDecoder(bytes.NewReader(b)).Decode(&st); err != nil {
		return fmt.Errorf("train: snapshot: %w", err)
	}
	s.s = st
	return nil
}

// Step returns the number of updates made.
func (s *Snapshot) Step() int { return s.s.Step }

func cloneAll(x [][]float32) [][]float32 {
	x = slices.Clone(x)
	for i := range x {
		x[i] = slices.Clone(x[i])
	}
	return x
}

func (f *fitter) snapshot() *Snapshot {
	s := &Snapshot{state{Step: f.step, Adam: f.adam.t, Mean: f.mean,
		Params: cloneAll(f.values), M: cloneAll(f.adam.m), V: cloneAll(f.adam.v), Best: cloneAll(f.best),
		BestLoss: f.bestLoss, BestAt: f.bestAt, Bad: f.bad}}
	if f.average != nil {
		s.s.Average = cloneAll(f.average.sum)
	}
	return s
}

func (f *fitter) restore(s *Snapshot) error {
	st := &s.s
	for _, group := range [...]struct{ got, want [][]float32 }{
		{st.Params, f.values}, {st.Best, f.values}, {st.Average, f.values}, {st.M, f.params}, {st.V, f.params},
	} {
		if group.got == nil {
			continue
		}
		same := slices.EqualFunc(group.got, group.want, func(a, b []float32) bool { return len(a) == len(b) })
		if !same {
			return errors.New("train: the snapshot is of another network")
		}
	}
	if (st.Average != nil) != (f.average != nil) {
		return errors.New("train: the snapshot is of a run with another EMA")
	}
	if st.Params == nil || st.M == nil || st.V == nil || st.Step < 0 || st.Step > f.cfg.Steps {
		return errors.New("train: the snapshot is of another run")
	}
	for i, v := range f.values {
		copy(v, st.Params[i])
	}
	f.net.Pack()
	f.adam.m, f.adam.v, f.adam.t = cloneAll(st.M), cloneAll(st.V), st.Adam
	f.best = cloneAll(st.Best)
	if f.average != nil {
		f.average.sum = cloneAll(st.Average)
	}
	f.step, f.mean, f.bestLoss, f.bestAt, f.bad = st.Step, st.Mean, st.BestLoss, st.BestAt, st.Bad
	return nil
}

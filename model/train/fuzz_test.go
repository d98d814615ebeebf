package train

import (
	"bytes"
	"testing"
)

// FuzzSnapshot: a snapshot that is read is written as the same, and one of another
// network is refused before anything is made of it.
func FuzzSnapshot(f *testing.F) {
	var last *Snapshot
	if _, err := Fit(f.Context(), smallNet(f), halving{1}, FitConfig{Steps: 4, CheckpointEvery: 2, Checkpoint: func(s *Snapshot) error { last = s; return nil }}); err != nil {
		f.Fatal(err)
	}
	b, err := last.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Snapshot
		if err := s.UnmarshalBinary(b); err != nil {
			return
		}
		once, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var again Snapshot
		if err := again.UnmarshalBinary(once); err != nil {
			t.Fatal(err)
		}
		if twice, err := again.MarshalBinary(); err != nil || !bytes.Equal(once, twice) {
			t.Errorf("it is written as other bytes when it was read again, %v", err)
		}
		if s.Step() > 4 {
			return // of a longer run, which is refused
		}
		rep, err := Fit(t.Context(), smallNet(t), halving{1}, FitConfig{Steps: 4, Resume: &s})
		if err == nil && rep.Steps > 4 {
			t.Errorf("a run of 4 steps made %d", rep.Steps)
		}
	})
}

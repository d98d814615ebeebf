package sinktest

import (
	"context"
	"testing"
	"time"
)

func inOrder(_ *testing.T, r *rig) {
	s := r.open()
	for _, n := range []int{1, 50, 2, 100} {
		r.write(s, r.items(len(r.want)*2, n))
		r.check(false)
	}
}

func nothing(t *testing.T, r *rig) {
	s := r.open()
	if err := s.Write(t.Context(), nil); err != nil {
		t.Errorf("Write of no items: %v", err)
	}
	r.check(false)
}

// borrows overwrites the items' bytes as soon as Write returns, as a caller
// does that uses its buffers again.
func borrows(t *testing.T, r *rig) {
	s := r.open()
	mine := r.items(0, 20)
	if err := s.Write(t.Context(), mine); err != nil {
		t.Fatalf("Write: %v", err)
	}
	for _, it := range mine {
		for i := range it.JSON {
			it.JSON[i] = '#'
		}
	}
	r.want = r.items(0, 20)
	r.check(false)
}

func restart(_ *testing.T, r *rig) {
	for i := range 3 {
		s := r.open()
		r.write(s, r.items(i*10, 10))
		r.close(s)
	}
	r.check(false)
}

// again is what happens after a crash: the items since the last checkpoint are
// computed and written a second time.
func again(_ *testing.T, r *rig) {
	s := r.open()
	r.write(s, r.items(0, 10))
	r.close(s)
	s = r.open()
	r.write(s, r.items(5, 15))
	r.check(true)
}

func cancelled(t *testing.T, r *rig) {
	s := r.open()
	r.write(s, r.items(0, 5))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Write(ctx, r.items(5, 5)); err == nil {
		t.Error("Write with a cancelled context returned nil")
	}
	r.write(s, r.items(5, 5))
	r.check(true)
}

func down(t *testing.T, r *rig) {
	if r.Down == nil {
		t.Skip("this destination can't fail on demand")
	}
	s := r.open()
	r.write(s, r.items(0, 5))
	r.Down(true)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if err := s.Write(ctx, r.items(5, 5)); err == nil {
		t.Error("Write returned nil although the destination is down")
	}
	r.Down(false)
	// A caller retries; the driver may need a moment to find its way back.
	for tries := 0; ; tries++ {
		err := s.Write(t.Context(), r.items(5, 5))
		if err == nil {
			break
		}
		if tries == 200 {
			t.Fatalf("Write never works again: %v", err)
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
	r.want = append(r.want, r.items(5, 5)...)
	r.check(true)
}

func closing(t *testing.T, r *rig) {
	unopened := r.New()
	if err := unopened.Close(t.Context()); err != nil {
		t.Errorf("Close without Open: %v", err)
	}
	s := r.open()
	r.write(s, r.items(0, 5))
	r.close(s)
	r.close(s)
	if err := s.Write(t.Context(), r.items(5, 1)); err == nil {
		t.Error("Write after Close returned nil")
	}
	r.check(false)
}

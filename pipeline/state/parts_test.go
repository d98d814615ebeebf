package state

import (
	"bytes"
	"fmt"
	"os"
	"testing"
)

// many returns entries of so many series.
func many(n int, state string) (all []Entry) {
	for i := range n {
		all = append(all, entry(fmt.Sprint("s", i), fmt.Sprintf("%s-%0*d", state, i, 0)))
	}
	return all
}

// frames returns where the frames of a file end.
func frames(t *testing.T, raw []byte) (ends []int) {
	t.Helper()
	left := raw
	for len(left) > 0 {
		_, rest, ok := frame(left)
		if !ok {
			t.Fatal("the file does not consist of frames")
		}
		left = rest
		ends = append(ends, len(raw)-len(left))
	}
	return ends
}

// twoOf writes two generations of checkpoints of several frames, and a change of several
// behind the second: heads 1, 2 and 3.
func twoOf(t *testing.T, dir string) (full, delta string) {
	t.Helper()
	s, _ := open(t, dir)
	s.part = 1000
	check(t, s.Full(point(1, many(40, "one")...)))
	check(t, s.Full(point(2, many(40, "two")...)))
	check(t, s.Change(point(3, many(40, "three")...)))
	check(t, s.Close())
	return s.fullPath(s.gen), s.deltaPath(s.gen)
}

func found(t *testing.T, dir string) (head int64, state string) {
	t.Helper()
	s, snap := open(t, dir)
	check(t, s.Close())
	if n := len(snap.Series["p/0"]); n != 40 {
		t.Errorf("%d series were restored, want 40", n)
	}
	return snap.Heads["p/0"], string(snap.Series["p/0"]["s0"])
}

// TestSeveralFrames: a checkpoint that does not fit into one frame is restored from several,
// all of it or none.
func TestSeveralFrames(t *testing.T) {
	dir := t.TempDir()
	full, delta := twoOf(t, dir)
	whole, err := os.ReadFile(full)
	check(t, err)
	changes, err := os.ReadFile(delta)
	check(t, err)
	if !bytes.HasPrefix(whole, []byte(magicParts)) {
		t.Errorf("a full file of several frames begins with %q", whole[:8])
	}
	ends, changeEnds := frames(t, whole[8:]), frames(t, changes)
	if len(ends) < 4 || len(changeEnds) < 4 {
		t.Fatalf("%d and %d frames, want several", len(ends), len(changeEnds))
	}
	if head, state := found(t, dir); head != 3 || state != "three-0" {
		t.Errorf("restored head %d, state %q", head, state)
	}
	torn := []int{0, 1, len(changes) - 1}
	for _, end := range changeEnds[:len(changeEnds)-1] {
		torn = append(torn, end-1, end, end+1, end+9)
	}
	for _, n := range torn { // such a change counts as none
		check(t, os.WriteFile(delta, changes[:n], 0o600))
		if head, state := found(t, dir); head != 2 || state != "two-0" {
			t.Fatalf("changes cut at %d: head %d, state %q", n, head, state)
		}
	}
	check(t, os.Remove(delta))
	cuts := map[string][]byte{"without its end": whole[:8+ends[len(ends)-2]], "torn": whole[:len(whole)-1],
		"twice": append(bytes.Clone(whole), whole[8:]...), "begun twice": append(bytes.Clone(whole[:8+ends[0]]), whole[8:]...)}
	for i, end := range ends {
		from := 0
		if i > 0 {
			from = ends[i-1]
		}
		cuts[fmt.Sprint("without frame ", i)] = append(bytes.Clone(whole[:8+from]), whole[8+end:]...)
	}
	for what, raw := range cuts {
		check(t, os.WriteFile(full, raw, 0o600))
		if head, state := found(t, dir); head != 1 || state != "one-0" {
			t.Errorf("%s: head %d, state %q, want those of the generation before", what, head, state)
		}
	}
}

// TestOneFrameStaysAsItWas: what fits into one frame is written as versions write it that
// know no others.
func TestOneFrameStaysAsItWas(t *testing.T) {
	s, _ := open(t, t.TempDir())
	check(t, s.Full(point(1, many(40, "one")...)))
	raw, err := os.ReadFile(s.fullPath(s.gen))
	check(t, err)
	if !bytes.HasPrefix(raw, []byte(magic)) || len(frames(t, raw[8:])) != 1 {
		t.Errorf("%d frames behind %q", len(frames(t, raw[8:])), raw[:8])
	}
}

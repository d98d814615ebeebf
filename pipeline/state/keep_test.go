package state

import (
	"os"
	"path/filepath"
	"testing"
)

// TestKeep keeps a checkpoint of several frames twice, and another one: the first is there
// once, none is taken for a generation, and put in the place of one it is what it was.
func TestKeep(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	check(t, s.Full(point(1, many(40, "one")...)))
	check(t, s.Close())
	var paths []string
	for _, c := range []Checkpoint{point(2, many(40, "two")...), point(2, many(40, "two")...), point(3, many(40, "three")...)} {
		path, err := Keep(dir, c)
		check(t, err)
		paths = append(paths, path)
	}
	if paths[0] != paths[1] || paths[0] == paths[2] {
		t.Errorf("kept as %v", paths)
	}
	if head, one := found(t, dir); head != 1 || one != "one-0" {
		t.Errorf("the stream goes on from %d, %q", head, one)
	}
	for i, want := range map[int]string{0: "two-0", 2: "three-0"} {
		again := t.TempDir()
		check(t, os.Rename(paths[i], filepath.Join(again, "000000000001.full")))
		if _, got := found(t, again); got != want {
			t.Errorf("what was kept as %s is %q, want %q", paths[i], got, want)
		}
	}
}

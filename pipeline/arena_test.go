package pipeline

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
)

// TestArena: whatever is written, and however long it was taken to be, it stays as it
// was written until the memory is given back, and the memory is used again.
func TestArena(t *testing.T) {
	var shelf arenaShelf
	rng := rand.New(rand.NewPCG(1, 1))
	for round := range 3 {
		a := shelf.take()
		var want, got [][]byte
		for i := range 200 {
			n := rng.IntN(20_000)
			if i%50 == 0 {
				n = 2 * arenaChunk
			}
			text := bytes.Repeat([]byte(fmt.Sprintf("%03d/%d.", i, round)), n/6+1)[:n]
			want = append(want, text)
			got = append(got, a.write(rng.IntN(n+1), func(dst []byte) []byte {
				dst = append(dst, text[:min(n, 100)]...)
				return append(dst, text[min(n, 100):]...)
			}))
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("round %d: state %d of %d bytes is not what was written", round, i, len(want[i]))
			}
		}
		a.release()
	}
}

// The next checkpoint has the memory of the one before, whatever the collector does in
// between; once two in turn were short, the rest is given up.
func TestArenaIsUsedAgain(t *testing.T) {
	var shelf arenaShelf
	fill := func(n int) (had, has int) {
		a := shelf.take()
		had = len(a.chunks)
		for range n {
			a.write(50_000, func(dst []byte) []byte { return append(dst, make([]byte, 50_000)...) })
		}
		has = len(a.chunks)
		a.release()
		runtime.GC() // twice empties a sync.Pool
		runtime.GC()
		return had, has
	}
	_, most := fill(200)
	if most < 9 {
		t.Fatalf("10 MB take %d chunks", most)
	}
	for i, c := range []struct{ states, had, has int }{
		{200, most, most}, {20, most, most}, {200, most, most}, {20, most, most}, {20, most, most}, {0, 1, 1}, {200, 1, most},
	} {
		if had, has := fill(c.states); had != c.had || has != c.has {
			t.Errorf("checkpoint %d of %d states finds %d chunks and leaves %d, want %d, %d", i, c.states, had, has, c.had, c.has)
		}
	}
}

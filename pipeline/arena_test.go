package pipeline

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

// TestArena: whatever is written, and however long it was taken to be, it stays as it
// was written until the memory is given back, and the memory is used again.
func TestArena(t *testing.T) {
	pool := sync.Pool{New: func() any { return new(arena) }}
	rng := rand.New(rand.NewPCG(1, 1))
	for round := range 3 {
		a := newArena(&pool)
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

func TestArenaIsUsedAgain(t *testing.T) {
	pool := sync.Pool{New: func() any { return new(arena) }}
	a := newArena(&pool)
	fill := func() {
		for range 100 {
			a.write(50_000, func(dst []byte) []byte { return append(dst, make([]byte, 50_000)...) })
		}
	}
	fill()
	n := len(a.chunks)
	a.release()
	fill()
	if len(a.chunks) != n {
		t.Errorf("%d chunks hold the same states again, %d did", len(a.chunks), n)
	}
}

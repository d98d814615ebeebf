package ackset_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/quell-stream/quell/ingest/ackset"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func Example() {
	s := ackset.New(100)
	for o := int64(100); o < 104; o++ {
		s.Track(o)
	}
	s.Finish(102)
	s.Finish(100)
	fmt.Println(s.Low(), s.Pending())
	s.Finish(101)
	fmt.Println(s.Low(), s.Pending())
	// Output:
	// 101 2
	// 103 1
}

// TestAgainstModel compares the set with a map and a scan.
func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := rapid.Int64Range(0, 1<<40).Draw(t, "start")
		s := ackset.New(start)
		pending := map[int64]bool{}
		var order []int64
		next, low := start, start
		t.Repeat(map[string]func(*rapid.T){
			"track": func(t *rapid.T) {
				gap := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 200), rapid.Int64Range(0, 1<<30)).Draw(t, "gap")
				for range rapid.IntRange(1, 80).Draw(t, "n") {
					o := next + gap
					if !s.Track(o) {
						t.Fatalf("Track(%d) refused, next is %d", o, next)
					}
					pending[o] = true
					order = append(order, o)
					next, gap = o+1, 0
				}
			},
			"track again": func(t *rapid.T) {
				o := next - 1 - rapid.Int64Range(0, 100).Draw(t, "back")
				if s.Track(o) {
					t.Fatalf("Track(%d) accepted, next is %d", o, next)
				}
			},
			"finish": func(t *rapid.T) {
				if len(order) == 0 {
					t.Skip()
				}
				for range rapid.IntRange(1, 80).Draw(t, "n") {
					// Mostly near the front, as in life.
					i := rapid.OneOf(rapid.IntRange(0, min(8, len(order)-1)), rapid.IntRange(0, len(order)-1)).Draw(t, "i")
					s.Finish(order[i])
					delete(pending, order[i])
					for len(order) > 0 && !pending[order[0]] {
						order = order[1:]
					}
					if len(order) == 0 {
						return
					}
				}
			},
			"finish unknown": func(t *rapid.T) {
				o := rapid.Int64().Draw(t, "o")
				if !pending[o] {
					s.Finish(o)
				}
			},
			"": func(t *rapid.T) {
				want := next
				for _, o := range order {
					if pending[o] {
						want = o
						break
					}
				}
				if got := s.Low(); got != want {
					t.Fatalf("Low() = %d, want %d", got, want)
				}
				if got := s.Low(); got < low {
					t.Fatalf("Low() went back from %d to %d", low, got)
				}
				low = want
				if got := s.Pending(); got != len(pending) {
					t.Fatalf("Pending() = %d, want %d", got, len(pending))
				}
			},
		})
	})
}

func TestZeroValueStartsAtZero(t *testing.T) {
	var s ackset.Set
	if got := s.Low(); got != 0 {
		t.Errorf("Low() = %d, want 0", got)
	}
	s.Track(0)
	s.Finish(0)
	if got := s.Low(); got != 1 {
		t.Errorf("Low() = %d, want 1", got)
	}
}

// TestSteadyStateAllocatesNothing is the bound on memory in ordinary use: a
// window of a few thousand offsets moving along.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	s := ackset.New(0)
	next := int64(0)
	step := func() {
		s.Track(next)
		s.Finish(next - 4000)
		next++
	}
	for range 50_000 {
		step()
	}
	if n := testing.AllocsPerRun(20_000, step); n != 0 {
		t.Errorf("%v allocations per offset, want 0", n)
	}
}

func TestHoleOfAnySizeIsCheap(t *testing.T) {
	s := ackset.New(0)
	for _, o := range []int64{5, 1 << 40, math.MaxInt64 - 1} {
		s.Track(o)
	}
	s.Finish(5)
	if got := s.Low(); got != 1<<40 {
		t.Errorf("Low() = %d, want %d", got, int64(1)<<40)
	}
	s.Finish(1 << 40)
	s.Finish(math.MaxInt64 - 1)
	if got := s.Low(); got != math.MaxInt64 {
		t.Errorf("Low() = %d, want %d", got, int64(math.MaxInt64))
	}
}

func TestConcurrentUse(t *testing.T) {
	const n, workers = 20_000, 4
	s := ackset.New(0)
	work := make(chan int64, 512)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(w)))
			var held []int64
			for o := range work {
				held = append(held, o)
				if len(held) > 20 {
					i := rng.IntN(len(held))
					s.Finish(held[i])
					held = append(held[:i], held[i+1:]...)
				}
			}
			for _, o := range held {
				s.Finish(o)
			}
		})
	}
	last := int64(0)
	for o := range int64(n) {
		s.Track(o)
		work <- o
		low := s.Low()
		if low < last {
			t.Fatalf("Low() went back from %d to %d", last, low)
		}
		last = low
	}
	close(work)
	wg.Wait()
	if got := s.Low(); got != n {
		t.Errorf("Low() = %d, want %d", got, n)
	}
}

func BenchmarkTrackFinish(b *testing.B) {
	s := ackset.New(0)
	next := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		s.Track(next)
		s.Finish(next - 1000)
		s.Low()
		next++
	}
}

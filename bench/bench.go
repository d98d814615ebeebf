// Package bench times what Quell is made of, side by side: networks, training,
// detectors and codecs.
//
// Machines are noisy, so cases are never timed one after the other. Measure
// goes round and round, and in each round times every case once for a few
// milliseconds, and the multiply-add units of a core with them. What is told is
// the shortest time of all rounds, which noise can't make shorter, and the
// median, which says how noisy it was.
package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/quell-stream/quell/model/nn"
)

// Op is an operation that is timed, and what it works on. It is used by one
// goroutine at a time.
type Op interface {
	Run(n int) // does it n times
	Close()    // stops what goroutines it has
}

// Case is one thing to time.
type Case struct {
	Name string
	// Units says what one operation amounts to: 32 windows, 1 step. The first is
	// the one by which the case is known.
	Units []Unit
	FLOPs float64 // floating-point operations of one operation; 0: not counted in these
	Bytes int     // of the message that is read or written; 0: there is none
	// Threads is the number of goroutines that the operations of a slice are
	// shared among, each with an Op of its own. Default 1.
	Threads int
	// Workers is the number of goroutines inside one operation. Default 1.
	Workers int
	// Make makes one Op. It is warmed up before it is timed.
	Make func() (Op, error)
}

// Unit is an amount of something.
type Unit struct {
	Name string // windows, samples (time steps), steps, messages
	N    float64
}

// Options say how to measure.
type Options struct {
	Rounds int           // default 60
	Slice  time.Duration // aimed at for each case in each round, default 8ms
	// Progress, if set, is called after every round.
	Progress func(round, rounds int)
}

// Result is what a case took.
type Result struct {
	Case   *Case
	Min    float64 // nanoseconds per operation, in the best round
	Median float64 // in the middle one
	Allocs uint64  // heap allocations per operation, rounded down
	Peak   float64 // GFLOP/s of one core with nothing but multiply-adds, in the best round; 0: unknown
}

// PerSecond returns how many of a unit a second has, by the best round and by
// the median.
func (r *Result) PerSecond(u Unit) (best, median float64) {
	return u.N * 1e9 / r.Min, u.N * 1e9 / r.Median
}

// GFLOPS returns 1e9 floating-point operations per second, by the best round; 0
// where the case isn't counted in them.
func (r *Result) GFLOPS() float64 { return r.Case.FLOPs / r.Min }

// Share returns GFLOPS as a share of what the cores that it ran on could do,
// NaN where that is not known.
func (r *Result) Share() float64 {
	if r.Peak == 0 || r.Case.FLOPs == 0 {
		return math.NaN()
	}
	return r.GFLOPS() / (r.Peak * float64(max(r.Case.Threads, 1)*max(r.Case.Workers, 1)))
}

// Report is the outcome of Measure.
type Report struct {
	Results []Result
	Rounds  int
	// Peak and PeakMedian are GFLOP/s of one core with nothing but multiply-adds,
	// in the best round and in the middle one; 0 where that can't be measured.
	Peak, PeakMedian float64
}

// Measure times all cases, interleaved. It returns the cause where ctx ends.
func Measure(ctx context.Context, cases []Case, o Options) (*Report, error) {
	if o.Rounds == 0 {
		o.Rounds = 60
	}
	if o.Slice == 0 {
		o.Slice = 8 * time.Millisecond
	}
	if o.Rounds < 1 || o.Slice < 0 {
		return nil, errors.New("bench: rounds and slice must be positive")
	}
	runs := make([]*running, 0, len(cases))
	defer func() {
		for _, r := range runs {
			r.close()
		}
	}()
	for i := range cases {
		r, err := start(&cases[i])
		if err != nil {
			return nil, fmt.Errorf("bench: %s: %w", cases[i].Name, err)
		}
		runs = append(runs, r)
		r.calibrate(o.Slice)
		r.allocs = Allocations(r.ops[0], max(r.n, 8))
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
	}
	var peaks []float64
	for round := range o.Rounds {
		peaks = append(peaks, nn.PeakGFLOPS(o.Slice))
		for i := range runs {
			// Another order each round, so that nobody always follows the same case.
			r := runs[(i+round)%len(runs)]
			r.times = append(r.times, float64(r.time(r.n))/float64(r.n))
		}
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		if o.Progress != nil {
			o.Progress(round+1, o.Rounds)
		}
	}
	rep := &Report{Rounds: o.Rounds, Peak: slices.Max(peaks), PeakMedian: median(peaks)}
	for _, r := range runs {
		rep.Results = append(rep.Results, Result{Case: r.c, Min: slices.Min(r.times), Median: median(r.times), Allocs: r.allocs, Peak: rep.Peak})
	}
	return rep, nil
}

// median returns the middle of x, the mean of both where there are two.
func median(x []float64) float64 {
	s := slices.Sorted(slices.Values(x))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

// running is a case with its goroutines.
type running struct {
	c      *Case
	ops    []Op
	jobs   []chan int // one per further thread: how many operations to do
	done   sync.WaitGroup
	ended  sync.WaitGroup
	n      int // operations per slice
	times  []float64
	allocs uint64
}

func start(c *Case) (*running, error) {
	r := &running{c: c}
	for range max(c.Threads, 1) {
		op, err := c.Make()
		if err != nil {
			r.close()
			return nil, err
		}
		r.ops = append(r.ops, op)
	}
	for _, op := range r.ops[1:] {
		jobs := make(chan int)
		r.jobs = append(r.jobs, jobs)
		r.ended.Go(func() {
			for n := range jobs {
				op.Run(n)
				r.done.Done()
			}
		})
	}
	return r, nil
}

func (r *running) close() {
	for _, j := range r.jobs {
		close(j)
	}
	r.ended.Wait()
	for _, op := range r.ops {
		op.Close()
	}
}

// time does n operations, shared among the threads.
func (r *running) time(n int) time.Duration {
	begin := time.Now()
	t := len(r.ops)
	r.done.Add(len(r.jobs))
	for i, j := range r.jobs {
		j <- (n + i) / t
	}
	r.ops[0].Run((n + t - 1) / t)
	r.done.Wait()
	return time.Since(begin)
}

// calibrate finds the number of operations that fill a slice.
func (r *running) calibrate(slice time.Duration) {
	t := len(r.ops)
	r.n = t
	r.time(r.n) // warms up
	for {
		d := r.time(r.n)
		if d >= slice/2 || r.n >= 1<<30 {
			perOp := float64(max(d, 1)) / float64(r.n)
			r.n = max(t, int(float64(slice)/perOp)/t*t)
			return
		}
		r.n *= 2
	}
}

// Allocations returns the heap allocations per operation, the fewest of three
// runs: a second worker may get its first work, and its memory, in any of them.
// Rounding down leaves out what the rest of the process does meanwhile, as
// testing.AllocsPerRun does.
func Allocations(op Op, n int) uint64 {
	op.Run(1)
	least := uint64(math.MaxUint64)
	for range 3 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		op.Run(n)
		runtime.ReadMemStats(&after)
		least = min(least, (after.Mallocs-before.Mallocs)/uint64(n))
	}
	return least
}

// loop is an operation without goroutines: a function that is called n times.
type loop func()

func (f loop) Run(n int) {
	for range n {
		f()
	}
}

func (loop) Close() {}

// Command server is Quell's side of bench/compare: one process of the protocol
// that serve.py describes. It loads the golden networks from the files that were
// exported for everybody and runs them through the public packages.
//
//	server -golden DIR [-only A.b1,B.b1] [-workers N]
//	server -golden DIR -memory
//
// It prints one line of JSON (what it can time, how right it is, what it
// allocates), then answers each line "NAME REPS" with nanoseconds.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/quell-stream/quell/bench"
	"github.com/quell-stream/quell/model/nn"
)

func main() {
	var o options
	flag.StringVar(&o.golden, "golden", "", "`folder` of the golden networks")
	only := flag.String("only", "", "`subjects` to offer; default: all")
	flag.IntVar(&o.workers, "workers", 1, "goroutines of a training step")
	flag.BoolVar(&o.memory, "memory", false, "print the resident memory with both networks loaded and used, and nothing else")
	flag.Parse()
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	if err := run(o, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

type options struct {
	golden  string
	only    []string
	workers int
	memory  bool
}

// head is the line that tells what there is.
type head struct {
	Name     string             `json:"name"`
	Version  string             `json:"version"`
	Tier     string             `json:"tier"`
	Tiers    []string           `json:"tiers"`
	Subjects map[string]subject `json:"subjects"`
	Absent   map[string]string  `json:"absent"` // subject → why it can't be run
	// Errors are the largest errors against the golden outputs, as shares of
	// max(1, peak): "A.whole", "A.streamed". "A.int8" is the root mean square of
	// the error of the 8-bit network, as a share of that of the output.
	Errors map[string]float64 `json:"errors"`
	Allocs map[string]uint64  `json:"allocs"`
	// StateBytes is what one more stream of B takes.
	StateBytes int `json:"state_bytes"`
}

type subject struct {
	FLOPs float64 `json:"flops"` // of one repetition
	Count float64 `json:"count"` // windows, samples or steps in it
}

// timer runs a subject reps times and returns what that took.
type timer func(reps int) (time.Duration, error)

// errNoPeak is the answer where there are no vectors to measure.
var errNoPeak = errors.New("this kernel tier has no vector units to measure")

// peakFLOPs is one repetition of "peak": a millisecond at 100 GFLOP/s.
const peakFLOPs = 1e8

// peak measures for as many milliseconds as there are repetitions, and returns
// what those would take at the best rate that it saw.
func peak(reps int) (time.Duration, error) {
	g := nn.PeakGFLOPS(time.Duration(reps) * time.Millisecond)
	if g == 0 {
		return 0, errNoPeak
	}
	return time.Duration(float64(reps) * peakFLOPs / g), nil
}

func run(o options, in io.Reader, out io.Writer) error {
	if err := nn.KernelTierErr(); err != nil {
		return err
	}
	nets := map[string]*nn.Net{}
	for _, name := range []string{"A", "B"} {
		net, err := load(o.golden, name)
		if err != nil {
			return err
		}
		nets[name] = net
	}
	if o.memory {
		return memory(nets, out)
	}
	h := head{Name: "quell", Version: "Quell, " + runtime.Version(), Tier: nn.KernelTier(), Tiers: nn.KernelTiers(),
		Subjects: map[string]subject{}, Errors: map[string]float64{}, Allocs: map[string]uint64{}, Absent: map[string]string{}}
	quantized := map[string]*nn.Quantized{}
	for name, net := range nets {
		pairs, err := pairs(o.golden, name)
		if err != nil {
			return err
		}
		acc, err := bench.Compare(net, pairs)
		if err != nil {
			return err
		}
		// The ranges come from one half of the windows, the error from the other.
		half := len(pairs) / 2
		var xs [][]float32
		for _, p := range pairs[:half] {
			xs = append(xs, p.X)
		}
		if quantized[name], err = nn.Quantize(net, xs); err != nil {
			return err
		}
		h.Errors[name+".int8"] = nrmse(quantized[name], pairs[half:])
		most := max(1, acc.Peak)
		h.Errors[name+".whole"], h.Errors[name+".streamed"] = acc.Whole/most, acc.Streamed/most
	}
	bytes, err := bench.StreamBytes(nets["B"])
	if err != nil {
		return err
	}
	h.StateBytes = bytes

	cases, err := cases(nets, quantized, o.workers)
	if err != nil {
		return err
	}
	timers := map[string]timer{}
	wanted := func(name string) bool { return len(o.only) == 0 || slices.Contains(o.only, name) }
	if wanted("peak") {
		if _, err := peak(1); err != nil {
			h.Absent["peak"] = err.Error()
		} else {
			h.Subjects["peak"], timers["peak"] = subject{peakFLOPs, 1}, peak
		}
	}
	for _, c := range cases {
		if !wanted(c.Name) {
			continue
		}
		op, err := c.Make()
		if err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
		defer op.Close()
		h.Allocs[c.Name] = bench.Allocations(op, 4)
		h.Subjects[c.Name] = subject{c.FLOPs, c.Units[0].N}
		timers[c.Name] = func(reps int) (time.Duration, error) {
			if reps > 1 {
				op.Run(reps / 2) // wakes the core up and fills its caches, as serve.py does
			}
			start := time.Now()
			op.Run(reps)
			return time.Since(start), nil
		}
	}
	if err := json.NewEncoder(out).Encode(h); err != nil {
		return err
	}
	return serve(timers, in, out)
}

// nrmse returns the error of an int8 network over the golden windows as a share
// of what comes out.
func nrmse(q *nn.Quantized, pairs []bench.Pair) float64 {
	r := q.NewRunner(bench.Window)
	var y []float32
	var sum, size float64
	for _, p := range pairs {
		y = r.Run(y, p.X)
		for i, v := range y {
			d := float64(v) - p.Want[i]
			sum, size = sum+d*d, size+p.Want[i]*p.Want[i]
		}
	}
	return math.Sqrt(sum / size)
}

// cases are the subjects but for the peak.
func cases(nets map[string]*nn.Net, quantized map[string]*nn.Quantized, workers int) ([]bench.Case, error) {
	out := []bench.Case{bench.Tile()}
	for _, m := range []string{"A", "B"} {
		out = append(out, bench.Infer(m+".b1", nets[m], 1, 1), bench.Infer(m+".b256", nets[m], 256, 1),
			bench.Infer(m+".int8.b1", quantized[m], 1, 1), bench.Train(m+".train.b32", nets[m], 32, workers))
	}
	for _, s := range []struct {
		name        string
		hop, series int
	}{{"B.stream.h1", 1, 1}, {"B.stream.h16", 16, 1}, {"B.lock16.h1", 1, 16}} {
		c, err := bench.Stream(s.name, nets["B"], s.hop, s.series, 1)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// serve answers until the input ends. A line that makes no sense is answered
// with "!" and the reason.
func serve(timers map[string]timer, in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		answer, err := ask(timers, lines.Text())
		if err != nil {
			answer = "! " + err.Error()
		}
		if _, err := fmt.Fprintln(out, answer); err != nil {
			return err
		}
	}
	return lines.Err()
}

func ask(timers map[string]timer, line string) (string, error) {
	name, count, ok := strings.Cut(line, " ")
	reps, err := strconv.Atoi(count)
	if !ok || err != nil || reps < 1 {
		return "", errors.New("want NAME REPS")
	}
	t, ok := timers[name]
	if !ok {
		return "", fmt.Errorf("there is no %s here", name)
	}
	d, err := t(reps)
	if err != nil {
		return "", err
	}
	return strconv.FormatInt(d.Nanoseconds(), 10), nil
}

// memory prints the resident bytes of a process that has used both networks.
func memory(nets map[string]*nn.Net, out io.Writer) error {
	for _, net := range nets {
		r := net.NewRunner(bench.Window)
		r.Run(nil, make([]float32, bench.Window*net.Spec().In))
	}
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return err
	}
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return errors.New("/proc/self/statm has no second field")
	}
	pages, err := strconv.Atoi(fields[1])
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, pages*os.Getpagesize())
	return err
}

package main

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/quell-stream/quell/model/noise"
)

// condition is noise added to a recording.
type condition struct {
	kind string // clean, white or ar1
	snr  float64
	rho  float64
}

func (c condition) String() string {
	if c.kind == "clean" {
		return c.kind
	}
	return fmt.Sprintf("%s %g", c.kind, c.snr)
}

func conditions(rho float64) []condition {
	cs := []condition{{kind: "clean"}}
	for _, kind := range []string{"white", "ar1"} {
		for snr := 0.; snr <= 20; snr += 5 {
			cs = append(cs, condition{kind, snr, rho})
		}
	}
	return cs
}

// apply returns x with the noise added, relative to the variance of the first
// 60 %.
func (c condition) apply(x []float64, rng *rand.Rand) []float64 {
	z := slices.Clone(x)
	dev := deviation(x[:len(x)*6/10])
	switch c.kind {
	case "white":
		add(z, noise.Step{Kind: "gaussian", Args: args("snr", c.snr, "sigma", math.NaN())}, dev, rng)
	case "ar1":
		add(z, noise.Step{Kind: "ar1", Args: args("snr", c.snr, "sigma", math.NaN(), "rho", c.rho)}, dev, rng)
	}
	return z
}

// outcome is what the test says of a recording.
type outcome struct {
	raised   bool    // at the end
	share    float64 // of the blocks from the first decision on
	evidence noise.Evidence
}

func judge(x []float64) outcome {
	c := noise.NewColour()
	var o outcome
	decided := 0
	for b := 1; b*noise.ColourBlock <= len(x); b++ {
		c.Block(x[(b-1)*noise.ColourBlock : b*noise.ColourBlock])
		if b >= firstBlock {
			decided++
			if c.Coloured() {
				o.share++
			}
		}
	}
	o.raised, o.evidence = c.Coloured(), c.Evidence()
	o.share /= float64(decided)
	return o
}

// aside says why a recording is not counted among the clean ones.
func aside(r recording) string {
	switch {
	case strings.HasPrefix(r.name, "ecg_nstdb/noise_"):
		return "noise itself"
	case strings.Contains(r.name, ":e00_") || strings.Contains(r.name, ":e12_") || strings.Contains(r.name, ":e24_"):
		return "carries recorded noise"
	case deviation(r.x[:len(r.x)*6/10]) == 0:
		return "does not move in its first 60 %"
	}
	return ""
}

// report judges every recording under every condition and prints the rates.
func report(w io.Writer, rs []recording, rho float64) error {
	cs := conditions(rho)
	table := make([][]outcome, len(rs))
	each(len(rs), func(i int) {
		for k, c := range cs {
			table[i] = append(table[i], judge(c.apply(rs[i].x, rand.New(rand.NewPCG(uint64(i), uint64(k))))))
		}
	})
	var b strings.Builder
	fmt.Fprintf(&b, "%-66s", "score at the end (* raised), added noise with rho "+fmt.Sprint(rho))
	for _, c := range cs {
		fmt.Fprintf(&b, "%9s", c)
	}
	b.WriteByte('\n')
	for i, r := range rs {
		fmt.Fprintf(&b, "%-66s", r.name)
		for _, o := range table[i] {
			mark := " "
			if o.raised {
				mark = "*"
			}
			fmt.Fprintf(&b, "%8.1f%s", o.evidence.Score, mark)
		}
		if why := aside(r); why != "" {
			b.WriteString("  not counted: " + why)
		}
		b.WriteByte('\n')
	}
	summary(&b, rs, cs, table)
	byOctaves(&b, rs, cs, table, rho)
	_, err := io.WriteString(w, b.String())
	return err
}

func summary(b *strings.Builder, rs []recording, cs []condition, table [][]outcome) {
	type rate struct {
		n             int
		raised, share float64
	}
	rates := make(map[string]*rate)
	var order []string
	count := func(name string, o outcome) {
		r := rates[name]
		if r == nil {
			r = &rate{}
			rates[name] = r
			order = append(order, name)
		}
		r.n++
		r.share += o.share
		if o.raised {
			r.raised++
		}
	}
	for k, c := range cs {
		for i, r := range rs {
			if aside(r) == "" {
				count(c.String(), table[i][k])
			}
		}
	}
	for k, c := range cs {
		for i, r := range rs {
			if aside(r) == "" {
				count("all "+c.kind, table[i][k])
			}
		}
	}
	fmt.Fprintf(b, "\n%-12s %10s %12s %18s\n", "noise", "recordings", "raised at end", "share of blocks")
	for _, name := range order {
		r := rates[name]
		fmt.Fprintf(b, "%-12s %10d %11.1f %% %16.1f %%\n", name, r.n, 100*r.raised/float64(r.n), 100*r.share/float64(r.n))
	}
}

// byOctaves prints how often the flag is raised by the number of octaves in which the
// added coloured noise is stronger than what the recording itself has there
// in its quiet parts (Evidence.Floor). Where it is hidden in most of them, no figure
// of the octaves shows it.
func byOctaves(b *strings.Builder, rs []recording, cs []condition, table [][]outcome, rho float64) {
	level := octaveLevels(rho)
	var raised, n [len(level) + 1]int
	for i, r := range rs {
		if aside(r) != "" {
			continue
		}
		dev := deviation(r.x[:len(r.x)*6/10])
		for k, c := range cs {
			if c.kind != "ar1" {
				continue
			}
			seen := 0
			for l, floor := range table[i][0].evidence.Floor {
				if level[l]*dev*math.Pow(10, -c.snr/20) > floor {
					seen++
				}
			}
			n[seen]++
			if table[i][k].raised {
				raised[seen]++
			}
		}
	}
	b.WriteString("\nar1, octaves of 7 in which it is above the floor of the recording itself\n")
	for seen, k := range n {
		if k > 0 {
			fmt.Fprintf(b, "%-12d %10d %11.1f %%\n", seen, k, 100*float64(raised[seen])/float64(k))
		}
	}
}

// octaveLevels returns the levels of AR(1) noise of deviation 1.
func octaveLevels(rho float64) [7]float64 {
	x := make([]float64, 200*noise.ColourBlock)
	add(x, noise.Step{Kind: "ar1", Args: args("snr", math.NaN(), "sigma", 1., "rho", rho)}, 1, rand.New(rand.NewPCG(4, 4)))
	return judge(x).evidence.Sigma
}

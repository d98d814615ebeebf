package adapteval

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/quell-stream/quell/internal/scoreboard"
	"github.com/quell-stream/quell/model"
)

// tied is how far apart two means are that are called equal, in dB: what another
// seed of the training changes.
const tied = .1

// compared is the study of the four loops.
func compared() scoreboard.Study {
	return scoreboard.Study{Name: "loops", Doc: "a sequence of real regimes, and the same budget for Quell's loop, naive fine-tuning and training anew", Run: runLoops}
}

// sequences draws orders of the regimes.
func sequences(rs []regime, n, stages int, seed uint64) [][]*regime {
	out := make([][]*regime, n)
	for k := range out {
		for _, i := range rand.New(rand.NewPCG(seed, uint64(k))).Perm(len(rs))[:stages] {
			out[k] = append(out[k], &rs[i])
		}
	}
	return out
}

// trials runs each method over each sequence.
func trials(ctx context.Context, o *scoreboard.Options, ms []method, p plan) ([][]matrix, error) {
	n := len(sources())
	if o.Quick {
		n = 4
	}
	rs, err := load(o, sources()[:n])
	if err != nil {
		return nil, err
	}
	base, err := model.Base(8)
	if err != nil {
		return nil, err
	}
	seqs := sequences(rs, p.sequences, p.regimes, o.Seed)
	out := make([][]matrix, len(ms))
	for i := range out {
		out[i] = make([]matrix, p.sequences)
	}
	return out, each(ctx, len(ms)*p.sequences, func(i int) error {
		m, k := &ms[i%len(ms)], i/len(ms)
		a, err := m.run(ctx, o, base, seqs[k], p)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		out[i%len(ms)][k] = a
		o.Tell("%s, sequence %d:\n%v", m.name, k+1, a)
		return nil
	})
}

func (p plan) String() string {
	return fmt.Sprintf("%d × %d regimes, %d updates each", p.sequences, p.regimes, p.updates)
}

func (a matrix) String() string {
	var b strings.Builder
	for i, row := range a {
		fmt.Fprintf(&b, "  after %d:", i)
		for _, v := range row {
			fmt.Fprintf(&b, " %6.2f", v)
		}
		b.WriteByte('\n')
	}
	return strings.TrimRight(b.String(), "\n")
}

// summary is a method's figures, in the mean over the sequences.
type summary struct{ accuracy, backward, forward, forgotten, worst float64 }

func summarise(as []matrix) summary {
	var s summary
	n := float64(len(as))
	s.worst = math.Inf(-1)
	for _, a := range as {
		s.accuracy += a.accuracy() / n
		s.backward += a.backward() / n
		s.forward += a.forward() / n
		f := a.forgotten()
		s.forgotten += mean(f) / n
		for _, v := range f {
			s.worst = max(s.worst, v)
		}
	}
	return s
}

func summariseAll(as [][]matrix) []summary {
	sums := make([]summary, len(as))
	for i := range as {
		sums[i] = summarise(as[i])
	}
	return sums
}

// unknown returns summaries of nothing.
func unknown(n int) []summary {
	nan := math.NaN()
	return slices.Repeat([]summary{{nan, nan, nan, nan, nan}}, n)
}

func runLoops(ctx context.Context, o *scoreboard.Options) ([]scoreboard.Row, error) {
	// A gate that wants to be sure takes a dozen windows.
	p := plan{sequences: 3, regimes: 5, samples: 8192, updates: budgetOf(o).tune}
	if o.Quick {
		p.sequences, p.regimes = 1, 3
	}
	ms := loops()
	if o.Data == "" {
		return loopRows(ms, unknown(len(ms)), needsData), nil
	}
	as, err := trials(ctx, o, ms, p)
	if err != nil {
		return nil, err
	}
	return loopRows(ms, summariseAll(as), p.String()), nil
}

// loopRows are the figures of each loop; the last one is ours.
func loopRows(ms []method, sums []summary, note string) []scoreboard.Row {
	var rows []scoreboard.Row
	rival := math.Inf(-1)
	for i, m := range ms {
		s := sums[i]
		if i < len(ms)-1 {
			rival = math.Max(rival, s.accuracy)
		}
		for _, f := range []struct {
			name string
			got  float64
		}{{"mean gain on all regimes at the end (ACC), dB", s.accuracy}, {"backward transfer (BWT), dB", s.backward},
			{"forward transfer (FWT), dB", s.forward}, {"forgotten, mean, dB", s.forgotten}} {
			rows = append(rows, scoreboard.Row{Name: m.name + ": " + f.name, Got: f.got, Note: note})
		}
	}
	ours := sums[len(sums)-1]
	return append(rows,
		scoreboard.Row{Name: "quell: forgotten of a regime, worst, dB", Must: scoreboard.AtMost(.3), Aim: scoreboard.AtMost(.1), Got: ours.worst, Note: note},
		scoreboard.Row{Name: "quell: ACC over the best of the others, dB", Must: scoreboard.AtLeast(-tied), Aim: scoreboard.AtLeast(0), Got: ours.accuracy - rival, Note: note + fmt.Sprintf("; within %g dB is a tie", tied)})
}

package adapteval

import (
	"context"
	"fmt"

	"github.com/quell-stream/quell/internal/scoreboard"
	"github.com/quell-stream/quell/pipeline/adapt"
)

const (
	// returnLen is how long is looked after a return.
	returnLen = 2048
	// back is how near to what it was a gain counts as back, in dB.
	back = .1
)

// returning is the study of a regime that comes back.
func returning(y *nursery) scoreboard.Study {
	return scoreboard.Study{Name: "return", Doc: "from a regime to another and back, through the whole loop", Run: func(ctx context.Context, o *scoreboard.Options) ([]scoreboard.Row, error) {
		return runReturning(ctx, o, y)
	}}
}

// journey is one regime left and come back to.
type journey struct {
	away, home *home
	outcome
	lost float64 // dB that the model lacks when the regime comes back
	took int     // samples until it has them again; returnLen: not within
}

func runReturning(ctx context.Context, o *scoreboard.Options, y *nursery) ([]scoreboard.Row, error) {
	rows := func(js []journey, note string) []scoreboard.Row {
		var took, lost []float64
		for _, j := range js {
			took, lost = append(took, float64(j.took)), append(lost, j.lost)
		}
		return []scoreboard.Row{
			{Name: "samples until the gain of a regime that comes back is back, median", Must: scoreboard.AtMost(300), Aim: scoreboard.AtMost(100), Got: median(took), Note: note},
			{Name: "the same, worst", Got: most(took), Note: note + fmt.Sprintf("; %d: not within so many", returnLen)},
			{Name: "dB that the model lacks when it comes back, worst", Got: most(lost), Note: note},
		}
	}
	if o.Data == "" {
		return rows(nil, needsData), nil
	}
	n := 4
	if o.Quick {
		n = 2
	}
	hs, err := y.get(ctx, o, n, false)
	if err != nil {
		return nil, err
	}
	var js []journey
	for i, h := range hs {
		js = append(js, journey{home: h, away: hs[(i+1)%n]})
		if !o.Quick {
			js = append(js, journey{home: h, away: hs[(i+2)%n]})
		}
	}
	err = each(ctx, len(js), func(i int) error {
		j := &js[i]
		if err := j.run(o); err != nil {
			return err
		}
		o.Tell("%s → %s and back: %.2f dB lost, back after %d samples, %d switches", j.home.name, j.away.name, j.lost, j.took, len(j.changes))
		return nil
	})
	return rows(js, fmt.Sprintf("%d returns", len(js))), err
}

// run streams the journey and scores what served after it.
func (j *journey) run(o *scoreboard.Options) error {
	r, err := newRig(j.home.tuned, adapt.Config{Seed: o.Seed, Steps: budgetOf(o).each}, j.home.fit)
	if err != nil {
		return err
	}
	for _, x := range [][]float64{j.home.lead.noisy, j.away.live.noisy[:liveLen], j.home.live.noisy[:returnLen]} {
		if err == nil {
			err = r.push(x)
		}
	}
	j.outcome = r.outcome
	if e := r.close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return j.score()
}

// score finds out when the gain is back: the models that serve after the return
// are looked at in order.
func (j *journey) score() error {
	const left = leadLen + liveLen
	first := j.serving(j.home.tuned, left)
	g, err := j.home.gain(first)
	if err != nil {
		return err
	}
	if j.lost = j.home.frozen - g; j.lost <= back {
		return nil // took none
	}
	j.took = returnLen
	for _, c := range j.changes {
		if c.at <= left {
			continue
		}
		if g, err = j.home.gain(c.model); err != nil {
			return err
		}
		if j.home.frozen-g <= back {
			j.took = c.at - left
			return nil
		}
	}
	return nil
}

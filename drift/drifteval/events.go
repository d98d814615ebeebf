package drifteval

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// eventSource is a kind of series as operators of machines, servers and roads
// have them: with a rhythm, bursts and heavy tails of its own, and now and then
// an event. None is fitted to a recording; sizes are drawn.
type eventSource struct {
	name    string
	seconds float64 // from a row to the next
	rows    int
	make    func(d *draw, events []span) []float64
}

// draw is the source of a series' random numbers.
type draw struct{ *rand.Rand }

// between draws evenly, around evenly on a logarithmic scale.
func (d draw) between(lo, hi float64) float64 { return lo + (hi-lo)*d.Float64() }
func (d draw) around(lo, hi float64) float64  { return lo * math.Pow(hi/lo, d.Float64()) }

// sign draws 1 or −1.
func (d draw) sign() float64 { return float64(2*d.IntN(2) - 1) }

// during returns how far into an event a row is, 0 to 1, and in which; −1 outside.
func during(events []span, row int) (share float64, which int) {
	for k, e := range events {
		if row >= e.from && row <= e.to {
			return float64(row-e.from) / float64(max(e.to-e.from, 1)), k
		}
	}
	return 0, -1
}

// daily returns a smooth cycle of a day with one or two humps, of mean 0 and
// deviation 1 or so.
func daily(d *draw, seconds float64) func(row int) float64 {
	a, b, second := 2*math.Pi*d.Float64(), 2*math.Pi*d.Float64(), d.between(0, .7)
	per := 2 * math.Pi * seconds / 86400
	return func(row int) float64 {
		t := per * float64(row)
		return 1.2 * (math.Sin(t+a) + second*math.Sin(2*t+b))
	}
}

// sizes draws how strong each event is.
func sizes(d *draw, events []span, lo, hi float64) []float64 {
	out := make([]float64, len(events))
	for k := range out {
		out[k] = d.around(lo, hi)
	}
	return out
}

// room is a temperature indoors: weather, a day's cycle, and a heating that fails.
func room(d *draw, events []span) []float64 {
	cycle, weather, size := daily(d, 3600), 0.0, sizes(d, events, 3, 8)
	way := d.sign()
	return fill(6000, func(row int) float64 {
		weather = .99*weather + .14*d.NormFloat64()
		x := 70 + 2*weather + d.between(.9, 1.1)*cycle(row) + .3*d.NormFloat64()
		if s, k := during(events, row); k >= 0 {
			x += way * 2 * size[k] * min(1, 8*s) * min(1, 4*(1-s))
		}
		return x
	})
}

// load is what a server uses: a floor, jobs by the clock, and a process that runs
// wild or dies.
func load(d *draw, events []span) []float64 {
	floor, noise := d.around(1, 40), d.around(.02, .2)
	every, long, high := 12*(1+d.IntN(24)), 1+d.IntN(6), d.between(0, 1)
	kind, size := d.IntN(3), sizes(d, events, 1.5, 4)
	return fill(4032, func(row int) float64 {
		x := floor * math.Exp(noise*d.NormFloat64())
		if row%every < long {
			x += floor * high * d.between(.8, 1.2)
		}
		if d.Float64() < .003 {
			x += floor * d.around(.2, 2) // somebody logs in
		}
		if _, k := during(events, row); k >= 0 {
			switch kind {
			case 0:
				x += floor * size[k] * d.between(.9, 1.1)
			case 1:
				x /= 1 + size[k]
			default:
				if d.Float64() < .4 {
					x += floor * 2 * size[k] * d.between(.5, 1.5)
				}
			}
		}
		return min(x, 100*floor)
	})
}

// mentions counts what people say of a name: by day and night, in bursts small
// and, of an event, large.
func mentions(d *draw, events []span) []float64 {
	cycle, rate, burst := daily(d, 300), d.around(2, 60), 0.0
	size := sizes(d, events, 3, 20)
	return fill(15000, func(row int) float64 {
		if d.Float64() < .0006 {
			burst += d.around(.3, 3)
		}
		burst *= .93
		mean := rate * math.Exp(.4*cycle(row)+.35*d.NormFloat64()) * (1 + burst)
		if s, k := during(events, row); k >= 0 {
			mean += rate * size[k] * math.Exp(-3*s)
		}
		return math.Round(max(0, mean+math.Sqrt(mean)*d.NormFloat64()))
	})
}

// speed is that of the cars of a road: free most of the time, slow at rush hours,
// and stopped by an accident.
func speed(d *draw, events []span) []float64 {
	free, wide := d.between(50, 75), d.between(2, 5)
	rush, deep, jam := d.IntN(100), d.between(0, 20), sizes(d, events, 10, 40)
	return fill(2400, func(row int) float64 {
		x := free + wide*d.NormFloat64()
		if day := row % 144; day >= rush && day < rush+10 && row/144%7 < 5 {
			x -= deep * d.Float64()
		}
		if d.Float64() < .01 {
			x -= d.between(5, 25) // a lorry
		}
		if _, k := during(events, row); k >= 0 {
			x -= jam[k] * d.between(.6, 1)
		}
		return math.Round(max(x, 3))
	})
}

// traffic is the bytes of a network: heavy tails, a backup by night, and a flood
// or silence.
func traffic(d *draw, events []span) []float64 {
	mean, wide, backup := d.around(1e3, 1e7), d.between(.2, 1.2), d.around(3, 30)
	at, kind, size := d.IntN(288), d.IntN(4), sizes(d, events, 4, 30)
	return fill(4032, func(row int) float64 {
		x := mean * math.Exp(wide*d.NormFloat64())
		if day := row % 288; day >= at && day < at+6 {
			x += mean * backup
		}
		if _, k := during(events, row); k >= 0 {
			if kind == 0 {
				return 0
			}
			x += mean * (2*backup + size[k]) * d.between(.5, 1)
		}
		return math.Round(x)
	})
}

// clicks is what an advert costs or yields by the hour.
func clicks(d *draw, events []span) []float64 {
	cycle, mean, wide := daily(d, 3600), d.around(.05, 5), d.between(.1, .5)
	deep, size := d.between(0, .4), sizes(d, events, 2, 8)
	return fill(1600, func(row int) float64 {
		x := mean * math.Exp(deep*cycle(row)+wide*d.NormFloat64())
		if s, k := during(events, row); k >= 0 {
			x *= 1 + size[k]*(1-s)
		}
		return x
	})
}

// machine is the temperature of a large part: it wanders about where it works,
// cools down when the machine is off, and falls when it breaks.
func machine(d *draw, events []span) []float64 {
	wander, far := 0.0, 0.0
	pace, deep := d.between(.98, .995), sizes(d, events, 4, 12)
	return fill(20000, func(row int) float64 {
		wander = pace*wander + math.Sqrt(1-pace*pace)*d.NormFloat64()
		far = .9995*far + .03*d.NormFloat64()
		x := 85 + 4*wander + 4*far + .7*d.NormFloat64()
		if s, k := during(events, row); k >= 0 {
			x -= 4 * deep[k] * min(1, 6*s) * min(1, 2*(1-s))
		}
		return x
	})
}

// shift is work by shifts, high by day and low by night, and a day that is not
// like that.
func shift(d *draw, events []span) []float64 {
	low, high, noise := d.between(10, 30), d.between(50, 100), d.between(.5, 6)
	from, long, kind := 60+d.IntN(60), 60+d.IntN(80), d.IntN(4)
	size := sizes(d, events, 1.3, 2)
	return fill(4032, func(row int) float64 {
		x := low
		on := row%288 >= from && row%288 < from+long
		if on {
			x = high
		}
		if _, k := during(events, row); k >= 0 {
			switch {
			case kind == 0 && on:
				x = low
			case kind == 1:
				x = high * size[k]
			case kind == 2:
				x = low - (high-low)*(size[k]-1)
			case kind == 3:
				x = high
			}
		}
		return x + noise*(2*d.Float64()-1)
	})
}

// latency is how long a request takes: a floor, now and then one that waits, and
// an overload.
func latency(d *draw, events []span) []float64 {
	floor, wide, rare, late := d.around(10, 100), d.between(.02, .15), d.around(.001, .03), d.around(.3, 3)
	size := sizes(d, events, 1, 4)
	return fill(4032, func(row int) float64 {
		x := floor * math.Exp(wide*d.NormFloat64())
		if d.Float64() < rare {
			x += floor * late * d.ExpFloat64()
		}
		if _, k := during(events, row); k >= 0 && d.Float64() < .5 {
			x += floor * (2*late*d.ExpFloat64() + size[k])
		}
		return x
	})
}

// riders counts the passengers of a town: days, weeks, and a feast or a storm.
func riders(d *draw, events []span) []float64 {
	cycle, mean, noise, weekend := daily(d, 1800), d.around(1e3, 2e4), d.between(.03, .1), d.between(-.3, .3)
	way, size := d.IntN(2), sizes(d, events, 1.5, 4)
	return fill(10000, func(row int) float64 {
		x := 1 + .35*cycle(row)
		if row/48%7 >= 5 {
			x += weekend * .5
		}
		x = max(x, .1) * (1 + noise*d.NormFloat64())
		if _, k := during(events, row); k >= 0 {
			if x /= size[k]; way == 1 {
				x *= size[k] * size[k]
			}
		}
		return math.Round(mean * x)
	})
}

// fill makes a series of what next says of each row.
func fill(rows int, next func(row int) float64) []float64 {
	out := make([]float64, rows)
	for i := range out {
		out[i] = next(i)
	}
	return out
}

// eventSources are the kinds of series of the study.
func eventSources() []eventSource {
	return []eventSource{
		{"room", 3600, 6000, room}, {"load", 300, 4032, load}, {"mentions", 300, 15000, mentions}, {"speed", 600, 2400, speed},
		{"traffic", 300, 4032, traffic}, {"clicks", 3600, 1600, clicks}, {"machine", 300, 20000, machine},
		{"shift", 300, 4032, shift}, {"latency", 300, 4032, latency}, {"riders", 1800, 10000, riders},
	}
}

// eventRecording draws a series of a source with 0 to 3 events, in windows as NAB
// has them: a tenth of the rows in all, around the beginning of each event.
func eventRecording(s *eventSource, seed, number uint64) recording {
	d := &draw{rand.New(rand.NewPCG(seed, number))}
	r := recording{name: fmt.Sprintf("%s %d", s.name, number), train: nabProbation(s.rows), every: s.seconds, anomalous: make([]bool, s.rows)}
	n := []int{0, 1, 1, 2, 2, 3}[d.IntN(6)]
	var events []span
	if n > 0 {
		width := s.rows / 10 / n
		free := (s.rows - r.train - width) / n
		for k := range n {
			at := r.train + width + k*free + d.IntN(max(free-2*width, 1))
			long := int(d.around(4, max(8, min(86400/s.seconds/2, float64(width)/2))))
			events = append(events, span{at, at + long})
			for i := at - width/2; i <= at+width/2; i++ {
				r.anomalous[i] = true
			}
		}
	}
	r.rows = transpose([][]float64{s.make(d, events)})
	return r
}

package monitor

import (
	"fmt"
	"math"

	"github.com/quell-stream/quell/drift"
	"github.com/quell-stream/quell/internal/wire"
)

// Jumps watches the raw channels of a series: a drift.LocalLevel each, which is
// ready after 400 samples and sees jumps only. What it finds is Unknown in kind,
// since a level alone can't tell a regime from a fault. A channel that lives by the
// day is watched by what differs from earlier days, from a day and 400 samples on.
//
// It takes as much for a jump as leaves half of the rate of false alarms that is
// asked for, by what jumpsOpen says, and more where the series has shown more without a
// jump since, or the same short jump twice. Until Learnt says that a Monitor watches too it takes no more than
// LocalLevel's default, and a channel whose readings are missing
// for longer than 64 slots, and four times as long as ever before, is a Fault: DropOut. It
// stays one until a reading comes, also where a Monitor, which has learnt that there are
// none, watches by then.
// What never had a reading has not dropped out: not every device has all channels of its
// stream.
//
// A Jumps is made by NewJumps and not safe for concurrent use. Push allocates
// only where the learning ends and where a drift opens or is over.
type Jumps struct {
	cfg    Config
	levels []*level
	open   []bool
	gaps   []gap
	learnt bool  // a Monitor has learnt: it knows of missing readings
	stayed int64 // slots for which a jump has been open
}

// gap is what is known of the missing readings of a channel.
type gap struct {
	run, longest int64 // missing readings in a row, now and of the gaps that were over; longest is unheard before the first reading
	out          bool
	kept         bool // out since before the Monitor had learnt
}

// unheard is the longest gap of a channel that never had a reading.
const unheard = -1

// A channel has dropped out when so many readings are missing in a row.
const (
	earlyGap = 64
	gapOver  = 4 // times the longest gap before
)

// take counts a slot. It returns whether a channel that was out has come back.
func (g *gap) take(missing bool) (back bool) {
	if missing {
		g.run++
		g.out = g.out || g.longest != unheard && g.run > max(earlyGap, gapOver*g.longest)
		return false
	}
	if g.longest == unheard { // what lies before the first reading is no gap
		g.run, g.longest = 0, 0
	}
	if back = g.out; !back {
		g.longest = max(g.longest, g.run)
	}
	g.run, g.out, g.kept = 0, false, false
	return back
}

// What a jump takes, in the usual sizes of LocalLevel: openAt where one false alarm
// in 1e6 samples is asked for, openStep more for each tenth of that rate, never less
// than openLeast.
const (
	openAt    = 9.5
	openStep  = 1.85
	openLeast = 4.5
)

// jumpsOpen returns what a jump takes of each of so many channels. The constants were
// chosen on synthetic series: of those of quell eval drift --run jumps with the heaviest
// tails half to all of the false alarms asked for, of others hardly any; and there is
// little to win beyond that in --run events.
func jumpsOpen(rate Rate, channels int) float64 {
	return max(openAt+openStep*(tenths(rate)+math.Log10(float64(channels))), openLeast)
}

// month is a month of samples at 1 Hz.
const month = 30.4 * 86400

// tenths returns how many times rarer by ten a rate is than the default.
func tenths(rate Rate) float64 { return math.Log10(rate.Between() / DefaultRate.Between()) }

// NewJumps returns a Jumps for the channels of cfg, whose rate, names, grid and time
// until a drift is the new normal it uses.
func NewJumps(cfg Config) *Jumps {
	cfg = cfg.defaults()
	j := &Jumps{cfg: cfg, levels: make([]*level, cfg.Channels), open: make([]bool, cfg.Channels), gaps: make([]gap, cfg.Channels)}
	for c := range j.levels {
		j.gaps[c].longest = unheard
		j.begin(c)
	}
	return j
}

// begin has a channel learn.
func (j *Jumps) begin(c int) {
	cfg := drift.DefaultLocalLevel()
	cfg.Open = j.takes()
	j.levels[c], j.open[c] = newLevel(cfg, j.cfg.Every), false
	j.levels[c].habituate()
	if j.learnt {
		j.levels[c].mellow()
	}
}

// takes returns what a jump takes for now.
func (j *Jumps) takes() float64 {
	open := jumpsOpen(j.cfg.FalseAlarms, j.cfg.Channels)
	if !j.learnt { // what is looked for then is large, and more so where alarms are to be rarer than a month at 1 Hz
		open = min(open, drift.DefaultLocalLevel().Open+openStep*max(0, tenths(j.cfg.FalseAlarms)-tenths(1/month)))
	}
	return open
}

// Push takes the next slot: its time in nanoseconds, and one raw value per channel
// with whether it is missing. Of the Decision it fills in State (Learning, or Unknown
// or Fault while a drift is open), Kind, Fault, Why, Channel, Opened, Updated and
// Resolved.
func (j *Jumps) Push(t int64, values []float64, missing []bool) Decision {
	jumped, lost := j.jumped(), j.lost()
	was := jumped || lost >= 0
	d := Decision{State: Learning, Z: math.NaN(), Channel: -1, Since: -1}
	ended := -1
	for c, l := range j.levels {
		if j.gaps[c].take(missing[c]) {
			l.gap()
		}
		open := j.open[c]
		if j.open[c] = l.push(t, values[c], missing[c]); open && !j.open[c] {
			ended = c
		}
		if j.open[c] && !was && d.Channel < 0 {
			d.Channel = c
		}
	}
	j.tell(&d, was, lost, ended)
	switch {
	case j.lost() >= 0:
		d.State, d.Kind, d.Fault = Fault, Fault, DropOut
	case j.jumped():
		d.State, d.Kind = Unknown, Unknown
	}
	return d
}

// tell says what opened or is over; was is whether anything was open, lost the channel that
// had dropped out, and ended one whose jump is over at this slot.
func (j *Jumps) tell(d *Decision, was bool, lost, ended int) {
	jumped, now := j.jumped(), j.lost()
	if j.stayed++; !jumped {
		j.stayed = 0
	}
	switch {
	case now >= 0 && lost < 0:
		d.Channel, d.Opened, d.Updated = now, !was, was
		d.Why = fmt.Sprintf("%s: %d readings missing in a row, while still learning: drop-out (NE 107: failure)", j.cfg.name(now), j.gaps[now].run)
	case lost >= 0 && now < 0 && !jumped:
		d.Resolved, d.Kind, d.Fault, d.Why = true, Fault, DropOut, "readings are back"
	case jumped && !was:
		d.Opened = true
		d.Why = fmt.Sprintf("%s: %s: unknown", j.cfg.name(d.Channel), j.levels[d.Channel].describe())
		if !j.learnt {
			d.Why = fmt.Sprintf("%s: %s, while still learning: unknown", j.cfg.name(d.Channel), j.levels[d.Channel].describe())
		}
	case was && !jumped && now < 0:
		d.Resolved, d.Kind, d.Why = true, Unknown, "levels are back to usual"
		if ended < 0 {
			break
		}
		if by, off := j.levels[ended].away(); off {
			d.Away = true
			d.Why = fmt.Sprintf("%s: level stays moved by %+.1f usual deviations, and may have wandered there: it is followed from here on", j.cfg.name(ended), by)
		}
	case now < 0 && j.cfg.NewNormal > 0 && j.stayed >= int64(j.cfg.NewNormal):
		d.Resolved, d.Kind = true, Unknown
		d.Why = fmt.Sprintf("%s drift has stayed for %d samples: taken as the new normal", Unknown, j.stayed)
		j.Forget()
	}
}

// Forget has channels learn again where a jump is open: the present is normal.
func (j *Jumps) Forget() {
	for c, on := range j.open {
		if on {
			j.begin(c)
		}
	}
	j.stayed = 0
}

// lost returns a channel that has dropped out, -1 where none has or a Monitor knows.
func (j *Jumps) lost() int {
	for c := range j.gaps {
		if g := &j.gaps[c]; g.out && (g.kept || !j.learnt) {
			return c
		}
	}
	return -1
}

// jumped says whether a jump is open.
func (j *Jumps) jumped() bool {
	for _, on := range j.open {
		if on {
			return true
		}
	}
	return false
}

// Gap says that the next slot does not follow the latest.
func (j *Jumps) Gap() {
	for _, l := range j.levels {
		l.gap()
	}
}

// Learnt says that a Monitor watches from here on: a jump that is open became part of
// what is normal. It returns what is to be told.
func (j *Jumps) Learnt() Decision {
	d := Decision{State: Learning, Z: math.NaN(), Channel: -1, Since: -1}
	if j.jumped() && j.lost() < 0 {
		d.Resolved, d.Kind, d.Why = true, Unknown, Unknown+" drift taken as the new normal"
	}
	j.learnt = true
	for c := range j.gaps {
		j.gaps[c].kept = j.gaps[c].out
	}
	for _, l := range j.levels {
		l.require(j.takes())
		l.mellow()
	}
	j.Forget()
	return d
}

// Open says whether a drift is open.
func (j *Jumps) Open() bool { return j.lost() >= 0 || j.jumped() }

// carry takes over which channels have dropped out from the Jumps before.
func (j *Jumps) carry(before *Jumps) {
	for c := range j.gaps {
		if before.gaps[c].kept {
			j.gaps[c] = before.gaps[c]
			j.gaps[c].kept = false
		}
	}
}

// How a snapshot has it that a channel is out. Earlier ones do not know of outKept.
const (
	outNow  = 1
	outKept = 2
)

// AppendState appends a snapshot: 2 KiB for each channel and 5 KiB while it learns,
// and of a day that is watched 4 bytes for each slot.
func (j *Jumps) AppendState(dst []byte) []byte {
	dst = wire.I64(wire.Bool(dst, j.learnt), j.stayed)
	for c, l := range j.levels {
		g := &j.gaps[c]
		out := uint8(0)
		if g.kept {
			out = outKept
		} else if g.out {
			out = outNow
		}
		dst = l.appendState(wire.U8(wire.I64(wire.I64(dst, g.run), g.longest), out))
	}
	return dst
}

// RestoreState reads a snapshot back and returns the rest of src. The rate of false
// alarms is that of the configuration. On an error the Jumps must not be used.
func (j *Jumps) RestoreState(src []byte) ([]byte, error) {
	r := wire.NewReader(src)
	j.learnt, j.stayed = r.Bool(), r.I64()
	for c := range j.levels {
		g := gap{run: r.I64(), longest: r.I64()}
		out := r.U8()
		g.out, g.kept = out != 0, out == outKept
		if g.run < 0 || g.longest < unheard || j.stayed < 0 || out > outKept {
			r.Fail(errForeign)
		}
		j.gaps[c] = g
		j.begin(c)
		j.levels[c].restoreState(r)
		j.levels[c].require(j.takes())
		j.open[c] = j.levels[c].drifted()
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("monitor: state of jumps: %w", err)
	}
	return r.Rest(), nil
}

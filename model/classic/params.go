package classic

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// The names of the families, as used in records and tables.
const (
	MovingAverageName = "moving_average"
	SavitzkyGolayName = "savitzky_golay"
	MedianName        = "median"
	HampelName        = "hampel"
	EMAName           = "ema"
	KalmanName        = "kalman"
	WaveletName       = "wavelet"
	WienerName        = "wiener"
	ButterworthName   = "butterworth"
	HaarName          = "haar"
	IdentityName      = "identity"
)

// Full is the Lookahead of a filter that may use all that follows.
const Full = -1

// maxWindow bounds windows and look-ahead, and with them memory.
const maxWindow = 1 << 20

// maxOrder bounds the degree of a Savitzky-Golay polynomial: beyond it the
// filter passes everything.
const maxOrder = 12

// maxButterworth bounds the order of a Butterworth filter, minCutoff its cutoff
// from below: rounding would show beyond them.
const (
	maxButterworth = 8
	minCutoff      = 1e-4
)

// maxHaarLevels bounds the look-ahead of the streaming wavelet to 1023 samples.
const maxHaarLevels = 10

// A Rule chooses the threshold of a wavelet level.
type Rule uint8

// The rules.
const (
	Bayes     Rule = iota // σ²/σx per level (Chang, Yu and Vetterli 2000, BayesShrink)
	SURE                  // Stein's unbiased risk (Donoho and Johnstone 1995, SureShrink), at most universal
	Universal             // σ·√(2 ln n) (Donoho and Johnstone 1994)
)

var ruleNames = [...]string{"bayes", "sure", "universal"}

// String returns bayes, sure or universal.
func (r Rule) String() string { return name(ruleNames[:], int(r)) }

func name(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return "unknown(" + strconv.Itoa(i) + ")"
}

// Params are the settings of one filter. Each family reads the fields that its
// line names and ignores the others. The zero value names no family.
type Params struct {
	Family string // one of the names above

	// Lookahead is the number of samples after t that the estimate at t may use,
	// or Full. The zero value is the causal form. ema and identity never use any;
	// wavelet always uses the whole recording, haar at least one sample.
	Lookahead int

	Window    int     // moving_average, savitzky_golay, median, hampel: samples; wiener: taps
	Order     int     // savitzky_golay: degree of the polynomial, below Window; butterworth: 1..8
	Threshold float64 // hampel: deviations beyond which a sample is replaced by the median
	Alpha     float64 // ema: weight of the newest sample, in (0, 1]
	Lambda    float64 // kalman: measurement variance over process variance, > 0
	Trend     bool    // kalman: level and slope (process noise on the slope) rather than the level alone
	Cutoff    float64 // butterworth: frequency at which 3 dB are lost, cycles per sample, below 0.5
	Levels    int     // wavelet: levels, reduced to what the length allows; haar: to what the look-ahead allows
	Rule      Rule    // wavelet; haar: Bayes or SURE
	Hard      bool    // wavelet: keep or kill, rather than shrink
	Shifts    int     // wavelet: cycle spins that are averaged
	Sigma     float64 // wavelet, haar: noise deviation; 0: estimated from the finest details

	Taps []float64 // wiener: Taps[k] weighs y[t+Lookahead-k]; learnt by LearnWiener or LearnWienerBlind, read only
	Mean float64   // wiener: mean of the signal it was learnt from
}

// Validate reports the first setting that can't be used, in words for the
// person who typed it.
func (p Params) Validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("filter %s: "+format, append([]any{p.Family}, args...)...)
	}
	if p.Lookahead < Full || p.Lookahead > maxWindow {
		return bad("look-ahead l=%d must lie in 0..%d, or be full", p.Lookahead, maxWindow)
	}
	switch p.Family {
	case MovingAverageName, MedianName, HampelName, SavitzkyGolayName:
		if p.Window < 1 || p.Window > maxWindow {
			return bad("window w=%d must lie in 1..%d", p.Window, maxWindow)
		}
		if p.Family == HampelName && !(p.Threshold >= 0 && p.Threshold <= math.MaxFloat64) {
			return bad("threshold t=%g must be a finite number that is not negative", p.Threshold)
		}
		if p.Family == SavitzkyGolayName && (p.Order < 0 || p.Order >= p.Window || p.Order > maxOrder) {
			return bad("degree p=%d must lie in 0..%d and below the window w=%d", p.Order, maxOrder, p.Window)
		}
	case EMAName:
		if !(p.Alpha > 0 && p.Alpha <= 1) {
			return bad("weight a=%g must lie in (0, 1]", p.Alpha)
		}
	case KalmanName:
		if !(p.Lambda >= 1e-12 && p.Lambda <= 1e12) {
			return bad("ratio lambda=%g must lie in 1e-12..1e12", p.Lambda)
		}
	case WaveletName:
		switch {
		case p.Levels < 1 || p.Levels > 30:
			return bad("level=%d must lie in 1..30", p.Levels)
		case p.Shifts < 1 || p.Shifts > 1024:
			return bad("shifts=%d must lie in 1..1024", p.Shifts)
		case int(p.Rule) >= len(ruleNames):
			return bad("rule must be one of %s", strings.Join(ruleNames[:], ", "))
		case !(p.Sigma >= 0 && p.Sigma <= math.MaxFloat64):
			return bad("sigma=%g must be a finite number that is not negative", p.Sigma)
		}
	case WienerName:
		if len(p.Taps) == 0 || p.Lookahead < 0 || p.Lookahead >= len(p.Taps) {
			return bad("it has to be learnt from a recording first; quell eval does that")
		}
	case ButterworthName:
		if p.Order < 1 || p.Order > maxButterworth {
			return bad("order=%d must lie in 1..%d", p.Order, maxButterworth)
		}
		if !(p.Cutoff >= minCutoff && p.Cutoff < .5) {
			return bad("cutoff fc=%g must lie from %g to below 0.5 cycles per sample", p.Cutoff, minCutoff)
		}
	case HaarName:
		switch {
		case p.Levels < 1 || p.Levels > maxHaarLevels:
			return bad("level=%d must lie in 1..%d", p.Levels, maxHaarLevels)
		case p.Lookahead == 0:
			return bad("look-ahead l=0 leaves it no level, give at least l=1")
		case p.Rule != Bayes && p.Rule != SURE:
			return bad("rule must be bayes or sure")
		case !(p.Sigma >= 0 && p.Sigma <= math.MaxFloat64):
			return bad("sigma=%g must be a finite number that is not negative", p.Sigma)
		}
	case IdentityName:
	default:
		return unknownFamily(p.Family)
	}
	return nil
}

// Latency returns the number of samples after t that the estimate at t really
// uses, Full where that is the rest of the recording.
func (p Params) Latency() int {
	half := max(0, p.Window-1) / 2
	limit := func(most int) int {
		if p.Lookahead == Full {
			return most
		}
		return min(p.Lookahead, most)
	}
	switch p.Family {
	case MovingAverageName, MedianName, SavitzkyGolayName:
		return limit(half)
	case HampelName:
		return limit(2 * half) // half a window for the median, half for the deviations from it
	case KalmanName, WienerName, ButterworthName:
		return p.Lookahead
	case HaarName:
		return 1<<p.haarLevels() - 1
	case WaveletName:
		return Full
	default:
		return 0
	}
}

// haarLevels returns the levels of the streaming wavelet: those asked for, as
// far as their lag of 2^J - 1 samples fits into the look-ahead.
func (p Params) haarLevels() int {
	if p.Lookahead == Full {
		return p.Levels
	}
	return min(p.Levels, bits.Len(uint(p.Lookahead+1))-1)
}

// String returns the form that ParseFilter reads, with every setting of the
// family spelt out. Learnt Wiener taps are summed up, not listed.
func (p Params) String() string {
	var b strings.Builder
	b.WriteString(p.Family)
	sep := byte(':')
	put := func(key, value string) {
		b.WriteByte(sep)
		b.WriteString(key + "=" + value)
		sep = ','
	}
	num := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	ahead := func() {
		if p.Lookahead != Full {
			put("l", strconv.Itoa(p.Lookahead))
		}
	}
	switch p.Family {
	case MovingAverageName, MedianName:
		put("w", strconv.Itoa(p.Window))
		ahead()
	case SavitzkyGolayName:
		put("w", strconv.Itoa(p.Window))
		put("p", strconv.Itoa(p.Order))
		ahead()
	case HampelName:
		put("w", strconv.Itoa(p.Window))
		put("t", num(p.Threshold))
		ahead()
	case EMAName:
		put("a", num(p.Alpha))
	case KalmanName:
		model := "level"
		if p.Trend {
			model = "trend"
		}
		put("model", model)
		put("lambda", num(p.Lambda))
		ahead()
	case WaveletName:
		mode := "soft"
		if p.Hard {
			mode = "hard"
		}
		put("level", strconv.Itoa(p.Levels))
		put("rule", p.Rule.String())
		put("mode", mode)
		put("shifts", strconv.Itoa(p.Shifts))
		if p.Sigma > 0 {
			put("sigma", num(p.Sigma))
		}
	case ButterworthName:
		put("order", strconv.Itoa(p.Order))
		put("fc", num(p.Cutoff))
		if p.Lookahead == Full { // not its default
			put("l", "full")
		}
		ahead()
	case HaarName:
		put("level", strconv.Itoa(p.Levels))
		put("rule", p.Rule.String())
		if p.Sigma > 0 {
			put("sigma", num(p.Sigma))
		}
		ahead()
	case WienerName:
		put("taps", strconv.Itoa(max(p.Window, len(p.Taps))))
		ahead()
	}
	return b.String()
}

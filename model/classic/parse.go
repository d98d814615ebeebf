package classic

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// setting reads one value into p. Its errors are a short phrase.
type setting func(p *Params, v string) error

func intTo(f func(p *Params) *int) setting {
	return func(p *Params, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil {
			return fmt.Errorf("is %q, a whole number is needed", v)
		}
		*f(p) = n
		return nil
	}
}

func floatTo(f func(p *Params) *float64) setting {
	return func(p *Params, v string) error {
		x, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return fmt.Errorf("is %q, a number is needed", v)
		}
		*f(p) = x
		return nil
	}
}

func oneOf(names []string, set func(p *Params, i int)) setting {
	return func(p *Params, v string) error {
		i := slices.Index(names, v)
		if i < 0 {
			return fmt.Errorf("is %q, it must be one of %s", v, strings.Join(names, ", "))
		}
		set(p, i)
		return nil
	}
}

func lookahead(p *Params, v string) error {
	if v == "full" {
		p.Lookahead = Full
		return nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		return fmt.Errorf("is %q, a number of samples or full is needed", v)
	}
	p.Lookahead = n
	return nil
}

// settings returns the settings of a family by key, and its defaults; ok is
// false where the family can't be asked for by name.
func settings(family string) (keys map[string]setting, def Params, ok bool) {
	window := intTo(func(p *Params) *int { return &p.Window })
	def = Params{Family: family, Lookahead: Full}
	switch family {
	case MovingAverageName:
		def.Window = 5
		keys = map[string]setting{"w": window, "l": lookahead}
	case MedianName:
		def.Window = 5
		keys = map[string]setting{"w": window, "l": lookahead}
	case HampelName:
		def.Window, def.Threshold = 7, 3
		keys = map[string]setting{"w": window, "l": lookahead,
			"t": floatTo(func(p *Params) *float64 { return &p.Threshold })}
	case SavitzkyGolayName:
		def.Window, def.Order = 11, 2
		keys = map[string]setting{"w": window, "l": lookahead,
			"p": intTo(func(p *Params) *int { return &p.Order })}
	case EMAName:
		def.Alpha = 0.3
		keys = map[string]setting{"a": floatTo(func(p *Params) *float64 { return &p.Alpha })}
	case KalmanName:
		def.Lambda, def.Trend = 10, true
		keys = map[string]setting{"l": lookahead,
			"lambda": floatTo(func(p *Params) *float64 { return &p.Lambda }),
			"model":  oneOf([]string{"level", "trend"}, func(p *Params, i int) { p.Trend = i == 1 })}
	case WaveletName:
		def.Levels, def.Shifts = 5, 8
		keys = map[string]setting{
			"level":  intTo(func(p *Params) *int { return &p.Levels }),
			"shifts": intTo(func(p *Params) *int { return &p.Shifts }),
			"sigma":  floatTo(func(p *Params) *float64 { return &p.Sigma }),
			"rule":   oneOf(ruleNames[:], func(p *Params, i int) { p.Rule = Rule(i) }),
			"mode":   oneOf([]string{"soft", "hard"}, func(p *Params, i int) { p.Hard = i == 1 })}
	case ButterworthName:
		def.Order, def.Cutoff, def.Lookahead = 2, .1, 0
		keys = map[string]setting{"l": lookahead,
			"order": intTo(func(p *Params) *int { return &p.Order }),
			"fc":    floatTo(func(p *Params) *float64 { return &p.Cutoff })}
	case HaarName:
		def.Levels = 3
		keys = map[string]setting{"l": lookahead,
			"level": intTo(func(p *Params) *int { return &p.Levels }),
			"sigma": floatTo(func(p *Params) *float64 { return &p.Sigma }),
			"rule":  oneOf(ruleNames[:SURE+1], func(p *Params, i int) { p.Rule = Rule(i) })}
	case IdentityName:
	default:
		return nil, def, false
	}
	return keys, def, true
}

// ParseFilter reads a filter as it is written on the command line: a family,
// and after a colon any settings that differ from the defaults.
//
//	moving_average:w=5,l=full
//	ema:a=0.3
//	savitzky_golay:w=11,p=2,l=full
//	median:w=5,l=full
//	hampel:w=7,t=3,l=full
//	kalman:model=trend,lambda=10,l=full       model: level, trend
//	wavelet:level=5,rule=bayes,mode=soft,shifts=8    rule: bayes, sure, universal; mode: soft, hard
//	butterworth:order=2,fc=0.1,l=0
//	haar:level=3,rule=bayes,l=full            rule: bayes, sure
//	identity
//
// Here l is the look-ahead in samples; the values shown are the defaults. The
// result is valid. Errors are one sentence that says what to write instead.
func ParseFilter(s string) (Params, error) {
	family, list, more := strings.Cut(strings.TrimSpace(s), ":")
	family = strings.TrimSpace(family)
	if family == WienerName {
		return Params{}, Params{Family: WienerName}.Validate()
	}
	keys, p, ok := settings(family)
	if !ok {
		return Params{}, unknownFamily(family)
	}
	if more {
		seen := map[string]bool{}
		for item := range strings.SplitSeq(list, ",") {
			key, value, found := strings.Cut(item, "=")
			key, value = strings.TrimSpace(key), strings.TrimSpace(value)
			set := keys[key]
			switch {
			case !found:
				return Params{}, fmt.Errorf("filter %s: %q must be written as key=value", family, strings.TrimSpace(item))
			case len(keys) == 0:
				return Params{}, fmt.Errorf("filter %s: it has no settings, leave out %q", family, key)
			case set == nil:
				return Params{}, fmt.Errorf("filter %s: there is no setting %q, it knows %s",
					family, key, strings.Join(slices.Sorted(maps.Keys(keys)), ", "))
			case seen[key]:
				return Params{}, fmt.Errorf("filter %s: %s is given twice", family, key)
			}
			seen[key] = true
			if err := set(&p, value); err != nil {
				return Params{}, fmt.Errorf("filter %s: %s %w", family, key, err)
			}
		}
	}
	if err := p.Validate(); err != nil {
		return Params{}, err
	}
	return p, nil
}

func unknownFamily(name string) error {
	return fmt.Errorf("filter: there is no filter %q, choose one of %s", name, strings.Join([]string{
		MovingAverageName, EMAName, SavitzkyGolayName, MedianName, HampelName, KalmanName, WaveletName,
		ButterworthName, HaarName, IdentityName}, ", "))
}

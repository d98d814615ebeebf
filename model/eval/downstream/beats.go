package downstream

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// beatSymbols are the annotations of PhysioNet that mark a heartbeat of any
// kind; others mark rhythm, noise and waves.
const beatSymbols = "NLRBAaJSVrFejnE/fQ?"

// ReadBeats reads reference beats: CSV with a header, plain or gzip (told by
// content), in the first column the index of the sample, counting from 0, in the second the symbol of PhysioNet's
// annotations. It returns the samples of the heartbeats, rising; rows with
// other symbols are left out. name stands for the file in errors.
func ReadBeats(name string, r io.Reader) ([]int, error) {
	plain, err := unzipped(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	c := csv.NewReader(plain)
	c.FieldsPerRecord, c.ReuseRecord = -1, true
	var out []int
	for first := true; ; first = false {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if first {
			continue
		}
		line, _ := c.FieldPos(0)
		if len(row) < 2 {
			return nil, fmt.Errorf("%s:%d: one field; a beat has two, its sample and its symbol", name, line)
		}
		at, err := strconv.Atoi(row[0])
		if err != nil || at < 0 {
			return nil, fmt.Errorf("%s:%d: %q is not the index of a sample", name, line, row[0])
		}
		if len(row[1]) == 1 && strings.Contains(beatSymbols, row[1]) {
			out = append(out, at)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no beats; the first column must hold samples, the second symbols such as N or V", name)
	}
	slices.Sort(out)
	return out, nil
}

func unzipped(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	if head, err := b.Peek(2); err != nil || head[0] != 0x1f || head[1] != 0x8b {
		return b, nil // a read that failed fails again
	}
	return gzip.NewReader(b)
}

// BeatScore compares beats found with reference beats.
type BeatScore struct{ Found, Missed, False int }

// tolerance is how far a beat may be found from where it is.
const tolerance = .05 // seconds

// MatchBeats pairs beats found with reference beats, both rising, that lie within
// 50 ms of each other, one to one.
func MatchBeats(want, got []int, rateHz float64) (s BeatScore) {
	near := int(math.Round(tolerance * rateHz))
	for len(want) > 0 && len(got) > 0 {
		switch d := got[0] - want[0]; {
		case d < -near:
			s.False++
			got = got[1:]
		case d > near:
			s.Missed++
			want = want[1:]
		default:
			s.Found++
			want, got = want[1:], got[1:]
		}
	}
	s.Missed += len(want)
	s.False += len(got)
	return s
}

// Sensitivity returns the share of beats that were found, NaN where there are
// none.
func (s BeatScore) Sensitivity() float64 { return float64(s.Found) / float64(s.Found+s.Missed) }

// Predictivity returns the share of what was found that is a beat (positive
// predictive value), NaN where nothing was found.
func (s BeatScore) Predictivity() float64 { return float64(s.Found) / float64(s.Found+s.False) }

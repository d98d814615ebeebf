package drifteval

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/quell-stream/quell/drift/golden"
	"github.com/quell-stream/quell/internal/scoreboard"
)

// parity compares the detectors of package drift with River's and Frouros's.
func parity() scoreboard.Study {
	return scoreboard.Study{
		Name: "golden",
		Doc:  "cases of River 0.26.1, Frouros 0.9.0 and SciPy in golden/drift, beside the folder of recordings",
		Run: func(ctx context.Context, o *scoreboard.Options) ([]scoreboard.Row, error) {
			row := scoreboard.Row{Name: "golden vectors, % equal", Anchor: "River, Frouros, SciPy", Must: scoreboard.AtLeast(100), Got: math.NaN()}
			dir := filepath.Join(o.Data, "..", "golden", "drift")
			if _, err := os.Stat(dir); o.Data == "" || errors.Is(err, fs.ErrNotExist) {
				row.Note = "no data: put golden/drift beside the folder of --data"
				return []scoreboard.Row{row}, nil
			}
			cases, err := goldenCases(dir)
			if err != nil {
				return nil, err
			}
			if o.Quick {
				cases = oneIn(cases, 5)
			}
			equal, err := countEqual(ctx, o, cases)
			if err != nil {
				return nil, err
			}
			row.Got = 100 * float64(equal) / float64(len(cases))
			row.Note = fmt.Sprintf("%d of %d cases", equal, len(cases))
			return []scoreboard.Row{row}, nil
		},
	}
}

func goldenCases(dir string) ([]golden.Case, error) {
	expected := filepath.Join(dir, "expected")
	cases, err := golden.Load(expected, filepath.Join(dir, "streams"))
	if err != nil {
		return nil, err
	}
	exact, err := golden.LoadKS(filepath.Join(expected, "ks_2samp.json"))
	return append(cases, exact...), err
}

func oneIn(cases []golden.Case, n int) []golden.Case {
	var some []golden.Case
	for i := 0; i < len(cases); i += n {
		some = append(some, cases[i])
	}
	return some
}

// countEqual runs the cases and counts those without a difference.
func countEqual(ctx context.Context, o *scoreboard.Options, cases []golden.Case) (int, error) {
	var equal atomic.Int64
	errs := make([]error, len(cases))
	err := parallel(ctx, len(cases), func(i int) {
		bad, err := cases[i].Run()
		switch {
		case err != nil:
			errs[i] = err
		case len(bad) == 0:
			equal.Add(1)
		default:
			o.Tell("golden: %s: %s", cases[i].Name, bad[0])
		}
	})
	return int(equal.Load()), errors.Join(append(errs, err)...)
}

// Command colourstudy fits and judges the test for coloured noise of package
// noise.
//
//	go run ./model/noise/colourstudy ../shared
//
// adds white noise and AR(1) noise at 0 to 20 dB to every recording below
// ../shared/data and prints how often the test says that the noise is coloured.
// Noise is relative to the variance of the first 60 %.
//
//	go run ./model/noise/colourstudy -generated 1000
//
// does the same with generated recordings, and
//
//	go run ./model/noise/colourstudy -fit 40000
//	go run ./model/noise/colourstudy -fit-estimate 16000
//
// fit the network of the test and those of its estimates to that many generated
// recordings, none of which the other commands use, and write
// model/noise/colour_weights.go and colour_weights_estimate.go.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "colourstudy:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	fs := flag.NewFlagSet("colourstudy", flag.ContinueOnError)
	recordings := fs.Int("fit", 0, "fit the network of the flag to `N` generated recordings")
	estimated := fs.Int("fit-estimate", 0, "fit the networks of ρ and σ to `N` generated recordings")
	out := fs.String("o", "", "`file` that is written by a fit (default model/noise/colour_weights.go or …_estimate.go)")
	generated := fs.Int("generated", 0, "judge `N` generated recordings")
	rho := fs.Float64("rho", .9, "coefficient of the AR(1) noise added")
	most := fs.Int("most", 100_000, "longest recording judged, in samples")
	if err := fs.Parse(args); err != nil {
		return err
	}
	switch {
	case *recordings > 0:
		return fitFlag(*recordings, cmp.Or(*out, "model/noise/colour_weights.go"))
	case *estimated > 0:
		return fitEstimate(*estimated, cmp.Or(*out, "model/noise/colour_weights_estimate.go"))
	case *generated > 0:
		return report(os.Stdout, generate(*generated), *rho)
	case fs.NArg() != 1:
		return errors.New("name the folder that holds data, as in: colourstudy ../shared")
	}
	rs, err := load(filepath.Join(fs.Arg(0), "data"))
	if err != nil {
		return err
	}
	for i := range rs {
		rs[i].x = rs[i].x[:min(len(rs[i].x), *most)]
	}
	return report(os.Stdout, rs, *rho)
}

func generate(n int) []recording {
	rs := make([]recording, n)
	each(n, func(i int) {
		rng := rand.New(rand.NewPCG(2, uint64(i)))
		rs[i] = recording{fmt.Sprintf("generated %d", i), clean(8000+rng.IntN(16000), rng)}
	})
	return rs
}

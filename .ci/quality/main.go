// Command quality prints every row of the denoising targets that the recordings
// of a folder allow, with what must and what should be reached beside each, and
// fails where a must is missed: usage: quality [flags] PATH-TO-QUELL PATH-TO-SHARED
//
// It drives the built binary as a user would, and scores what comes out itself
// where quell eval has no such figure. docs/quality.md has the protocol.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "quality:", err)
		os.Exit(1)
	}
	fmt.Println("quality: ok")
}

// mostEvery leaves cells at all levels.
const mostEvery = 16

// options are the flags.
type options struct {
	run                     *regexp.Regexp
	seeds, every            int
	quick, strict, verbose  bool
	open, markdown, cacheAt string
}

func run() error {
	var o options
	filter := flag.String("run", "", "only rows whose name matches this `regexp`")
	flag.BoolVar(&o.quick, "quick", false, "the subset that CI runs: the rows marked so, one training seed, one recording of a kind")
	flag.IntVar(&o.seeds, "seeds", runs, "training `seeds` of the trained rows, of which the median is told")
	flag.IntVar(&o.every, "every", 1, "only each `N`-th cell of the sweep, that is a recording at a level")
	flag.BoolVar(&o.strict, "strict", false, "what is not available or not met yet (-open) counts as missed")
	flag.BoolVar(&o.verbose, "v", false, "a line per recording and level too")
	flag.StringVar(&o.open, "open", "", "`file` with the names of rows that are known to miss their must")
	flag.StringVar(&o.markdown, "markdown", "", "`file` whose table between the markers is rewritten")
	flag.StringVar(&o.cacheAt, "cache", "", "`folder` for trained models, noisy files and scores; default: quell-quality in the user's cache folder")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: quality [flags] PATH-TO-QUELL PATH-TO-SHARED")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 2 {
		flag.Usage()
		os.Exit(2)
	}
	var err error
	if o.run, err = regexp.Compile(*filter); err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	switch {
	case o.seeds < 1:
		return errors.New("-seeds: at least one is needed")
	case o.every < 1 || o.every > mostEvery:
		return fmt.Errorf("-every: 1 takes all cells, 4 each fourth, %d is the most", mostEvery)
	case o.markdown != "" && (*filter != "" || o.quick || o.every > 1):
		return errors.New("-markdown takes all rows: leave -run, -quick and -every out")
	case o.quick:
		o.seeds = 1
	}
	if o.cacheAt == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("%w: name a folder with -cache", err)
		}
		o.cacheAt = filepath.Join(dir, "quell-quality")
	}
	began := time.Now()
	l, err := newLab(flag.Arg(0), filepath.Join(flag.Arg(1), "data"), &o)
	if err != nil {
		return err
	}
	r, err := newReport(&o)
	if err != nil {
		return err
	}
	for _, row := range rows() {
		if o.run.MatchString(row.name) && (row.quick || !o.quick) {
			r.add(row, l)
		}
	}
	fmt.Printf("%d rows in %s\n", len(r.lines), time.Since(began).Round(time.Second))
	if o.markdown != "" {
		if err := r.rewrite(o.markdown); err != nil {
			return err
		}
	}
	return r.verdict()
}

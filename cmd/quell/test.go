package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/cmd/quell/fixture"
)

// fixtureEnding is what the names of fixtures in a folder end in.
const fixtureEnding = ".fixture.yaml"

func testCmd(s streams) *cobra.Command {
	var update, verbose, asJSON bool
	cmd := &cobra.Command{
		Use:   "test PATH…",
		Short: "Run fixtures through the whole pipeline and compare",
		Long: `Run fixtures through the whole pipeline of a configuration and compare what comes out.
A fixture is a YAML file: the configuration, messages that come in, and the records,
events and dead letters that are expected. It needs no broker, writes to no sink and has
a state of its own. Of a folder all files that end in ` + fixtureEnding + ` are run.

With --update what came out is written into the files as what is expected; look at it
before you keep it. Exits 1 where something is not as expected.`,
		Example: `  quell test tests/
  quell test pumps.fixture.yaml --update`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError("%s takes fixtures, or folders of them", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			paths, err := fixturesIn(args)
			if err != nil {
				return err
			}
			log := slog.New(slog.DiscardHandler)
			if verbose {
				log = slog.New(slog.NewTextHandler(s.err, nil))
			}
			return runFixtures(cmd.Context(), s, paths, log, update, asJSON)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&update, "update", false, "write what came out into the files")
	f.BoolVarP(&verbose, "verbose", "v", false, "print the log of the pipeline")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// fixturesIn returns files as they are and those of folders.
func fixturesIn(args []string) (paths []string, err error) {
	for _, a := range args {
		info, err := os.Stat(a)
		if err != nil {
			return nil, usageError("%w", err)
		}
		if !info.IsDir() {
			paths = append(paths, a)
			continue
		}
		n := len(paths)
		err = filepath.WalkDir(a, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(path, fixtureEnding) {
				paths = append(paths, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		if len(paths) == n {
			return nil, usageError("%s: there is no file that ends in %s", a, fixtureEnding)
		}
	}
	return paths, nil
}

// verdictOf is what quell test --json prints of a fixture.
type verdictOf struct {
	Path    string   `json:"path"`
	OK      bool     `json:"ok"`
	Records int      `json:"records"`
	Events  int      `json:"events"`
	Dead    int      `json:"dead"`
	Diffs   []string `json:"diffs"`
}

func runFixtures(ctx context.Context, s streams, paths []string, log *slog.Logger, update, asJSON bool) error {
	failed := 0
	var all []verdictOf
	for _, path := range paths {
		v, err := runFixture(ctx, s, path, log, update)
		if err != nil {
			return err
		}
		if all = append(all, v); !v.OK {
			failed++
		}
		if asJSON {
			continue
		}
		switch {
		case update:
			fmt.Fprintf(s.out, "%s: updated: %s, %s, %s\n", path, count(v.Records, "record"), count(v.Events, "event"), count(v.Dead, "dead letter"))
		case v.OK:
			fmt.Fprintf(s.out, "%s  %s\n", colour(s.out, "32", "ok  "), path)
		default:
			fmt.Fprintf(s.out, "%s  %s\n", colour(s.out, "31", "fail"), path)
			for _, d := range v.Diffs {
				fmt.Fprintln(s.out, "      "+d)
			}
		}
	}
	if asJSON {
		if err := json.NewEncoder(s.out).Encode(map[string]any{"ok": failed == 0, "fixtures": all}); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %s not as expected", failed, count(len(paths), "fixture"))
	}
	return nil
}

func runFixture(ctx context.Context, s streams, path string, log *slog.Logger, update bool) (v verdictOf, err error) {
	f, err := fixture.Load(path)
	if err != nil {
		return v, &codeError{exitConfig, err}
	}
	cfg, _, err := readConfig(s, f.ConfigPath())
	if err != nil {
		return v, err
	}
	got, err := f.Run(ctx, cfg, log)
	if err != nil {
		return v, err
	}
	if ctx.Err() != nil {
		return v, errors.New("stopped before the end of the fixture")
	}
	v = verdictOf{Path: path, OK: true, Records: len(got.Records), Events: len(got.Events), Dead: len(got.Dead), Diffs: []string{}}
	if update {
		return v, f.Update(got)
	}
	if diffs := f.Compare(got); len(diffs) > 0 {
		v.OK, v.Diffs = false, diffs
	}
	return v, nil
}

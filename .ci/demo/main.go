// Command demo runs quell demo as a user would, with seeds that it draws, and
// checks what it says at the end: usage: demo PATH-TO-QUELL [SEED...]
//
// Names and promotions are decisions on evidence that is drawn: of all seeds together one
// may be missed, which is told. Nothing may be lost, left unfound or found where nothing
// was changed.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
)

type report struct {
	SamplesIn  int64 `json:"samples_in"`
	SamplesOut int64 `json:"samples_out"`
	Pending    int64 `json:"pending"`
	Lost       int64 `json:"lost"`
	Duplicates int64 `json:"duplicates"`
	Balanced   bool  `json:"balanced"`
	Sensors    []struct {
		Series string   `json:"series"`
		Gain   *float64 `json:"gain_db"`
	} `json:"sensors"`
	Drifts []struct {
		Series       string   `json:"series"`
		Delay        *float64 `json:"delay_s"`
		InjectedKind *string  `json:"injected_kind"`
		Kind         *string  `json:"kind"`
		Why          string   `json:"why"`
	} `json:"drifts"`
	FineTunes []fineTune `json:"finetunes"`
}

type fineTune struct {
	Series  string   `json:"series"`
	Verdict string   `json:"verdict"`
	Gain    *float64 `json:"gain_db"`
	Why     string   `json:"why"`
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: demo PATH-TO-QUELL [SEED...]")
		os.Exit(2)
	}
	seeds := os.Args[2:]
	for len(seeds) < 3 {
		seeds = append(seeds, strconv.FormatUint(uint64(rand.Uint32()), 10))
	}
	var errs []error
	missed := 0
	for _, s := range seeds {
		n, err := check(os.Args[1], s, true)
		errs, missed = append(errs, err), missed+n
	}
	_, err := check(os.Args[1], seeds[0], false)
	if errs = append(errs, err); missed > mostMissed {
		errs = append(errs, fmt.Errorf("%d names or promotions were missed, %d may be", missed, mostMissed))
	}
	if err := errors.Join(errs...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("demo: ok")
}

// mostMissed is how many names and promotions of all seeds may be missed.
const mostMissed = 1

// check runs one demo, tells how many names and promotions it missed, and says what else
// is not as it should be.
func check(quell, seed string, inject bool) (missed int, err error) {
	args := []string{"demo", "--headless", "--json", "--seed", seed, "--for", "60s"}
	if !inject {
		args = append(args[:len(args)-1], "30s", "--no-inject")
	}
	cmd := exec.Command(quell, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	var errs []error
	if err := cmd.Run(); err != nil {
		errs = append(errs, err)
	}
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return 0, fmt.Errorf("seed %s: %w: %s", seed, errors.Join(append(errs, err)...), out.Bytes())
	}
	errs = append(errs, r.problems(inject)...)
	r.print(seed, inject)
	if inject {
		misses := r.misses()
		for _, m := range misses {
			fmt.Println("  missed:", m)
		}
		missed = len(misses)
	}
	if err := errors.Join(errs...); err != nil {
		return missed, fmt.Errorf("seed %s, inject %v: %w", seed, inject, err)
	}
	return missed, nil
}

func (r *report) problems(inject bool) (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if r.Lost != 0 || !r.Balanced || r.SamplesIn == 0 || r.SamplesIn != r.SamplesOut+r.Pending {
		bad("in %d, out %d, pending %d, lost %d, balanced %v", r.SamplesIn, r.SamplesOut, r.Pending, r.Lost, r.Balanced)
	}
	if m := r.gains(); len(m) == 0 || m[0] <= 0 || m[len(m)/2] < 5 {
		bad("gains %v: want each above 0 and a median of 5 dB", m)
	}
	if !inject {
		for _, d := range r.Drifts {
			bad("a drift that was not injected: %s: %s", d.Series, d.Why)
		}
		return errs
	}
	var found []string
	for _, d := range r.Drifts {
		if d.InjectedKind == nil {
			continue // an alarm too many; the run without injections counts those
		}
		if d.Delay == nil {
			bad("%s on %s was not found", *d.InjectedKind, d.Series)
			continue
		}
		found = append(found, *d.InjectedKind)
	}
	if slices.Sort(found); !slices.Equal(found, []string{"fault", "noise", "regime"}) {
		bad("found %q, want a change of noise, one of regime and a fault", found)
	}
	// What was refused for its noise never came to the gate.
	if !slices.ContainsFunc(r.FineTunes, func(f fineTune) bool { return f.Gain != nil }) {
		bad("no fine-tune came to the gate's verdict")
	}
	return errs
}

// misses returns what was found and not named right, and that nothing was promoted.
func (r *report) misses() (all []string) {
	for _, d := range r.Drifts {
		if d.InjectedKind != nil && d.Delay != nil && (d.Kind == nil || *d.Kind != *d.InjectedKind) {
			all = append(all, fmt.Sprintf("%s on %s was named %s: %s", *d.InjectedKind, d.Series, named(d.Kind), d.Why))
		}
	}
	if !slices.ContainsFunc(r.FineTunes, func(f fineTune) bool { return f.Verdict == "promoted" }) {
		all = append(all, "no challenger was promoted")
	}
	return all
}

func (r *report) gains() []float64 {
	var g []float64
	for _, s := range r.Sensors {
		if s.Gain != nil {
			g = append(g, *s.Gain)
		}
	}
	slices.Sort(g)
	return g
}

func named(kind *string) string {
	if kind == nil {
		return "nothing"
	}
	return *kind
}

func (r *report) print(seed string, inject bool) {
	fmt.Printf("seed %s, inject %v: %d in, %d out, %d pending, %d lost, %d duplicates; gains %v dB\n", seed, inject, r.SamplesIn, r.SamplesOut, r.Pending, r.Lost, r.Duplicates, r.gains())
	for _, d := range r.Drifts {
		injected, delay := "nothing", "not found"
		if d.InjectedKind != nil {
			injected = *d.InjectedKind
		}
		if d.Delay != nil {
			delay = fmt.Sprintf("after %.1f s", *d.Delay)
		}
		fmt.Printf("  %s on %s: %s, named %s\n", injected, d.Series, delay, named(d.Kind))
	}
	for _, f := range r.FineTunes {
		fmt.Printf("  fine-tune on %s %s: %s\n", f.Series, f.Verdict, f.Why)
	}
}

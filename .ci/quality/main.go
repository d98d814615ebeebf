// Command quality trains for a short while on a real recording, scores the
// result and the base model by quell eval, makes an int8 model of the base
// model, and compares with what is asked of them: usage: quality PATH-TO-QUELL PATH-TO-SHARED
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The gains asked for, in dB, on record 100 with white noise at 10 dB and a
// look-ahead of 8 samples.
const (
	zeroShot = 8.4
	trained  = 9.2
	steps    = "1000" // a quarter of what the default recipe takes
	lostMost = .1     // that an int8 model may lose
)

type result struct {
	Method string  `json:"method"`
	SNRIn  float64 `json:"snr_in_db"`
	Gain   float64 `json:"gain_db"`
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: quality PATH-TO-QUELL PATH-TO-SHARED")
		os.Exit(2)
	}
	if err := run(os.Args[1], filepath.Join(os.Args[2], "data/ecg_mitdb/mitdb_100.csv.gz")); err != nil {
		fmt.Fprintln(os.Stderr, "quality:", err)
		os.Exit(1)
	}
	fmt.Println("quality: ok")
}

func run(quell, data string) error {
	dir, err := os.MkdirTemp("", "quality-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "ecg.quell")
	if _, err := command(quell, "train", data, "--clean", "mlii_mv=mlii_mv", "--corrupt", "gaussian:snr=10", "--lookahead", "8",
		"--steps", steps, "--seed", "1", "-o", file); err != nil {
		return err
	}
	out, err := command(quell, "eval", data, "--channels", "mlii_mv", "--snr", "10", "--seeds", "3", "--model", "base", "--model", file, "--json")
	if err != nil {
		return err
	}
	var r struct {
		Results []result `json:"results"`
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return err
	}
	gain := map[string]float64{}
	for _, x := range r.Results {
		name, _, _ := strings.Cut(x.Method, "@")
		gain[name] = x.Gain
		fmt.Printf("  %-18s %6.2f dB\n", x.Method, x.Gain)
	}
	var errs []error
	atLeast := func(name string, least float64) {
		if g, ok := gain[name]; !ok || g < least {
			errs = append(errs, fmt.Errorf("%s gains %.2f dB, want at least %.2f", name, g, least))
		}
	}
	atLeast("base", zeroShot)
	atLeast("trained", trained)
	for _, f := range []string{"moving_average", "savitzky_golay", "median", "kalman", "wavelet"} {
		g, ok := gain[f]
		if !ok || g <= 0 {
			errs = append(errs, fmt.Errorf("%s is not in the table", f))
		}
		atLeast("base", g)
	}
	lost, bytes, err := quantize(quell, data, filepath.Join(dir, "base8.quell"))
	if err != nil {
		return err
	}
	fmt.Printf("  %-18s %6.2f dB lost, %d bytes\n", "base, int8", lost, bytes)
	if !(lost <= lostMost) {
		errs = append(errs, fmt.Errorf("the int8 model of base loses %.2f dB, want at most %.2f", lost, lostMost))
	}
	return errors.Join(errs...)
}

// quantize returns what the int8 model of base loses, and its size.
func quantize(quell, data, file string) (lost float64, bytes int, err error) {
	out, err := command(quell, "model", "quantize", "base", "--lookahead", "8", "--data", data, "--channels", "mlii_mv", "--json", "-o", file)
	if err != nil {
		return 0, 0, err
	}
	var r struct {
		Bytes    int `json:"bytes"`
		Channels []struct {
			Lost float64 `json:"lost_db"`
		} `json:"channels"`
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return 0, 0, err
	}
	if len(r.Channels) != 1 {
		return 0, 0, fmt.Errorf("%d channels came out of one", len(r.Channels))
	}
	return r.Channels[0].Lost, r.Bytes, nil
}

func command(name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return out, nil
}

package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/quell-stream/quell/sink"
)

// TestDenoiseIsWhatRunGives: the pair of commands that docs/formats/csv.md names gives
// the same values, and with the limits of configs/file.yaml it does not.
func TestDenoiseIsWhatRunGives(t *testing.T) {
	const limits = ", min: -40, max: 150"
	recording, err := filepath.Abs("../../configs/readings.csv")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("../../configs/file.yaml")
	if err != nil || !strings.Contains(string(b), limits) {
		t.Fatalf("configs/file.yaml has other limits: %v", err)
	}
	offline, errs, code := quell(t, "denoise", recording, "--series", "device", "--lookahead", "8", "--rate", "1")
	if code != 0 {
		t.Fatal(errs)
	}
	want := map[string]string{}
	rows, err := csv.NewReader(strings.NewReader(offline)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	col := map[string]int{}
	for i, name := range rows[0] {
		col[name] = i
	}
	for _, r := range rows[1:] {
		want[r[0]+r[1]] = r[col["temp_clean"]] + " " + r[col["p_clean"]]
	}
	for _, limited := range []bool{false, true} {
		dir := t.TempDir()
		text := strings.ReplaceAll(string(b), "configs/readings.csv", recording)
		text = strings.ReplaceAll(text, "state_dir: quell-state", "state_dir: "+dir+"/state\nhttp: {listen: off}")
		text = strings.ReplaceAll(text, "clean.jsonl", dir+"/clean.jsonl")
		if !limited {
			text = strings.ReplaceAll(text, limits, "")
		}
		path := filepath.Join(dir, "quell.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, errs, code := quell(t, "run", "-c", path); code != 0 {
			t.Fatal(errs)
		}
		lines, err := os.ReadFile(filepath.Join(dir, "clean.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		n, other := 0, 0
		for line := range strings.Lines(string(lines)) {
			r, err := sink.ParseRecord([]byte(line))
			if err != nil {
				t.Fatal(err)
			}
			n++
			got := fmt.Sprint(cellText(r.Values[0].Clean), " ", cellText(r.Values[1].Clean))
			if got != want[time.Unix(0, r.Time).UTC().Format(time.RFC3339)+r.Series] {
				other++
			}
		}
		if n != len(want) || (other > 0) != limited {
			t.Errorf("limits %v: %d of %d records differ from %d rows", limited, other, n, len(want))
		}
	}
}

// cellText writes a value as a recording does.
func cellText(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

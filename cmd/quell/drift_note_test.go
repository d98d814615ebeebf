package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quell-stream/quell/drift/monitor"
)

// TestDriftNoteAfterADrift: a detector that learns anew after a drift has watched, which its
// note says, behind the lines that it is about.
func TestDriftNoteAfterADrift(t *testing.T) {
	var rows strings.Builder
	rows.WriteString("x\n")
	for i := range 2200 {
		fmt.Fprintf(&rows, "%d\n", i*7919%101+i/1700*300)
	}
	path := filepath.Join(t.TempDir(), "x.csv")
	if err := os.WriteFile(path, []byte(rows.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	det, err := monitor.ParseDetector(map[string]string{"calibration": "1200"})
	if err != nil {
		t.Fatal(err)
	}
	var both bytes.Buffer
	if err := detect(streams{out: &both, err: &both}, path, "", det, 0); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(both.String()), "\n")
	note := lines[len(lines)-1]
	if !strings.Contains(both.String(), `"drift":true`) || !strings.HasPrefix(note, "note: the detector learns anew, from ") || strings.Contains(both.String(), "nothing was watched") {
		t.Errorf("told %q", both.String())
	}
}

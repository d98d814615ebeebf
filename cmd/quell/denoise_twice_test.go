package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDenoiseTwice: what was denoised is not denoised again with two columns of one name; the
// error names the channels that can be.
func TestDenoiseTwice(t *testing.T) {
	in := ordered(t, 300, func(r []string) []string { return r })
	dir := t.TempDir()
	once, twice := filepath.Join(dir, "once.csv"), filepath.Join(dir, "twice.csv")
	if _, errs, code := quell(t, "denoise", in, "-o", once); code != 0 {
		t.Fatal(errs)
	}
	_, errs, code := quell(t, "denoise", once, "-o", twice)
	if want := "two columns of the output would be named a_clean, as where what was denoised is denoised again: choose the channels with --channels a\n"; code != 1 || !strings.HasSuffix(errs, want) {
		t.Errorf("rc %d, told %q, want %q", code, errs, want)
	}
	if _, errs, code := quell(t, "denoise", once, "--channels", "a", "-o", twice); code != 0 {
		t.Fatal(errs)
	}
	a, err := os.ReadFile(once)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(twice); err != nil || string(a) != string(b) {
		t.Errorf("the readings of what was denoised do not give the same (%v)", err)
	}
}

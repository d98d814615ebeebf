package scoreboard

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func table() []Row {
	return []Row{
		{Name: "aim", Must: AtLeast(1), Aim: AtLeast(2), Got: 2},
		{Name: "must", Must: AtMost(1), Aim: AtMost(0), Got: .5},
		{Name: "missed", Must: AtMost(1), Got: 2},
		{Name: "shown", Got: 3},
		{Name: "absent", Must: AtMost(1), Got: math.NaN(), Note: "needs --data"},
	}
}

func TestVerdicts(t *testing.T) {
	rows := table()
	for i, want := range []string{AimMet, MustMet, Missed, Shown, Empty} {
		if got := rows[i].Verdict(); got != want {
			t.Errorf("%s: %q, want %q", rows[i].Name, got, want)
		}
	}
	if n := MissedOf(rows); n != 1 {
		t.Errorf("%d rows miss what they must, want 1", n)
	}
}

func TestMarkOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "open.txt")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rows := table()
	write("# for people\nmissed\tbecause\n")
	if err := MarkOpen(rows, path); err != nil {
		t.Fatal(err)
	}
	if MissedOf(rows) != 0 || rows[2].Verdict() != Known {
		t.Errorf("a row that is known to miss its must is told as %q", rows[2].Verdict())
	}
	write("mised\tbecause\n")
	if err := MarkOpen(rows, path); err == nil || !strings.Contains(err.Error(), `"mised"`) {
		t.Errorf("a row that is not there: %v", err)
	}
}

func TestWriteJSON(t *testing.T) {
	var b bytes.Buffer
	if err := WriteJSON(&b, table()[3:]); err != nil {
		t.Fatal(err)
	}
	const want = `{"rows":[{"name":"shown","measured":3,"verdict":""},{"name":"absent","must":"≤ 1","measured":null,"verdict":"not measured","note":"needs --data"}]}` + "\n"
	if b.String() != want {
		t.Errorf("%s, want %s", b.String(), want)
	}
}

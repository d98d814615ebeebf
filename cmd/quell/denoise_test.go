package main

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/internal/sharedtest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/model/train"
)

// tinyModel saves a small model for each channel by itself, or for two at once.
func tinyModel(t *testing.T, channels, lookahead int) string {
	t.Helper()
	arch := train.TCNArch(channels, 4, 3, []int{1, 2}, lookahead)
	net, err := nn.New(arch.Spec, 1)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(model.Header{Name: "tiny", Kind: arch.Kind, Inputs: arch.Inputs, Channels: channels, Spread: arch.Spread,
		Residual: arch.Residual, InSigma: arch.InSigma, Scaler: model.Scaler{Kind: model.ScaleRunning}}, net)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tiny.quell")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// recording writes a noisy sine of n rows, with a missing value now and then.
func recording(t *testing.T, n int) string {
	t.Helper()
	rng := rand.New(rand.NewPCG(3, 3))
	var b strings.Builder
	b.WriteString("t,v\n")
	for i := range n {
		v := fmt.Sprint(math.Sin(float64(i)/30) + 0.2*rng.NormFloat64())
		if rng.IntN(40) == 0 {
			v = ""
		}
		fmt.Fprintf(&b, "%d,%s\n", i, v)
	}
	path := filepath.Join(t.TempDir(), "in.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// quell runs a command line.
func quell(t *testing.T, args ...string) (out, errs string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, streams{strings.NewReader(""), &o, &e})
	return o.String(), e.String(), code
}

// TestDenoiseWithModelFile: a model of a file denoises; chunks change nothing.
func TestDenoiseWithModelFile(t *testing.T) {
	in, m := recording(t, 2000), tinyModel(t, 0, 3)
	var want string
	for _, chunk := range []string{"1", "7", "1000", "1000000"} {
		out, errs, code := quell(t, "denoise", in, "--time", "t", "--model", m, "--chunk", chunk)
		if code != 0 || errs != "" {
			t.Fatalf("exit code %d: %s", code, errs)
		}
		if want == "" {
			want = out
		}
		if out != want {
			t.Errorf("chunks of %s change the output", chunk)
		}
	}
	rows, err := csv.NewReader(strings.NewReader(want)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	methods := map[string]int{}
	for _, r := range rows[1:] {
		count[r[5]+" "+strings.TrimSuffix(strings.TrimSuffix(r[7], "cycles"), " ")]++ // which may come with any
		methods[r[6]]++
	}
	if len(rows) != 2001 || count["good "] < 1500 || count["filled null"] < 20 || count["good no_lookahead"]+count["filled null no_lookahead"] != 3 {
		t.Errorf("%d rows: %v", len(rows), count)
	}
	// The net has not been trained: a filter takes over.
	if methods["net"] < 256 || 2001-methods["net"] < 500 {
		t.Errorf("methods %v", methods)
	}
}

// TestDenoiseOut: the output never replaces the input, and is compressed as its
// name says.
func TestDenoiseOut(t *testing.T) {
	in := recording(t, 300)
	before, err := os.ReadFile(in)
	if err != nil {
		t.Fatal(err)
	}
	if _, errs, code := quell(t, "denoise", in, "--filter", "ema", "-o", in); code != exitUsage || !strings.Contains(errs, "never overwritten") {
		t.Errorf("output over input: exit code %d, %s", code, errs)
	}
	after, err := os.ReadFile(in)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(before), string(after)); d != "" {
		t.Error(d)
	}
	zipped := filepath.Join(t.TempDir(), "out.gz")
	if _, errs, code := quell(t, "denoise", in, "--channels", "v", "--filter", "ema", "-o", zipped); code != 0 {
		t.Fatal(errs)
	}
	f, err := os.Open(zipped)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // read only
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil || bytes.Count(b, []byte{'\n'}) != 301 {
		t.Errorf("%d lines, error %v", bytes.Count(b, []byte{'\n'}), err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(zipped), "*tmp*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// TestDenoiseExitCodes: 2 for what was typed wrong, 1 for what else goes wrong.
func TestDenoiseExitCodes(t *testing.T) {
	in := recording(t, 50)
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{in, 0, ""},
		{in + " --channels v --model " + tinyModel(t, 2, 3), 1, "serves 2 channels at once; the series has 1"},
		{in + " --lookahead 4 --model " + tinyModel(t, 0, 3), 2, "looks 3 samples ahead, not 4"},
		{in + " --lookahead 3 --model " + tinyModel(t, 0, 3), 0, ""},
		{in + " --rate 0", 2, "--rate 0"},
		{in + " --rate NaN", 2, "--rate NaN"},
		{in + " --filter ema --model base", 2, "exclude each other"},
		{in + " --filter emma", 2, "there is no filter"},
		{in + " --filter median --lookahead -3", 2, "--lookahead -3"},
		{in + " --model x.onnx", 1, `there is no model "x.onnx"`},
		{in + " --model x.safetensors", 2, "x.safetensors holds weights, not a model"},
		{in + " --model " + in, 1, "not an intact model file"},
		{in + " --channels w", 1, "there is no column"},
		{"none.csv", 1, "there is no file none.csv"},
		{in + " " + in, 2, "takes one file"},
	} {
		out, errs, code := quell(t, append([]string{"denoise"}, strings.Fields(c.args)...)...)
		if code != c.code || !strings.Contains(errs, c.want) || strings.Count(errs, "\n") > 1 {
			t.Errorf("%s: exit code %d, want %d: %q, want …%s…", c.args, code, c.code, errs, c.want)
		}
		if (code == 0) != (out != "") {
			t.Errorf("%s: exit code %d, output of %d bytes", c.args, code, len(out))
		}
	}
}

// TestDenoiseRealRecordings: every row of a recording with a clock that was set
// back comes out, with its time.
func TestDenoiseRealRecordings(t *testing.T) {
	const name = "data/nab/machine_temperature_system_failure.csv.gz"
	in, want := sharedtest.Path(t, name), sharedtest.Rows(t, name)
	out, _, code := quell(t, "denoise", in, "--filter", "hampel")
	got, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || code != 0 || len(got) != len(want) {
		t.Fatalf("exit code %d, error %v, %d rows, want %d", code, err, len(got), len(want))
	}
	conflicting := 0
	for i := range want {
		if got[i][0] != want[i][0] {
			t.Fatalf("row %d has the time %s, want %s", i, got[i][0], want[i][0])
		}
		if i > 0 && (number(got[i][1]) != number(want[i][1]) || math.IsNaN(number(got[i][2]))) {
			t.Fatalf("row %d is %v, want the value %s", i, got[i], want[i][1])
		}
		if strings.Contains(got[i][7], "conflicting") {
			conflicting++
		}
	}
	if conflicting != 12 { // the hour that came twice
		t.Errorf("%d rows are conflicting, want 12", conflicting)
	}
}

func number(s string) float64 {
	var v float64
	if _, err := fmt.Sscan(s, &v); err != nil {
		return math.NaN()
	}
	return v
}

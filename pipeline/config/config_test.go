package config

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the expected messages")

// withSecrets compares configurations with their secrets in the open.
var withSecrets = cmp.AllowUnexported(Secret{})

func environment(name string) (string, bool) {
	v, ok := map[string]string{"QOS": "two", "PW": "hunter2", "TYPE": "stdoutt", "URL": "mqtt://hunter2@h", "EMPTY": ""}[name]
	return v, ok
}

func report(warnings []Warning, err error) string {
	var b strings.Builder
	for i := range warnings {
		fmt.Fprintf(&b, "note: %s\n", warnings[i].Format())
	}
	var l ErrorList
	if errors.As(err, &l) {
		b.WriteString(l.Format() + "\n")
	} else if err != nil {
		b.WriteString(err.Error() + "\n")
	}
	return b.String()
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s: -want +got\n%s", path, d)
	}
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	out, err := filepath.Glob(pattern)
	if err != nil || len(out) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(out), err)
	}
	return out
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBad(t *testing.T) {
	for _, path := range files(t, "testdata/*.bad.yaml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data := read(t, path)
			cfg, warnings, err := Parse(filepath.Base(path), data, environment)
			if err == nil || cfg != nil {
				t.Fatal("the file was accepted")
			}
			got := report(warnings, err)
			golden(t, strings.TrimSuffix(path, ".yaml")+".txt", got)
			for _, secret := range []string{"hunter2", "s3cret", "topsecret"} {
				if strings.Contains(got, secret) {
					t.Errorf("the report shows the secret %q", secret)
				}
			}
			checkShape(t, data, err)
		})
	}
}

// checkShape checks what is true of every list of errors.
func checkShape(t *testing.T, data []byte, err error) {
	t.Helper()
	var l ErrorList
	if !errors.As(err, &l) || len(l) == 0 {
		t.Fatalf("got %T %v, want a list of errors", err, err)
	}
	lines := strings.Count(string(data), "\n") + 1
	for i, e := range l {
		if e.Line < 1 || e.Column < 1 || e.Msg == "" || e.File == "" {
			t.Errorf("incomplete error %+v", e)
		}
		if i > 0 && e.Line < l[i-1].Line {
			t.Errorf("line %d comes after line %d", e.Line, l[i-1].Line)
		}
		if e.Line > lines+strings.Count(string(data), "\r")+strings.Count(string(data), "\u2028")+strings.Count(string(data), "\u2029")+strings.Count(string(data), "\u0085") {
			t.Errorf("line %d of a file with %d", e.Line, lines)
		}
		if strings.Count(e.Format(), "\n") > 2 {
			t.Errorf("more than three lines: %q", e.Format())
		}
	}
}

func TestGood(t *testing.T) {
	for _, path := range files(t, "testdata/*.good.yaml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			_, warnings, err := Parse(filepath.Base(path), read(t, path), nil)
			if err != nil {
				t.Fatal(report(warnings, err))
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".txt", report(warnings, nil))
		})
	}
}

// TestShipped: the files in configs pass on a machine that has nothing of what
// they name, and carry their name in the first line.
func TestShipped(t *testing.T) {
	for _, path := range files(t, "../../configs/*.yaml") {
		data := read(t, path)
		cfg, warnings, err := Parse(path, data, nil)
		if err != nil {
			t.Error(report(warnings, err))
			continue
		}
		if first := "# configs/" + filepath.Base(path); !strings.HasPrefix(string(data), first) {
			t.Errorf("%s does not begin with %q", path, first)
		}
		for _, w := range warnings {
			if w.Env == "" {
				t.Errorf("%s warns: %s", path, w.Format())
			}
		}
		if cfg.Version != 1 || len(cfg.Streams) == 0 {
			t.Errorf("%s: %+v", path, cfg)
		}
		for _, s := range cfg.Streams {
			if s.Source.Type != File {
				continue
			}
			if _, err := os.Stat(filepath.Join("../..", s.Source.Path)); err != nil {
				t.Errorf("%s: the recording is not there: %v", path, err)
			}
		}
	}
}

func TestEdge(t *testing.T) {
	env := func(name string) (string, bool) { return "pw", name == "MQTT_PASSWORD" }
	got, warnings, err := Parse("edge", read(t, "../../configs/edge-mqtt.yaml"), env)
	if err != nil || len(warnings) != 0 {
		t.Fatal(report(warnings, err))
	}
	eight, lo, hi := 8, -40.0, 150.0
	want := &Config{
		Version: 1, StateDir: "/var/lib/quell", HTTP: HTTP{Listen: "127.0.0.1:7070", TokenFile: "/etc/quell/token"},
		Connections: []Connection{{
			Name: "plant", Type: MQTT, URL: "mqtts://broker:8883", ClientID: "quell-gw1", Username: "quell",
			Password: NewSecret("pw"), TLS: &TLS{CAFile: "/etc/quell/ca.pem"},
		}},
		Streams: []Stream{{
			Name: "pumps",
			Source: Source{
				Connection: "plant", Type: MQTT, Topics: []string{"sensors/{series}/telemetry"}, QoS: 1, JournalBytes: 1 << 30, NoData: 5 * time.Minute,
				Codec: Codec{Type: "json", Time: "ts", TimeUnit: "ms", MaxBytes: 1 << 20},
			},
			Channels: []Channel{
				{Name: "temp", Path: "temp_c", Unit: "°C", Min: &lo, Max: &hi, Missing: []float64{-127}},
				{Name: "pressure", Path: "p", Unit: "bar"},
				{Name: "vibration", Path: "vib.rms", Unit: "mm/s"},
			},
			Window: Window{RateHz: 1, Align: "latest", Hold: 5 * time.Second, MaxGap: 5 * time.Second, Lateness: 2 * time.Second, Late: "drop", IdleFlush: 30 * time.Second, MaxSeries: 10_000},
			Model:  Model{Use: "base", Scope: "per-series", Lookahead: &eight, Interval: 0.9},
			Drift:  Drift{FalseAlarms: Rate{Text: "1/month", Count: 1, Per: 30 * 24 * time.Hour}},
			Adapt:  Adapt{Mode: "auto", CPUShare: 0.25, ReplayBytes: 8 << 20},
			Sinks:  []string{"clean", "ops"},
		}},
		Sinks: []Sink{
			{Name: "clean", Type: MQTT, Emit: "records", Required: true, Connection: "plant", Topic: "quell/{stream}/{series}", QoS: 1, Spool: &Spool{MaxBytes: 1 << 30, SpillAfter: 10 * time.Second}},
			{Name: "ops", Type: Webhook, Emit: "events", URL: "https://ops.example/hook", SecretFile: "/etc/quell/hmac", Timeout: 10 * time.Second},
		},
		DeadLetter: DeadLetter{Type: File, Path: "/var/lib/quell/dlq", MaxBytes: 256 << 20},
	}
	if d := cmp.Diff(want, got, withSecrets); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func TestKafkaDefaults(t *testing.T) {
	cfg, _, err := Parse("x", []byte(`
version: 1
connections: {k: {type: kafka, brokers: [h]}}
streams: {s: {source: {connection: k, topics: [raw]}, channels: [v], sinks: [o]}}
sinks: {o: {type: file, path: o.csv}}
`), nil)
	if err != nil {
		t.Fatal(report(nil, err))
	}
	src := cfg.Streams[0].Source
	for _, c := range []struct{ got, want any }{
		{src.Type, Kafka}, {src.Group, "quell-s"}, {src.StateTopic, "quell.s.state"}, {src.Start, "earliest"}, {src.Codec.Type, "json"},
		{cfg.Connections[0].Brokers[0], "h:9092"}, {cfg.Sinks[0].Format, "csv"}, {cfg.Sinks[0].Emit, "records"}, {cfg.Sinks[0].Required, true},
		{cfg.StateDir, DefaultStateDir}, {cfg.HTTP.Listen, DefaultListen}, {cfg.DeadLetter.Path, filepath.Join(DefaultStateDir, "dlq")},
		{cfg.Streams[0].Adapt.Mode, "auto"}, {cfg.Streams[0].Window.Lateness, 2 * time.Second}, {cfg.Streams[0].Channels[0].Path, "v"},
	} {
		if c.got != c.want {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
	if cfg.Connection("k") == nil || cfg.Connection("x") != nil || cfg.Sink("o") == nil || cfg.Sink("x") != nil {
		t.Error("a name leads to the wrong place")
	}
	c := cfg.Streams[0].Decoder()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

func TestOff(t *testing.T) {
	cfg, _, err := Parse("everything", read(t, "testdata/everything.good.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.HTTP.Listen != "" {
		t.Errorf("listen: off gives %q", cfg.HTTP.Listen)
	}
	if cfg.Connections[0].TLS == nil || cfg.Connections[1].TLS != nil {
		t.Error("TLS does not follow the url")
	}
	if got := cfg.Connections[2].SASL.Password.Reveal(); got != "0123" {
		t.Errorf("password 0123 became %q", got)
	}
	if got := cfg.Streams[0].Window.StateTTL; got != 30*24*time.Hour {
		t.Errorf("30d is %v", got)
	}
}

func TestLoad(t *testing.T) {
	if _, _, err := Load(filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want os.ErrNotExist", err)
	}
	t.Setenv("MQTT_PASSWORD", "x")
	cfg, warnings, err := Load("../../configs/edge-mqtt.yaml")
	if err != nil || len(warnings) > 0 || cfg.Connections[0].Password.Reveal() != "x" {
		t.Errorf("%v %v", warnings, err)
	}
	big := filepath.Join(t.TempDir(), "big.yaml")
	if err := os.WriteFile(big, make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Load(big); err == nil || !strings.Contains(err.Error(), "larger than 1MiB") {
		t.Errorf("2 MiB: %v", err)
	}
}

// TestFromFile: a value may be what a file holds.
func TestFromFile(t *testing.T) {
	dir := t.TempDir()
	file, main := filepath.Join(dir, "site"), filepath.Join(dir, "q.yaml")
	text := "version: 1\nstate_dir: \"/var/${file:" + file + "}/q\"\nstreams: {s: {source: {type: sim}, sinks: [o]}}\nsinks: {o: {type: stdout}}\n"
	if err := errors.Join(os.WriteFile(file, []byte("north\n"), 0o600), os.WriteFile(main, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	cfg, _, err := Load(main)
	if err != nil || cfg.StateDir != "/var/north/q" {
		t.Errorf("got %+v, %v", cfg, err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	_, warnings, err := Load(main)
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0].Msg, "is not there") || NeedEnv(warnings) == nil {
		t.Errorf("without the file: %v, %v", warnings, err)
	}
	if _, _, err := Parse("x", []byte(strings.Replace(text, file, "", 1)), nil); err == nil || !strings.Contains(err.Error(), "${file:PATH}") {
		t.Errorf("without a path: %v", err)
	}
}

func TestNeedEnv(t *testing.T) {
	_, warnings, err := Parse("edge", read(t, "../../configs/edge-mqtt.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	err = NeedEnv(warnings)
	var l ErrorList
	if !errors.As(err, &l) || len(l) != 1 || !strings.Contains(err.Error(), "MQTT_PASSWORD is not set") {
		t.Errorf("got %v, want one error about MQTT_PASSWORD", err)
	}
	if err := NeedEnv([]Warning{{Error: Error{Msg: "else"}}}); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

// TestMisspeltKeys changes one letter of each key of the examples: the report
// must point at that key and suggest the right one, and say nothing else.
func TestMisspeltKeys(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	key := regexp.MustCompile(`[a-z_]{3,}:`)
	isKey := map[string]bool{}
	for _, s := range sections() {
		for _, k := range s.keys {
			isKey[k.name] = true
		}
	}
	for _, path := range []string{"../../configs/edge-mqtt.yaml", "../../configs/kafka-cluster.yaml", "../../configs/file.yaml"} {
		text := string(read(t, path))
		for _, m := range key.FindAllStringIndex(text, -1) {
			word := text[m[0] : m[1]-1]
			before := text[strings.LastIndexByte(text[:m[0]], '\n')+1 : m[0]]
			if !isKey[word] || strings.Contains(before, "#") || regexp.MustCompile(`"\$?\{?$`).MatchString(before) ||
				(word == "events" || word == "clean") && strings.TrimSpace(before) == "" {
				continue // a name, or no key at all
			}
			i := rng.IntN(len(word) - 1)
			wrong := word[:i] + word[i+1:i+2] + word[i:i+1] + word[i+2:] // two letters swapped
			if wrong == word {
				wrong = word + "x"
			}
			if isKey[wrong] {
				continue
			}
			data := []byte(text[:m[0]] + wrong + text[m[1]-1:])
			_, _, err := Parse("x", data, nil)
			var l ErrorList
			if !errors.As(err, &l) {
				t.Errorf("%s: %s for %s: accepted", path, wrong, word)
				continue
			}
			line, col := strings.Count(text[:m[0]], "\n")+1, len([]rune(before))+1
			if len(l) != 1 || l[0].Line != line || l[0].Column != col || !strings.Contains(l[0].Msg, fmt.Sprintf("did you mean %q", word)) {
				t.Errorf("%s:%d:%d: %s for %s:\n%s", path, line, col, wrong, word, l.Format())
			}
		}
	}
}

// TestEveryMistakeAtOnce breaks ten values in ten places.
func TestEveryMistakeAtOnce(t *testing.T) {
	text := string(read(t, "../../configs/edge-mqtt.yaml"))
	for _, r := range [][2]string{
		{"version: 1", "version: x"}, {"127.0.0.1:7070", "127.0.0.1:port"}, {"mqtts://", "mqtss://"}, {"qos: 1", "qos: 3"}, {"time_unit: ms", "time_unit: mss"},
		{"min: -40", "min: cold"}, {"hold: 5s", "hold: 5"}, {"late: drop", "late: dorp"}, {"lookahead: 8", "lookahead: eight"}, {"1/month", "1/moth"},
		{"mode: auto", "mode: atuo"}, {"8MiB", "8MoB"}, {"[clean, ops]", "[clean, opps]"}, {"emit: events", "emit: event"}, {"required: false", "required: flase"}, {"256MiB", "lots"},
	} {
		if strings.Count(text, r[0]) < 1 {
			t.Fatalf("%q is not in the example", r[0])
		}
		text = strings.Replace(text, r[0], r[1], 1)
	}
	_, _, err := Parse("x", []byte(text), nil)
	var l ErrorList
	if !errors.As(err, &l) || len(l) != 16 {
		t.Errorf("%d errors, want 16:\n%s", len(l), l.Format())
	}
}

// TestEndless: a huge line of mistakes must neither take long nor print much.
func TestEndless(t *testing.T) {
	var b strings.Builder
	b.WriteString("{")
	for i := range 5_000 {
		fmt.Fprintf(&b, "x%d: {password: hunter2}, ", i)
	}
	b.WriteString("}")
	_, _, err := Parse("x", []byte(b.String()), nil)
	var l ErrorList
	if !errors.As(err, &l) || len(l) != maxErrors+1 || !strings.Contains(l[maxErrors].Msg, "more than") && !strings.Contains(l.Error(), "more than 200 mistakes") {
		t.Errorf("%d errors", len(l))
	}
	if strings.Contains(l.Format(), "hunter2") {
		t.Error("a secret shows")
	}
	if got := l.Unwrap(); len(got) != len(l) {
		t.Errorf("unwraps to %d errors", len(got))
	}
}

func TestColumnsAndLineBreaks(t *testing.T) {
	for _, c := range []struct {
		name, text string
		line, col  int
		format     string
	}{
		{"wide", "version: 1 # x\n\"°°\": 2\n", 2, 1, ""},
		{"after °", "{version: 1, streams: {s: {source: {type: sim}, channels: {t: {unit: °C, mni: 1}}, sinks: [o]}}, sinks: {o: {type: stdout}}}", 1, 74, ""},
		{"crlf", "version: 1\r\nfoo: 1\r\n", 2, 1, "   2 | foo: 1\n     | ^~~"},
		{"tab", "version: 1\nsinks: {o: {\ttpye: stdout}}\n", 2, 14, "   2 | sinks: {o: {\ttpye: stdout}}\n     |             \t^~~~"},
		{"line separator", "version: 1 #\u2028foo: 1\n", 2, 1, ""},
		{"bom", "\ufeffversoin: 1\n", 1, 1, "   1 | versoin: 1\n     | ^~~~~~~"},
		{"long", "version: 1\nstate_dir: " + strings.Repeat("a", 300) + "\nhttp: {listen: x, " + strings.Repeat(" ", 300) + "lisetn: y}\n", 3, 319, ""},
	} {
		_, _, err := Parse("x", []byte(c.text), nil)
		var l ErrorList
		if !errors.As(err, &l) {
			t.Errorf("%s: accepted", c.name)
			continue
		}
		found := false
		for _, e := range l {
			found = found || e.Line == c.line && e.Column == c.col && strings.Contains(e.Format(), c.format)
			if n := len([]rune(e.excerpt)); n > 125 {
				t.Errorf("%s: an excerpt of %d characters", c.name, n)
			}
		}
		if !found {
			t.Errorf("%s: nothing at %d:%d with %q:\n%s", c.name, c.line, c.col, c.format, l.Format())
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "../../configs/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, p := range paths {
			b, err := os.ReadFile(p)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("{password: \"a\nb\", x: 1}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, warnings, err := Parse("x", data, environment)
		for i := range warnings {
			_ = warnings[i].Format()
		}
		if err == nil {
			if cfg == nil || len(cfg.Streams) == 0 {
				t.Fatal("accepted without a stream")
			}
			return
		}
		checkShape(t, data, err)
	})
}

func ExampleParse() {
	_, _, err := Parse("quell.yaml", []byte(`
version: 1
streams:
  demo:
    source: {type: sim}
    sinsk: [out]
sinks:
  out: {type: stdout}
`), nil)
	var list ErrorList
	if errors.As(err, &list) {
		fmt.Println(list.Format())
	}
	// Output:
	// quell.yaml:6:5: streams.demo.sinsk: unknown key, did you mean "sinks"?
	//    6 |     sinsk: [out]
	//      |     ^~~~~
}

// TestLookaheadOfBase refuses a look-ahead that no base model has, as run would.
func TestLookaheadOfBase(t *testing.T) {
	text := strings.Replace(string(read(t, "../../configs/file.yaml")), "lookahead: 8", "lookahead: 9", 1)
	if _, _, err := Parse("f", []byte(text), nil); err == nil || !strings.Contains(err.Error(), "choose one of [0 8 32 126]") {
		t.Errorf("a look-ahead of 9: %v", err)
	}
}

package assemble

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/quell-stream/quell/conn/kafkaconn/kafkatest"
	"github.com/quell-stream/quell/conn/mqttconn/mqtttest"
	"github.com/quell-stream/quell/pipeline/config"
)

// findings runs the doctor and returns what it found as lines.
func findings(t *testing.T, text string) string {
	t.Helper()
	cfg, warnings, err := config.Parse("x", []byte(text), nil)
	if err != nil {
		t.Fatal(err, warnings)
	}
	var b strings.Builder
	Doctor(t.Context(), cfg, 20*time.Second, func(f Finding) {
		fmt.Fprintf(&b, "%s %s %s: %s\n", f.Status, f.Subject, f.Check, f.Detail)
		if (f.Status == FindingFail || f.Status == FindingWarn) != (f.Fix != "") {
			t.Errorf("a failure and what to do belong together: %+v", f)
		}
	})
	return b.String()
}

func wantLines(t *testing.T, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("nothing says %q:\n%s", w, got)
		}
	}
}

// TestDoctorMakesNothing: a folder of the state that is not there yet can be made, and
// is left to who runs the pipeline.
func TestDoctorMakesNothing(t *testing.T) {
	dir := t.TempDir()
	got := findings(t, fmt.Sprintf("version: 1\nstate_dir: %s/deep/state\nhttp: {listen: off}\nstreams: {s: {source: {type: sim}, sinks: [o]}}\nsinks: {o: {type: stdout}}\n", dir))
	wantLines(t, got, "ok state_dir write: "+dir+" can be written")
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("the doctor left %v, %v", left, err)
	}
}

// TestSettingsFix: what to do about a missing file is not said of a wrong setting.
func TestSettingsFix(t *testing.T) {
	for want, err := range map[string]error{
		"create the file":    fmt.Errorf("tls: ca_file: %w", fs.ErrNotExist),
		"the right to read":  fmt.Errorf("tls: key_file: %w", fs.ErrPermission),
		"at connections.m o": errors.New("tls: a.pem holds no PEM certificate"),
	} {
		if got := settingsFix("connections.m", err); !strings.Contains(got, want) {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}

// TestDoctorFine: with all that a configuration needs nothing fails, and nobody is
// written to.
func TestDoctorFine(t *testing.T) {
	var published []string
	broker := mqtttest.Start(t, mqtttest.Rules{Published: func(m mqtttest.Message) { published = append(published, m.Topic) }})
	cluster := kafkatest.Cluster(t, kfake.SeedTopics(2, "raw", "clean"))
	methods := map[string]int{}
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { methods[r.Method]++ }))
	defer hook.Close()
	dir := t.TempDir()
	got := findings(t, fmt.Sprintf(`
version: 1
state_dir: %s/state
http: {listen: "127.0.0.1:0"}
connections: {m: {type: mqtt, url: "%s"}, k: {type: kafka, brokers: [%q]}}
streams:
  m: {source: {connection: m, topics: ["a/{series}"]}, channels: [v], sinks: [mq, hook]}
  k: {source: {connection: k, topics: [raw]}, channels: [v], sinks: [kf, file]}
sinks:
  mq: {type: mqtt, connection: m, topic: b}
  kf: {type: kafka, connection: k, topic: clean}
  file: {type: file, path: %s/new/o.jsonl}
  hook: {type: webhook, url: "%s/secret-path"}
`, dir, broker.URL, cluster.ListenAddrs()[0], dir, hook.URL))
	wantLines(t, got, "ok connections.m auth", "ok streams.m read: the broker grants a/+", "skip sinks.mq write", "ok connections.k auth",
		"ok streams.k topic: raw has 2 partitions", "ok streams.k read", "ok sinks.kf topic: clean has 2", "ok sinks.kf write: clean may be written", "skip streams.k state_topic: there is no topic quell.k.state yet", "ok sinks.file file", "ok dead_letter file", "ok sinks.hook http", "ok sinks.hook clock", "ok http listen", "ok state_dir write")
	if strings.Contains(got, "fail ") || strings.Contains(got, "secret-path") {
		t.Errorf("something fails, or a secret shows:\n%s", got)
	}
	if len(published) > 0 || len(methods) != 1 || methods[http.MethodHead] != 1 {
		t.Errorf("it published to %v and asked by %v", published, methods)
	}
	if _, err := os.Stat(filepath.Join(dir, "state")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it left a folder for the state: %v", err)
	}
}

// TestDoctorRights: whether topics may be written is known before anything is, of clusters
// with users and without.
func TestDoctorRights(t *testing.T) {
	allow := func(topic string, ops ...kmsg.ACLOperation) (out []kfake.ACL) {
		for _, op := range ops {
			out = append(out, kfake.ACL{Resource: kmsg.ACLResourceTypeTopic, Name: topic, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: op, Allow: true})
		}
		return out
	}
	const read, write = kmsg.ACLOperationRead, kmsg.ACLOperationWrite
	acls := slices.Concat(allow("raw", read), allow("clean", write), allow("events", read), allow("state", read, write), allow("state.models", read))
	cluster := kafkatest.Cluster(t, kfake.SeedTopics(1, "raw", "clean", "events", "state", "state.models"), kfake.EnableSASL(), kfake.EnableACLs(),
		kfake.Superuser("SCRAM-SHA-512", "admin", "admin"), kfake.User("SCRAM-SHA-512", "quell", "s3cret", acls...))
	text := fmt.Sprintf(`
version: 1
state_dir: %s/state
http: {listen: off}
connections: {k: {type: kafka, brokers: [%q], sasl: {mechanism: scram-sha-512, username: quell, password: s3cret}}}
streams: {k: {source: {connection: k, topics: [raw], state_topic: state}, channels: [v], model: {scope: shared}, sinks: [ok, no]}}
sinks:
  ok: {type: kafka, connection: k, topic: clean}
  no: {type: kafka, connection: k, topic: events}
`, t.TempDir(), cluster.ListenAddrs()[0])
	got := findings(t, text)
	wantLines(t, got, "ok sinks.ok write: clean may be written", "fail sinks.no write: kafka: write topic events:", "ok streams.k state_topic: state has 1", "ok streams.k write: state may be written",
		"ok streams.k state_topic: state.models has 1", "fail streams.k write: kafka: write topic state.models:")
	if n := strings.Count(got, "fail "); n != 2 {
		t.Errorf("%d failures, want 2:\n%s", n, got)
	}
}

// TestDoctorFailures: each thing that is not there is told once, at its first step, with
// what to do.
func TestDoctorFailures(t *testing.T) {
	broker := mqtttest.Start(t, mqtttest.Rules{})
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	late := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(-90*time.Minute).UTC().Format(http.TimeFormat))
	}))
	defer late.Close()
	cluster := kafkatest.Cluster(t, kfake.SeedTopics(1, "raw"))
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	got := findings(t, fmt.Sprintf(`
version: 1
dead_letter: {type: file, path: %[1]s/file/dlq}
state_dir: %[1]s/file/state
http: {listen: "%[2]s"}
connections:
  shut: {type: mqtt, url: "mqtt://127.0.0.1:1"}
  lost: {type: mqtt, url: "mqtt://no-such-host.invalid"}
  plain: {type: mqtt, url: "mqtts://%[2]s"}
  file: {type: mqtt, url: "mqtt://%[2]s", username: u, password_file: %[1]s/none}
  k: {type: kafka, brokers: [%[3]q]}
streams:
  a: {source: {connection: shut, topics: ["a/{series}"]}, channels: [v], sinks: [hook]}
  k: {source: {connection: k, topics: [other]}, channels: [v], sinks: [late, out, taken]}
  f: {source: {type: file, path: %[1]s/none.csv}, channels: [v], model: {use: none.quell}, sinks: [out]}
sinks:
  out: {type: file, path: %[1]s/file/o.jsonl}
  taken: {type: file, path: %[1]s/folder}
  hook: {type: webhook, url: "%[4]s"}
  late: {type: alertmanager, url: "%[5]s"}
`, dir, broker.Addr(), cluster.ListenAddrs()[0], secure.URL, late.URL))
	wantLines(t, got, "fail connections.shut tcp", "fail connections.lost dns", "fail connections.plain tls", "fail connections.file settings", "fail streams.k topic: there is no topic other",
		"fail streams.f file", "fail streams.f model", "fail sinks.out file", "fail sinks.taken file", "fail dead_letter file", "fail sinks.hook tls", "warn sinks.late clock: its clock is -1h", "fail http listen", "fail state_dir write")
	if n := strings.Count(got, "fail "); n != 13 {
		t.Errorf("%d failures, want 13:\n%s", n, got)
	}
}

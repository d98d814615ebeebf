package assemble

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/quell-stream/quell/conn"
	"github.com/quell-stream/quell/conn/kafkaconn"
	"github.com/quell-stream/quell/conn/mqttconn"
	"github.com/quell-stream/quell/ingest/codec/topic"
	"github.com/quell-stream/quell/pipeline/config"
)

// The states of a finding.
const (
	FindingOK   = "ok"
	FindingWarn = "warn" // it may run, and something is not as it should be
	FindingFail = "fail" // it will not run like this
	FindingSkip = "skip" // it can't be known from here
)

// Finding is what the doctor found out about one thing.
type Finding struct {
	Subject string `json:"subject"` // as in the file: connections.plant
	Check   string `json:"check"`   // dns, tcp, tls, auth, read, …
	Status  string `json:"status"`
	Detail  string `json:"detail"`
	Fix     string `json:"fix,omitempty"` // what to do, where it is not ok
}

// doctor looks at what a configuration needs.
type doctor struct {
	b    *builder
	wait time.Duration // for one step
	tell func(Finding)
}

// Doctor looks at what a configuration needs from its surroundings: brokers, addresses,
// files, the disk and the clock. It tells of each thing as it is known. Where one step
// of a connection fails those that need it are left out, so that each failure stands for
// itself. It writes nothing but a file in each folder that is to be written, which it removes, reads no message
// and leaves no session behind. wait bounds each step.
func Doctor(ctx context.Context, cfg *config.Config, wait time.Duration, tell func(Finding)) {
	d := &doctor{b: &builder{cfg: cfg, opt: Options{Log: slog.New(slog.DiscardHandler)}}, wait: wait, tell: tell}
	for i := range cfg.Connections {
		c := &cfg.Connections[i]
		if c.Type == config.MQTT {
			d.mqtt(ctx, c)
		} else {
			d.kafka(ctx, c)
		}
	}
	for i := range cfg.Streams {
		d.stream(&cfg.Streams[i])
	}
	for i := range cfg.Sinks {
		d.sink(ctx, &cfg.Sinks[i])
	}
	if dl := &cfg.DeadLetter; dl.Type == config.File {
		d.fileOut("dead_letter", deadFile(dl))
	}
	d.http(&cfg.HTTP)
	d.disk()
	d.clock()
}

func (d *doctor) say(subject, check, status, fix, format string, args ...any) {
	d.tell(Finding{subject, check, status, fmt.Sprintf(format, args...), fix})
}

// result tells of one step and says whether it went well.
func (d *doctor) result(subject, check string, err error, fix, fine string) bool {
	if err != nil {
		d.say(subject, check, FindingFail, fix, "%v", err)
		return false
	}
	d.say(subject, check, FindingOK, "", "%s", fine)
	return true
}

func (d *doctor) step(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, d.wait)
}

// reach looks a host up and connects to it, with TLS where secure is not nil.
func (d *doctor) reach(ctx context.Context, subject, addr string, secure *tls.Config) bool {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return d.result(subject, "dns", err, "write HOST:PORT", "")
	}
	if net.ParseIP(host) == nil {
		looking, cancel := d.step(ctx)
		found, err := net.DefaultResolver.LookupHost(looking, host)
		cancel()
		if !d.result(subject, "dns", err, "check the name, and that this machine asks the right DNS server", host+" is "+strings.Join(found, ", ")) {
			return false
		}
	}
	dialling, cancel := d.step(ctx)
	defer cancel()
	c, err := new(net.Dialer).DialContext(dialling, "tcp", addr)
	if !d.result(subject, "tcp", err, "is something listening on port "+port+", and does a firewall let this machine through?", addr+" answers") {
		return false
	}
	defer c.Close()
	if secure == nil {
		return true
	}
	secure = secure.Clone()
	if secure.ServerName == "" {
		secure.ServerName = host
	}
	t := tls.Client(c, secure)
	if err := t.HandshakeContext(dialling); err != nil {
		return d.result(subject, "tls", err, tlsFix(err), "")
	}
	certs := t.ConnectionState().PeerCertificates
	if len(certs) > 0 {
		if left := time.Until(certs[0].NotAfter); left < 14*24*time.Hour {
			d.say(subject, "tls", FindingWarn, "renew the certificate of the other end", "its certificate ends on %s", certs[0].NotAfter.UTC().Format(time.DateOnly))
			return true
		}
	}
	d.say(subject, "tls", FindingOK, "", "%s", tls.VersionName(t.ConnectionState().Version))
	return true
}

// tlsFix says what to do about a handshake that failed.
func tlsFix(err error) string {
	switch err := conn.Classify(err); {
	case strings.Contains(err.Error(), "tls.ca_file"):
		return "name the authority that signed the certificate as tls.ca_file"
	case strings.Contains(err.Error(), "tls.server_name"):
		return "use the host that the certificate is for, or name it as tls.server_name"
	case errors.Is(err, conn.ErrRejected):
		return "use the port that speaks TLS, and give tls.cert_file and tls.key_file if the other end asks for a certificate"
	}
	return "check port, certificates and the clock of both ends"
}

// settingsFix says what to do about settings that no connection can be made with.
func settingsFix(subject string, err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "create the file that it names, or mend the key that names it"
	case errors.Is(err, fs.ErrPermission):
		return "give this user the right to read the file that it names"
	}
	return "mend what it names, at " + subject + " or in the file that is named there"
}

func (d *doctor) mqtt(ctx context.Context, c *config.Connection) {
	subject := "connections." + c.Name
	cfg, err := d.b.mqttConn(c.Name, "doctor")
	if err == nil {
		err = cfg.Validate()
	}
	if err != nil {
		d.result(subject, "settings", err, settingsFix(subject, err), "")
		return
	}
	host, port, encrypted, _ := cfg.Target() // Validate has seen it
	var secure *tls.Config
	if encrypted {
		if secure, err = cfg.TLS.Config(host); err != nil {
			d.result(subject, "tls", err, "mend the file that it names", "")
			return
		}
	}
	if !d.reach(ctx, subject, net.JoinHostPort(host, port), secure) {
		return
	}
	joining, cancel := d.step(ctx)
	defer cancel()
	client, err := mqttconn.Connect(joining, cfg, mqttconn.Session{Clean: true})
	fix := "mend user, password or the right to connect as client id " + cfg.ClientID
	if err != nil && strings.Contains(err.Error(), "CONNACK") { // of the client library, which has no kind for it
		fix = "what listens on port " + port + " does not speak MQTT: name the port of the broker"
	}
	if !d.result(subject, "auth", err, fix, "the broker takes us") {
		return
	}
	defer client.Close(joining)
	for i := range d.b.cfg.Streams {
		if s := &d.b.cfg.Streams[i]; s.Source.Connection == c.Name {
			d.mqttTopics(joining, s, client)
		}
	}
	for _, t := range d.targets(c.Name) {
		d.say(t.subject, "write", FindingSkip, "", "MQTT tells nobody beforehand whether %s may be published to", t.topic)
	}
}

func (d *doctor) mqttTopics(ctx context.Context, s *config.Stream, client *mqttconn.Client) {
	var filters []string
	for _, text := range s.Source.Topics {
		if t, err := topic.Parse(text); err == nil && !slices.Contains(filters, t.Filter()) {
			filters = append(filters, t.Filter())
		}
	}
	refused, weaker, err := client.Subscribe(ctx, filters, byte(s.Source.QoS))
	if err == nil && len(refused) > 0 {
		err = fmt.Errorf("the broker refuses %s", strings.Join(refused, ", "))
	}
	if !d.result("streams."+s.Name, "read", err, "give the user the right to subscribe to these topics", "the broker grants "+strings.Join(filters, ", ")) {
		return
	}
	if len(weaker) > 0 {
		d.say("streams."+s.Name, "read", FindingWarn, "allow QoS 1 for them, or set qos: 0 if losing messages is fine", "the broker grants %s with less than QoS %d", strings.Join(weaker, ", "), s.Source.QoS)
	}
}

// target is a topic that something of the file publishes to.
type target struct{ subject, topic string }

func (d *doctor) targets(connection string) (out []target) {
	for _, s := range d.b.cfg.Sinks {
		if s.Connection == connection && s.Topic != "" {
			out = append(out, target{"sinks." + s.Name, s.Topic})
		}
	}
	if dl := d.b.cfg.DeadLetter; dl.Connection == connection && dl.Topic != "" {
		out = append(out, target{"dead_letter", dl.Topic})
	}
	return out
}

func (d *doctor) kafka(ctx context.Context, c *config.Connection) {
	subject := "connections." + c.Name
	cfg, err := d.b.kafkaConn(c.Name)
	var client *kafkaconn.Client
	if err == nil {
		client, err = kafkaconn.New(cfg)
	}
	if err != nil {
		d.result(subject, "settings", err, settingsFix(subject, err), "")
		return
	}
	defer client.Close()
	up := false
	for _, addr := range client.Brokers() {
		up = d.reach(ctx, subject, addr, cfg.TLS) || up
	}
	if !up {
		return
	}
	joining, cancel := d.step(ctx)
	err = client.Check(joining)
	cancel()
	if !d.result(subject, "auth", err, "mend sasl (mechanism, user, password) or use the port that it is for", "the cluster takes us") {
		return
	}
	for i := range d.b.cfg.Streams {
		s := &d.b.cfg.Streams[i]
		if s.Source.Connection != c.Name {
			continue
		}
		for _, t := range s.Source.Topics {
			d.kafkaTopic(ctx, client, "streams."+s.Name, t, true)
		}
		if t := s.Source.StateTopic; t != "" {
			d.stateTopic(ctx, client, "streams."+s.Name, t)
			if s.Model.Scope == "shared" && s.Adapt.Mode != "off" {
				d.stateTopic(ctx, client, "streams."+s.Name, s.Source.ModelTopic())
			}
		}
	}
	for _, t := range d.targets(c.Name) {
		for _, name := range d.filled(t) {
			d.kafkaTopic(ctx, client, t.subject, name, false)
		}
	}
}

// filled returns the topics that a target stands for.
func (d *doctor) filled(t target) (topics []string) {
	name, isSink := strings.CutPrefix(t.subject, "sinks.")
	for i := range d.b.cfg.Streams {
		s := &d.b.cfg.Streams[i]
		if full := strings.ReplaceAll(t.topic, "{stream}", s.Name); (!isSink || slices.Contains(s.Sinks, name)) && !slices.Contains(topics, full) {
			topics = append(topics, full)
		}
	}
	return topics
}

func (d *doctor) kafkaTopic(ctx context.Context, client *kafkaconn.Client, subject, name string, read bool) {
	asking, cancel := d.step(ctx)
	defer cancel()
	n, err := client.Partitions(asking, name)
	if err == nil && n[name] == 0 {
		err = fmt.Errorf("there is no topic %s", name)
	}
	if !d.result(subject, "topic", err, "create the topic, or mend its name or the right to describe it", fmt.Sprintf("%s has %d partitions", name, n[name])) {
		return
	}
	if !read {
		d.kafkaWrite(asking, client, subject, name)
		return
	}
	d.result(subject, "read", client.CanRead(asking, name), "give the user the right to read the topic", name+" can be read")
}

// stateTopic looks at the topic that holds the state of a stream, which a run makes
// where it is not there.
func (d *doctor) stateTopic(ctx context.Context, client *kafkaconn.Client, subject, name string) {
	asking, cancel := d.step(ctx)
	defer cancel()
	n, err := client.Partitions(asking, name)
	switch {
	case err == nil && n[name] == 0:
		d.say(subject, "state_topic", FindingSkip, "", "there is no topic %s yet: the first run makes it, where it may", name)
	case d.result(subject, "state_topic", err, "mend its name or the right to describe it", fmt.Sprintf("%s has %d partitions", name, n[name])):
		d.result(subject, "read", client.CanRead(asking, name), "give the user the right to read the topic", name+" can be read")
		d.kafkaWrite(asking, client, subject, name)
	}
}

// kafkaWrite asks whether a topic may be written, without writing anything.
func (d *doctor) kafkaWrite(ctx context.Context, client *kafkaconn.Client, subject, name string) {
	err := client.CanWrite(ctx, name)
	if errors.Is(err, kafkaconn.ErrUntold) {
		d.say(subject, "write", FindingSkip, "", "whether %s may be written shows with the first record: the cluster is too old to tell", name)
		return
	}
	d.result(subject, "write", err, "give the user the right to write the topic", name+" may be written")
}

// stream looks at the files that a stream reads, and at its state.
func (d *doctor) stream(s *config.Stream) {
	subject := "streams." + s.Name
	if s.Source.Type == config.File && s.Source.Path != "-" {
		f, err := os.Open(s.Source.Path)
		if err == nil {
			err = f.Close()
		}
		d.result(subject, "file", err, "mend source.path, or the right to read it", s.Source.Path+" can be read")
	}
	if s.Model.Use != "" && s.Model.Use != "base" {
		m, err := Load(s.Model.Use)
		if d.result(subject, "model", err, "mend model.use: it names a file ending in .quell or .onnx", s.Model.Use+" can be read") && s.Adapt.Mode != "off" && cannotLearn(m) != "" {
			d.say(subject, "model", FindingWarn, "set adapt.mode: off", "%s", cannotLearn(m))
		}
	}
	if text, err := otherChannels(d.b.cfg, s); err != nil {
		d.say(subject, "state", FindingSkip, "", "what it was made with can't be told: %v", err)
	} else if text != "" {
		d.say(subject, "state", FindingWarn, "nothing, if the channels were changed on purpose; else put them back as they were, in their order", "%s", text)
	}
}

func (d *doctor) sink(ctx context.Context, s *config.Sink) {
	subject := "sinks." + s.Name
	switch s.Type {
	case config.File:
		d.fileOut(subject, s.Path)
	case config.Webhook, config.Alertmanager:
		for _, u := range append(slices.Clone(s.URLs), s.URL) {
			if u != "" {
				d.web(ctx, subject, s, u)
			}
		}
	}
}

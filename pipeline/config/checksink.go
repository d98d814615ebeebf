package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

func (d *document) checkSink(c *Config, s *Sink) {
	at := join("sinks", s.Name)
	d.checkName(at, s.Name)
	if !d.ok(at) {
		return
	}
	if d.missing(at, "type", "mqtt, kafka, file, stdout, webhook or alertmanager"); s.Type == "" {
		return
	}
	d.checkOnly(at, reflect.TypeFor[Sink](), s.Type, "sink")
	if s.Spool != nil {
		d.checkSpool(s, join(at, "spool"))
	}
	switch s.Type {
	case MQTT, Kafka:
		d.checkTarget(c, at, s.Type, s.Connection, s.Topic, "sink")
		if s.Type == MQTT {
			d.checkQoS(join(at, "qos"), s.QoS)
		}
	case File:
		d.checkFileSink(s, at)
	case Webhook:
		d.checkWebhook(s, at)
	case Alertmanager:
		d.checkAlertmanager(s, at)
	}
}

// leastSpool is the size of the smallest spool. It is made of segments of a quarter
// of it, and takes items of up to half of it.
const leastSpool = ByteSize(1 << 20)

func (d *document) checkSpool(s *Sink, at string) {
	p := join(at, "max_bytes")
	d.positive(p, s.Spool.MaxBytes)
	if s.Spool.MaxBytes > 0 && s.Spool.MaxBytes < leastSpool {
		d.failf(p, "must be at least %s, the size of a spool's four segments%s", leastSpool, d.got(p, s.Spool.MaxBytes.String()))
	}
	if s.Type == File || s.Type == Stdout {
		d.warnf(at, "helps only while the %s can't be written and state_dir can: a spool lies on this machine's disk too", map[string]string{File: "file", Stdout: "standard output"}[s.Type])
	}
}

func (d *document) checkQoS(p string, qos int) {
	if qos != 0 && qos != 1 {
		d.failf(p, "must be 0 or 1, got %d", qos)
		return
	}
	if qos == 0 && d.ok(p) {
		d.warnf(p, "with qos 0 the broker may lose messages without anyone noticing")
	}
}

// checkTarget checks where a broker sink, or the dead letter, publishes.
func (d *document) checkTarget(c *Config, at, typ, conn, topicName, thing string) {
	p := join(at, "connection")
	d.missing(at, "connection", "the name of one under connections")
	if d.ok(p) {
		d.checkConnRef(c, p, conn)
		if k := c.Connection(conn); k != nil && d.ok(join(join("connections", conn), "type")) && k.Type != "" && k.Type != typ {
			d.failf(p, "%s is a connection of type %s, and this %s is of type %s", conn, k.Type, thing, typ)
		}
	}
	p = join(at, "topic")
	if d.missing(at, "topic", "where to publish"); !d.ok(p) {
		return
	}
	if msg := badTarget(typ, topicName); msg != "" {
		d.failf(p, "%s%s", msg, d.got(p, topicName))
	}
}

// checkConnRef checks that a connection exists.
func (d *document) checkConnRef(c *Config, p, name string) {
	if c.Connection(name) != nil || d.partial {
		return
	}
	known := c.connectionNames()
	d.failf(p, "there is no connection %s%s", d.quote(p, name), suggest(name, known, true))
}

// fill replaces the placeholders of a sink's topic.
func fill(topicName, stream, series string) string {
	return strings.NewReplacer("{stream}", stream, "{series}", series).Replace(topicName)
}

// badTarget says what is wrong with a sink's topic.
func badTarget(typ, t string) string {
	if typ == Kafka {
		if strings.Contains(t, "{series}") {
			return "must not hold {series}: the series is the key of the messages"
		}
		if !validKafkaTopic(fill(t, "x", "")) {
			return "must be a Kafka topic: letters, digits, dot, - and _, {stream} being allowed"
		}
		return ""
	}
	plain := fill(t, "x", "x")
	switch {
	case strings.ContainsAny(plain, "+#"):
		return "must not hold + or #: one publishes to one topic"
	case strings.ContainsAny(plain, "{}"):
		return "may hold the placeholders {stream} and {series} only"
	case strings.HasPrefix(plain, "$"):
		return "must not begin with $: such topics are the broker's own"
	case len(plain) > 1000:
		return "is too long"
	}
	return ""
}

func (d *document) checkFileSink(s *Sink, at string) {
	d.missing(at, "path", "the file to write")
	if s.Path == "-" {
		d.failf(join(at, "path"), "must be a file: for standard output write type: stdout")
	}
	d.positive(join(at, "max_bytes"), s.MaxBytes)
	if d.has(join(at, "keep")) {
		d.atLeast(join(at, "keep"), s.Keep, 1)
	}
	if d.has(join(at, "max_age")) && s.MaxAge <= 0 {
		d.failf(join(at, "max_age"), "must be above 0")
	}
	if s.Format == "csv" && s.Emit != "records" && d.ok(join(at, "emit")) {
		p := join(at, "emit")
		if !d.has(p) {
			p = join(at, "format")
		}
		d.failf(p, "csv holds records only: write emit: records, or format: jsonl")
	}
	if !d.has(join(at, "max_bytes")) && !d.has(join(at, "max_age")) {
		for _, key := range []string{"keep", "gzip"} {
			if p := join(at, key); d.has(p) && d.ok(p) {
				d.warnf(p, "has no effect: without max_bytes or max_age the file is never rotated")
			}
		}
	}
}

func (d *document) checkDeadLetter(c *Config) {
	const at = "dead_letter"
	dl := &c.DeadLetter
	if !d.ok(at) || dl.Type == "" {
		return
	}
	d.checkOnly(at, reflect.TypeFor[DeadLetter](), dl.Type, "dead letter")
	if dl.Type != File {
		d.checkTarget(c, at, dl.Type, dl.Connection, dl.Topic, "dead letter")
		if strings.Contains(dl.Topic, "{series}") {
			d.failf("dead_letter.topic", "must not hold {series}: a message that can't be read has none")
		}
		if slices.ContainsFunc(c.Sinks, func(s Sink) bool { return s.Spool != nil }) {
			d.warnf(join(at, "type"), "has no spool: while its broker is away what can't be read holds its streams up, whatever spools sinks have; type file does not")
		}
		return
	}
	d.positive("dead_letter.max_bytes", dl.MaxBytes)
	if dl.MaxBytes > 0 && dl.MaxBytes < 1<<20 {
		d.failf("dead_letter.max_bytes", "must be at least 1MiB%s", d.got("dead_letter.max_bytes", dl.MaxBytes.String()))
	}
}

// checkSharing checks what depends on who uses a sink.
func (d *document) checkSharing(c *Config) {
	for i := range c.Sinks {
		s := &c.Sinks[i]
		at := join("sinks", s.Name)
		var users, kafka []string
		for j := range c.Streams {
			for _, name := range c.Streams[j].Sinks {
				if name != s.Name {
					continue
				}
				users = append(users, c.Streams[j].Name)
				if c.Streams[j].Source.Type == Kafka {
					kafka = append(kafka, c.Streams[j].Name)
				}
				break
			}
		}
		if s.Type == File && s.Format == "csv" && len(users) > 1 {
			p := join(at, "path")
			if d.has(join(at, "format")) {
				p = join(at, "format")
			}
			d.failf(p, "a csv file holds the channels of one stream, and %s use this sink: give each its own, or write format: jsonl", strings.Join(users, " and "))
		}
		if s.Spool != nil && s.Required && len(kafka) > 0 {
			d.failf(join(at, "spool"), "%s", fmt.Sprintf("is not for required sinks of Kafka sources (stream %s): Kafka itself keeps what is not delivered", kafka[0]))
		}
	}
}

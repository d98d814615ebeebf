package config

import (
	"net"
	"slices"
	"strings"

	"github.com/quell-stream/quell/conn/mqttconn"
	"github.com/quell-stream/quell/ingest/codec/topic"
)

// input is one topic that a stream reads.
type input struct {
	stream, path string
	conn         *Connection
	filter       string
	shared       bool
}

// output is one topic that Quell publishes to.
type output struct {
	path   string
	conn   *Connection
	stream string // whose records these are; "" for all
	topic  string // as a filter: what {series} stands for is any level
}

// checkTopics reports topics that two sources read and topics by which Quell
// would read what it wrote.
func (d *document) checkTopics(c *Config) {
	ins := d.inputs(c)
	for i, a := range ins {
		for _, b := range ins[:i] {
			if !sameBroker(a.conn, b.conn) || !meet(a.conn, a.filter, b.filter) {
				continue
			}
			switch {
			case a.stream == b.stream:
				d.failf(a.path, "overlaps with %q, so that messages would come twice: remove one of them", b.filter)
			case !a.shared && !b.shared:
				d.failf(a.path, "overlaps with %q of stream %s, so that both read the same messages: if that is meant, set shared_input: true", b.filter, b.stream)
			}
		}
	}
	feeds := map[string][]string{} // stream → streams that read what it writes
	for _, o := range d.outputs(c) {
		for _, in := range ins {
			if !sameBroker(o.conn, in.conn) || !meet(o.conn, o.topic, in.filter) {
				continue
			}
			switch o.stream {
			case "":
				d.failf(o.path, "feeds the source of stream %s (topic %q): what can't be read would go round for ever", in.stream, in.filter)
			case in.stream:
				d.failf(o.path, "feeds the stream's own source (%s, topic %q): records would go round for ever", in.stream, in.filter)
			default:
				if reaches(feeds, in.stream, o.stream, nil) {
					d.failf(o.path, "feeds stream %s, whose records come back to stream %s: records would go round for ever", in.stream, o.stream)
					continue
				}
				feeds[o.stream] = append(feeds[o.stream], in.stream)
			}
		}
	}
	d.checkKafkaNames(c)
}

func reaches(feeds map[string][]string, from, to string, seen []string) bool {
	if from == to {
		return true
	}
	if slices.Contains(seen, from) {
		return false
	}
	seen = append(seen, from)
	return slices.ContainsFunc(feeds[from], func(next string) bool { return reaches(feeds, next, to, seen) })
}

// inputs lists the topics that are read, as MQTT filters.
func (d *document) inputs(c *Config) (out []input) {
	for i := range c.Streams {
		s := &c.Streams[i]
		conn := c.Connection(s.Source.Connection)
		if conn == nil {
			continue
		}
		for j, t := range s.Source.Topics {
			p := element(join(join(join("streams", s.Name), "source"), "topics"), j)
			if !d.ok(p) {
				continue
			}
			if conn.Type == MQTT {
				tmpl, msg := parseTopic(t)
				if msg != "" {
					continue
				}
				t = tmpl.Filter()
			}
			out = append(out, input{s.Name, p, conn, t, s.Source.SharedInput})
		}
	}
	return out
}

// outputs lists the topics that are written, once per stream that writes them.
func (d *document) outputs(c *Config) (out []output) {
	for i := range c.Sinks {
		s := &c.Sinks[i]
		conn, p := c.Connection(s.Connection), join(join("sinks", s.Name), "topic")
		if conn == nil || s.Topic == "" || !d.ok(p) {
			continue
		}
		for j := range c.Streams {
			if st := &c.Streams[j]; slices.Contains(st.Sinks, s.Name) {
				out = append(out, output{p, conn, st.Name, fill(s.Topic, st.Name, "+")})
			}
		}
	}
	if dl := &c.DeadLetter; dl.Topic != "" && d.ok("dead_letter.topic") {
		if conn := c.Connection(dl.Connection); conn != nil {
			for j := range c.Streams {
				out = append(out, output{"dead_letter.topic", conn, "", fill(dl.Topic, c.Streams[j].Name, "+")})
			}
		}
	}
	return out
}

// meet says whether some topic falls under both filters. Part of a level may be
// a + here (pre{series}): such a level may be anything.
func meet(conn *Connection, a, b string) bool {
	if conn.Type == Kafka {
		return a == b
	}
	return topic.Overlap(wholeLevels(a), wholeLevels(b))
}

func wholeLevels(filter string) string {
	levels := strings.Split(filter, "/")
	for i, l := range levels {
		if len(l) > 1 && strings.Contains(l, "+") {
			levels[i] = "+"
		}
	}
	return strings.Join(levels, "/")
}

// checkKafkaNames reports groups and state topics that two streams share, and
// state topics that are used for anything else.
func (d *document) checkKafkaNames(c *Config) {
	type owner struct {
		conn *Connection
		name string
	}
	var groups, states []owner
	taken := func(list []owner, conn *Connection, name string) bool {
		return slices.ContainsFunc(list, func(o owner) bool { return o.name == name && sameBroker(o.conn, conn) })
	}
	topics := []owner{}
	for i := range c.Streams {
		src := &c.Streams[i].Source
		for _, t := range src.Topics {
			topics = append(topics, owner{c.Connection(src.Connection), t})
		}
	}
	for _, o := range d.outputs(c) {
		topics = append(topics, owner{o.conn, o.topic})
	}
	for i := range c.Streams {
		s := &c.Streams[i]
		conn, at := c.Connection(s.Source.Connection), join(join("streams", s.Name), "source")
		if conn == nil || s.Source.Type != Kafka {
			continue
		}
		if p := join(at, "group"); d.ok(p) {
			if taken(groups, conn, s.Source.Group) {
				d.failf(p, "is the group of another stream too: each needs its own")
			}
			groups = append(groups, owner{conn, s.Source.Group})
		}
		if p := join(at, "state_topic"); d.ok(p) {
			used := func(topic string) bool { return taken(states, conn, topic) || taken(topics, conn, topic) }
			switch model := s.Source.ModelTopic(); {
			case used(s.Source.StateTopic):
				d.failf(p, "is in use for something else: each stream needs a state topic of its own")
			case used(model):
				d.failf(p, "takes %s too, which is in use for something else: each stream needs a state topic of its own", model)
			}
			states = append(states, owner{conn, s.Source.StateTopic}, owner{conn, s.Source.ModelTopic()})
		}
	}
}

// sameBroker says whether two connections lead to the same place, as far as
// their addresses tell.
func sameBroker(a, b *Connection) bool {
	switch {
	case a == nil || b == nil || a.Type != b.Type:
		return false
	case a == b:
		return true
	case a.Type == MQTT:
		x, y := address(a.URL), address(b.URL)
		return x != "" && x == y
	}
	return slices.ContainsFunc(a.Brokers, func(x string) bool { return x != "" && slices.Contains(b.Brokers, x) })
}

// address returns host and port of a broker's URL.
func address(raw string) string {
	host, port, _, err := mqttconn.Config{URL: raw}.Target()
	if err != nil {
		return ""
	}
	if host = strings.ToLower(host); loopback(host) {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

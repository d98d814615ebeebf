package config

import (
	"maps"
	"net"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/quell-stream/quell/ingest/codec/topic"
)

// check looks at what the values mean together. What decoding found wrong is
// left alone, so that one mistake is one error.
func (d *document) check(c *Config) {
	if d.has("version") && d.ok("version") && c.Version != 1 {
		d.failf("version", "must be 1, got %d: this version of Quell reads no other", c.Version)
	}
	d.missing("", "version", "write version: 1")
	d.checkHTTP(&c.HTTP)
	d.checkLinks(&c.Links)
	for i := range c.Connections {
		d.checkConnection(&c.Connections[i])
	}
	if len(c.Streams) == 0 {
		d.needSome("", "streams", "a stream says what to read and where its records go")
	}
	if len(c.Sinks) == 0 {
		d.needSome("", "sinks", "a sink says where records and events go")
	}
	for i := range c.Sinks {
		d.checkSink(c, &c.Sinks[i])
	}
	d.checkDeadLetter(c)
	for i := range c.Streams {
		d.checkStream(c, &c.Streams[i])
	}
	d.checkSharing(c)
	d.checkPaths(c)
	d.checkCredentials()
	d.checkTopics(c)
	if len(d.errs) == 0 {
		d.checkUnused(c) // else a mistake may be why
	}
}

// needSome reports a list that is absent or empty.
func (d *document) needSome(parent, key, why string) {
	d.missing(parent, key, why)
	d.failf(join(parent, key), "is empty: %s", why)
}

var nameRule = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`)

// checkName checks a name that becomes part of paths, topics and metrics.
func (d *document) checkName(path, name string) {
	if !nameRule.MatchString(name) && !d.bad[path] {
		// Not bad: what stands under the name is checked all the same.
		d.add(d.at[path].key, path, "is no name: use up to 63 letters, digits, - and _, beginning with a letter or a digit")
	}
}

// checkOnly reports the keys at path that another type has and this one hasn't.
func (d *document) checkOnly(path string, t reflect.Type, typ, thing string) {
	for _, k := range keysOf(t) {
		at := join(path, k.name)
		if d.has(at) && k.only != nil && !slices.Contains(k.only, typ) {
			d.errorAt(d.at[at].key, at, "is a key of %s %ss, and this one is of type %s", oneOf(k.only), thing, typ)
		}
	}
}

// oneSecret reports a secret that is given twice, or not at all where it is
// needed.
func (d *document) oneSecret(path, key string, needed bool) {
	value, file := join(path, key), join(path, key+"_file")
	switch {
	case d.has(value) && d.has(file):
		d.failf(file, "is given beside %s: remove one of them", key)
	case needed && !d.bad[file] && !d.has(file):
		d.missing(path, key, "give it, or "+key+"_file")
	}
}

func (d *document) atLeast(path string, v, lo int) {
	if v < lo {
		d.failf(path, "must be at least %d, got %d", lo, v)
	}
}

func (d *document) positive(path string, v ByteSize) {
	if d.has(path) && v <= 0 {
		d.failf(path, "must be above 0")
	}
}

func (d *document) checkHTTP(h *HTTP) {
	if h.Listen == "off" {
		h.Listen = ""
		return
	}
	const at = "http.listen"
	if !d.ok(at) {
		return
	}
	host, port, err := net.SplitHostPort(h.Listen)
	if err != nil || !validPort(port) || !validHost(host) && host != "" {
		d.failf(at, "must be HOST:PORT, such as %s, or off%s", DefaultListen, d.got(at, h.Listen))
		return
	}
	d.checkServerTLS(h.TLS)
	d.checkHosts(h.Hosts)
	if !loopback(host) {
		d.missing("http", "token_file", "whoever reaches "+h.Listen+" could change what runs; listen on 127.0.0.1, or name a file with a token")
	}
}

func (d *document) checkServerTLS(t *ServerTLS) {
	if t == nil {
		return
	}
	d.missing("http.tls", "cert_file", "a server needs both cert_file and key_file")
	d.missing("http.tls", "key_file", "a server needs both cert_file and key_file")
}

func (d *document) checkHosts(hosts []string) {
	for i, name := range hosts {
		if p := element("http.hosts", i); d.ok(p) && !validHost(name) {
			d.failf(p, "must be the name of a host, without scheme and port%s", d.got(p, name))
		}
	}
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func validPort(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 0 && n <= 65535
}

var hostRule = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$`)

// validHost takes host names and addresses. What looks like an IPv4 address and
// isn't one is no host name either.
func validHost(s string) bool {
	if net.ParseIP(strings.SplitN(s, "%", 2)[0]) != nil {
		return true
	}
	return hostRule.MatchString(s) && strings.Trim(s, "0123456789.") != "" && !strings.Contains(s, "..")
}

// checkCredentials reports names of credentials that are none.
func (d *document) checkCredentials() {
	for _, p := range slices.Sorted(maps.Keys(d.at)) {
		n := d.at[p].val
		name, ok := strings.CutPrefix(n.Value, Credential)
		if ok && strings.HasSuffix(p, "_file") && !credentialName(name) {
			d.failf(p, "names no credential: write %sNAME, the name being that of LoadCredential= in the unit", Credential)
		}
	}
}

// checkPaths reports files that two things would write, and one that is read
// and written.
func (d *document) checkPaths(c *Config) {
	users := map[string]string{}
	use := func(path, file string) {
		if file == "" || file == "-" || !d.ok(path) {
			return
		}
		file = filepath.Clean(file)
		if other, ok := users[file]; ok {
			d.failf(path, "is the file of %s too: each needs its own", other)
			return
		}
		users[file] = path
	}
	for i := range c.Streams {
		s := &c.Streams[i]
		p := join(join(join("streams", s.Name), "source"), "path")
		if f := filepath.Clean(s.Source.Path); s.Source.Type == File && users[f] == "" {
			use(p, s.Source.Path) // several streams may read one file
		}
	}
	for i := range c.Sinks {
		if s := &c.Sinks[i]; s.Type == File {
			use(join(join("sinks", s.Name), "path"), s.Path)
		}
	}
	if c.DeadLetter.Type == File {
		use("dead_letter.path", c.DeadLetter.Path)
	}
}

// checkUnused warns about what is described and not used.
func (d *document) checkUnused(c *Config) {
	conns, sinks := map[string]bool{c.DeadLetter.Connection: true}, map[string]bool{}
	for i := range c.Streams {
		conns[c.Streams[i].Source.Connection] = true
		for _, name := range c.Streams[i].Sinks {
			sinks[name] = true
		}
	}
	for i := range c.Sinks {
		s := &c.Sinks[i]
		conns[s.Connection] = true
		if !sinks[s.Name] {
			d.warnf(join("sinks", s.Name), "no stream uses this sink")
		}
	}
	for i := range c.Connections {
		if name := c.Connections[i].Name; !conns[name] {
			d.warnf(join("connections", name), "nothing uses this connection")
		}
	}
}

var kafkaTopicRule = regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`)

func validKafkaTopic(s string) bool {
	return kafkaTopicRule.MatchString(s) && s != "." && s != ".."
}

// parseTopic parses an MQTT topic template and returns what is wrong with it
// without the topic, which the excerpt shows.
func parseTopic(s string) (*topic.Template, string) {
	t, err := topic.Parse(s)
	if err == nil {
		return t, ""
	}
	msg := err.Error()
	if _, after, ok := strings.Cut(msg, strconv.Quote(s)+": "); ok {
		msg = after
	}
	return nil, msg
}

package config

import (
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/quell-stream/quell/ingest/codec"
	"github.com/quell-stream/quell/ingest/codec/field"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/replay"
	"github.com/quell-stream/quell/window"
)

func (d *document) checkStream(c *Config, s *Stream) {
	at := join("streams", s.Name)
	d.checkName(at, s.Name)
	if !d.ok(at) {
		return
	}
	before := len(d.errs)
	if d.missing(at, "source", "connection and topics, or type: file, sim or host"); d.ok(join(at, "source")) {
		d.checkSource(c, s, join(at, "source"))
	}
	d.checkChannels(s, join(at, "channels"))
	d.checkWindow(&s.Window, len(s.Channels), join(at, "window"))
	d.checkModel(s, join(at, "model"))
	if p := at + ".adapt.cpu_share"; s.Adapt.CPUShare <= 0 || s.Adapt.CPUShare > 1 {
		d.failf(p, "must be above 0 and at most 1 (one core), got %g", s.Adapt.CPUShare)
	}
	d.checkReplay(s, at)
	d.checkSinkRefs(c, s, at)
	if len(d.errs) == before && (s.Source.Type == MQTT || s.Source.Type == Kafka) {
		d.checkCodec(s, join(at, "source"))
	}
}

// checkReplay reports a replay buffer that holds too little to learn from.
func (d *document) checkReplay(s *Stream, at string) {
	p := at + ".adapt.replay_bytes"
	before := len(d.errs)
	if d.positive(p, s.Adapt.ReplayBytes); len(d.errs) > before || s.Adapt.Mode == "off" {
		return
	}
	channels := max(1, len(s.Channels)) // those of a sim or a host are not listed
	least := replay.LeastBytes(ReplayWindow, channels)
	if int64(s.Adapt.ReplayBytes) >= int64(least) {
		return
	}
	if !d.has(p) {
		d.failf(join(at, "channels"), "are too many for the default of adapt.replay_bytes, %s: give it at least %d", DefaultReplayBytes, least)
		return
	}
	d.failf(p, "must be at least %d for this number of channels (%d), or adapt.mode off: less holds too few windows to learn from%s", least, channels, d.got(p, s.Adapt.ReplayBytes.String()))
}

func (d *document) checkSource(c *Config, s *Stream, at string) {
	src := &s.Source
	typed, conn := d.has(join(at, "type")), join(at, "connection")
	switch {
	case !d.ok(conn):
		return
	case typed && d.has(conn):
		d.failf(join(at, "type"), "is given beside connection: remove one of them")
		return
	case !typed && !d.has(conn):
		d.missing(at, "connection", "the name of one under connections (or type: file, sim or host)")
		return
	case !typed:
		d.checkConnRef(c, conn, src.Connection)
	}
	if src.Type == "" {
		return // there is no telling which keys are right
	}
	d.checkOnly(at, reflect.TypeFor[Source](), src.Type, "source")
	switch src.Type {
	case MQTT:
		d.checkMQTTSource(src, at)
	case Kafka:
		d.checkKafkaSource(src, at)
	case File:
		d.checkFileSource(src, at)
	case Host:
		if p := join(at, "every"); d.has(p) && src.Every < 10*time.Millisecond {
			d.failf(p, "must be at least 10ms%s", d.got(p, src.Every.String()))
		}
	}
}

func (d *document) checkMQTTSource(src *Source, at string) {
	p := join(at, "topics")
	if len(src.Topics) == 0 {
		d.needSome(at, "topics", `such as ["sensors/{series}/telemetry"]`)
	}
	named := d.has(at+".codec.series") || d.has(at+".codec.default_series") || d.bad[at+".codec.series"] || d.bad[join(at, "codec")]
	for i, text := range src.Topics {
		e := element(p, i)
		if !d.ok(e) {
			continue
		}
		t, msg := parseTopic(text)
		switch {
		case msg != "":
			d.failf(e, "%s", msg)
		case t.Group() != "" && !src.ShareAffinity:
			d.failf(e, "a shared subscription spreads one series over the replicas, which each would see a part of: use shard: {index: 0, count: N}, or set share_affinity: true if there is one replica or the broker keeps a series with one")
		case !t.HasSeries() && !named:
			d.failf(e, "names no series: write {series} for the level that does, or set codec.series (a field) or codec.default_series (a name)")
		}
	}
	d.checkQoS(join(at, "qos"), src.QoS)
	d.positive(join(at, "journal_bytes"), src.JournalBytes)
	if src.JournalBytes > 0 && src.JournalBytes < 1<<20 {
		d.failf(join(at, "journal_bytes"), "must be at least 1MiB")
	}
	if src.Shard == nil {
		return
	}
	p = join(at, "shard")
	d.missing(p, "count", "the number of replicas")
	d.missing(p, "index", "which of them this is, from 0")
	if d.ok(join(p, "count")) {
		d.atLeast(join(p, "count"), src.Shard.Count, 1)
	}
	if q := join(p, "index"); d.ok(q) && d.ok(join(p, "count")) && (src.Shard.Index < 0 || src.Shard.Index >= src.Shard.Count) {
		d.failf(q, "must lie in 0..%d, got %d", src.Shard.Count-1, src.Shard.Index)
	}
}

func (d *document) checkKafkaSource(src *Source, at string) {
	p := join(at, "topics")
	if len(src.Topics) == 0 {
		d.needSome(at, "topics", "such as [telemetry.raw]")
	}
	const rule = "must be a Kafka topic: up to 249 letters, digits, dots, - and _"
	for i, t := range src.Topics {
		if e := element(p, i); d.ok(e) && !validKafkaTopic(t) {
			d.failf(e, "%s%s", rule, d.got(e, t))
		}
	}
	if e := join(at, "state_topic"); d.ok(e) && !validKafkaTopic(src.StateTopic) {
		d.failf(e, "%s%s", rule, d.got(e, src.StateTopic))
	}
}

func (d *document) checkFileSource(src *Source, at string) {
	d.missing(at, "path", "the file to read, - for standard input")
	if p := join(at, "tz"); d.has(p) && d.ok(p) {
		if _, err := time.LoadLocation(src.TZ); err != nil || src.TZ == "Local" {
			d.failf(p, "is no time zone such as UTC or Europe/Berlin%s", d.got(p, src.TZ))
		}
	}
	if p := join(at, "rate_hz"); d.has(p) && !(src.RateHz > 0 && src.RateHz <= 1e6) {
		d.failf(p, "must be above 0 and at most 1e6, got %g", src.RateHz)
	}
	if p := join(at, "default_series"); d.has(p) && d.ok(p) {
		if err := field.CheckSeries(src.DefaultSeries); err != nil {
			d.failf(p, "is no name of a series%s", d.got(p, src.DefaultSeries))
		}
	}
}

func (d *document) checkChannels(s *Stream, at string) {
	if len(s.Channels) == 0 && s.Source.Type != Sim && s.Source.Type != Host {
		parent := strings.TrimSuffix(at, ".channels")
		d.needSome(parent, "channels", "name them, such as channels: [temp, pressure]")
	}
	for i := range s.Channels {
		ch := &s.Channels[i]
		p := join(at, ch.Name)
		if !d.ok(p) {
			continue
		}
		if utf8.RuneCountInString(ch.Name) > 63 || strings.ContainsFunc(ch.Name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			d.failf(p, "is no name: use up to 63 printable characters")
		}
		if utf8.RuneCountInString(ch.Unit) > 32 {
			d.failf(join(p, "unit"), "must have at most 32 characters")
		}
		if ch.Min != nil && ch.Max != nil && *ch.Min >= *ch.Max {
			d.failf(join(p, "max"), "must be above min (%g), got %g", *ch.Min, *ch.Max)
		}
		if !(ch.Sigma >= 0 && ch.Sigma <= math.MaxFloat64) {
			d.failf(join(p, "sigma"), "must be the deviation of the noise, a number that is not negative, got %g", ch.Sigma)
		}
		if !(ch.Colour >= 0 && ch.Colour < 1) {
			d.failf(join(p, "colour"), "must lie in 0 to below 1, got %g", ch.Colour)
		} else if ch.Colour > 0 && ch.Sigma == 0 {
			d.failf(join(p, "colour"), "needs sigma: the level of coloured noise cannot be read from the series")
		}
	}
}

func (d *document) checkWindow(w *Window, channels int, at string) {
	if p := join(at, "rate_hz"); d.has(p) && !(w.RateHz > 0 && w.RateHz <= 1e6) {
		d.failf(p, "must be above 0 and at most 1e6, got %g; remove it to have the rate learnt", w.RateHz)
	}
	d.atLeast(join(at, "max_series"), w.MaxSeries, 1)
	d.checkIdle(w, at)
	p := join(at, "allowed_lateness")
	switch {
	case !d.ok(join(at, "late")):
	case w.Late == "revise":
		d.missing(at, "allowed_lateness", "late: revise needs to know how far back")
		if d.ok(p) && d.ok(join(at, "lateness")) && w.AllowedLateness < w.Lateness {
			d.failf(p, "must not be below lateness (%v)%s", w.Lateness, d.got(p, w.AllowedLateness.String()))
		} else if d.ok(p) {
			d.checkRevisable(w, channels, at)
		}
	case d.has(p) && d.ok(p):
		d.warnf(p, "has no effect without late: revise")
	}
}

// What a record that may be revised takes, and what all else of a series does, in
// bytes, about.
const (
	revisableRecord  = 150
	revisableChannel = 250 // of it
	seriesChannel    = 80 << 10
)

// checkRevisable checks what late samples may revise, which is kept in memory.
func (d *document) checkRevisable(w *Window, channels int, at string) {
	p := join(at, "allowed_lateness")
	if slots := w.AllowedLateness.Seconds() * w.RateHz; slots > window.MaxRevisable {
		d.failf(p, "holds %.0f samples at %g Hz: at most %d records of a series can be revised", slots, w.RateHz, window.MaxRevisable)
		return
	}
	slots := window.Config{AllowedLateness: w.AllowedLateness}.Revisable(w.RateHz)
	channels = max(channels, 1)
	bytes := slots * (revisableRecord + channels*revisableChannel)
	if w.RateHz > 0 && bytes > channels*seriesChannel {
		d.warnf(p, "%d records of each series are kept for late samples: up to %d KiB, and %.1f GiB of max_series (%d)",
			slots, bytes>>10, float64(bytes)*float64(w.MaxSeries)/(1<<30), w.MaxSeries)
	}
}

// checkIdle checks what becomes of series that fall silent.
func (d *document) checkIdle(w *Window, at string) {
	slot := time.Duration(0)
	if w.RateHz > 0 {
		slot = time.Duration(min(1e9/w.RateHz, math.MaxInt64/16))
	}
	if p := join(at, "idle_flush"); d.has(p) && d.ok(p) && w.IdleFlush > 0 && w.IdleFlush <= 2*slot {
		d.warnf(p, "is no longer than two samples take at %g Hz: every record comes twice, as a provisional one first", w.RateHz)
	}
	gap := w.MaxGap
	if gap == 0 {
		gap = 8 * slot
	}
	if p := join(at, "state_ttl"); d.has(p) && d.ok(p) && w.StateTTL > 0 && w.StateTTL <= gap+w.Lateness {
		d.failf(p, "must be longer than max_gap and lateness together (%v): a series is not forgotten while its next sample may still continue it%s", gap+w.Lateness, d.got(p, w.StateTTL.String()))
	}
}

var bankName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*@([0-9a-f]{6}|[0-9a-f]{16})$`)

func (d *document) checkModel(s *Stream, at string) {
	m := &s.Model
	if p := join(at, "use"); d.ok(p) && m.Use != "base" && !bankName.MatchString(m.Use) && !strings.HasSuffix(m.Use, ".quell") && !strings.HasSuffix(m.Use, ".onnx") {
		d.failf(p, "must be base, a NAME@hhhhhh from the model bank, or a file ending in .quell or .onnx%s%s", d.got(p, m.Use), suggest(m.Use, []string{"base"}, false))
	}
	if p := join(at, "interval"); !(m.Interval > 0 && m.Interval < 1) {
		d.failf(p, "must lie between 0 and 1, such as 0.9, got %g", m.Interval)
	}
	p := join(at, "lookahead")
	if m.Lookahead == nil || !d.ok(p) {
		return
	}
	n := *m.Lookahead
	if n < 0 || n > 1024 {
		d.failf(p, "must lie in 0..1024 samples, got %d", n)
		return
	}
	if bases := model.BaseVariants(); m.Use == "base" && !slices.Contains(bases, n) {
		d.failf(p, "there is no base model with a look-ahead of %d samples: choose one of %v", n, bases)
		return
	}
	rate := s.Window.RateHz
	if rate <= 0 {
		return
	}
	delay := time.Duration(float64(n) / rate * float64(time.Second))
	switch {
	case float64(n)/rate > math.MaxInt64/1e9, d.has(join(at, "max_delay")) && d.ok(join(at, "max_delay")) && delay > m.MaxDelay:
		d.failf(p, "%d samples at %g Hz take %v, which is more than max_delay (%v)", n, rate, delay, m.MaxDelay)
	case delay > time.Minute:
		d.warnf(p, "%d samples at %g Hz: every record comes %v late", n, rate, delay)
	}
}

func (d *document) checkSinkRefs(c *Config, s *Stream, at string) {
	p := join(at, "sinks")
	if len(s.Sinks) == 0 {
		d.needSome(at, "sinks", "give the names of some under sinks")
	}
	known := make([]string, len(c.Sinks))
	for i := range c.Sinks {
		known[i] = c.Sinks[i].Name
	}
	for i, name := range s.Sinks {
		e := element(p, i)
		switch {
		case !d.ok(e) || d.bad["sinks"]:
		case !slices.Contains(known, name) && d.partial:
		case !slices.Contains(known, name):
			d.failf(e, "there is no sink %s%s", d.quote(e, name), suggest(name, known, true))
		case slices.Contains(s.Sinks[:i], name):
			d.failf(e, "%s is given twice", d.quote(e, name))
		}
	}
}

// Decoder returns the codec's configuration of a stream whose source is a
// connection.
func (s *Stream) Decoder() codec.Config {
	k := &s.Source.Codec
	c := codec.Config{
		Type: k.Type, Series: k.Series, Time: k.Time, TimeUnit: k.TimeUnit, Columns: k.Columns, Separator: k.Separator,
		DefaultSeries: k.DefaultSeries, MaxBytes: int(k.MaxBytes), Strict: k.Strict, Channels: s.Fields(),
	}
	if s.Source.Type == MQTT {
		c.TopicTemplates = s.Source.Topics
	}
	return c
}

// Fields returns the stream's channels in the words of the codecs and of the
// file reader.
func (s *Stream) Fields() []field.Channel {
	out := make([]field.Channel, len(s.Channels))
	for i, ch := range s.Channels {
		out[i] = field.Channel{Name: ch.Name, Path: ch.Path, Unit: ch.Unit, Min: ch.Min, Max: ch.Max, Missing: ch.Missing}
	}
	return out
}

// checkCodec asks the codec itself, once everything else is right.
func (d *document) checkCodec(s *Stream, at string) {
	p := join(at, "codec")
	d.positive(join(p, "max_bytes"), s.Source.Codec.MaxBytes)
	if s.Source.Codec.MaxBytes > 1<<30 {
		d.failf(join(p, "max_bytes"), "must be at most 1GiB")
		return
	}
	for path := range d.bad {
		if strings.HasPrefix(path, at) || strings.HasPrefix(path, strings.TrimSuffix(at, "source")+"channels") {
			return // wrong, or in an environment that isn't here
		}
	}
	cfg := s.Decoder()
	err := cfg.Validate()
	if err == nil {
		return
	}
	if !d.has(p) {
		p = at
	}
	msg := strings.ReplaceAll(err.Error(), "\n", "; ")
	d.failf(p, "%s", strings.ReplaceAll(strings.ReplaceAll(msg, "codec: codec: ", ""), "codec: ", ""))
}

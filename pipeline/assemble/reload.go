package assemble

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/quell-stream/quell/conn"
	"github.com/quell-stream/quell/conn/kafkaconn"
	"github.com/quell-stream/quell/conn/mqttconn"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/config"
	"github.com/quell-stream/quell/web"
)

// Reloader applies a changed configuration file to the pipeline that runs by it:
// streams and sinks whose section and files are as they were run on. It is safe for
// concurrent use.
type Reloader struct {
	path string
	opt  Options
	p    *pipeline.Pipeline

	offered *offered // to the streams that a reload makes

	mu      sync.Mutex
	cfg     *config.Config    // that runs
	streams map[string]string // what the parts were made of, see prints
	sinks   map[string]string
	conns   map[string]string
	fixed   map[string]string // what can't change while the process runs, as of its start
}

// NewReloader returns a reloader of the file at path, of which cfg was read and p was
// made with opt.
func NewReloader(path string, cfg *config.Config, opt Options, p *pipeline.Pipeline) *Reloader {
	if opt.Seed == 0 {
		opt.Seed = 1
	}
	r := &Reloader{path: path, opt: opt, p: p, cfg: cfg, offered: newOffered(cfg.StateDir, opt.Log)}
	r.streams, r.sinks = prints(cfg)
	r.conns, r.fixed = connPrints(cfg), fixedPrints(cfg)
	return r
}

// Reload reads the file again and replaces what has changed, by drain and restart from
// its own checkpoint: nothing is lost, and no value differs from those of a restart.
// It returns the keys of what it replaced, and, with an error too, of what has changed
// and needs a restart of the process. After an error what ran before runs on; a *web.Mistakes is about the file.
func (r *Reloader) Reload(ctx context.Context) (changed, needsRestart []string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next, warnings, err := config.Load(r.path)
	if err != nil {
		return nil, nil, mistaken(err)
	}
	if err := config.NeedEnv(warnings); err != nil {
		return nil, nil, mistaken(err)
	}
	needsRestart = r.keep(next)
	conns := connPrints(next)
	streams, sinks := prints(next)
	goneStreams, newStreams := differ(r.streams, streams)
	goneSinks, newSinks := differ(r.sinks, sinks)
	for _, s := range slices.Concat(r.cfg.Streams, next.Streams) { // who feeds a sink that changes
		if slices.ContainsFunc(s.Sinks, func(n string) bool { return slices.Contains(goneSinks, n) || slices.Contains(newSinks, n) }) {
			if r.cfg.Stream(s.Name) != nil && !slices.Contains(goneStreams, s.Name) {
				goneStreams = append(goneStreams, s.Name)
			}
			if next.Stream(s.Name) != nil && !slices.Contains(newStreams, s.Name) {
				newStreams = append(newStreams, s.Name)
			}
		}
	}
	if fixed := fixedStreams(r.cfg, goneStreams); len(fixed) > 0 {
		return nil, append(needsRestart, fixed...), fmt.Errorf("what reads standard input can't be opened again: restart to change %s", strings.Join(fixed, ", "))
	}
	if len(goneStreams)+len(newStreams)+len(goneSinks)+len(newSinks) == 0 {
		r.cfg, r.conns = next, conns
		return nil, needsRestart, nil
	}
	b := &builder{cfg: next, opt: r.opt, offered: r.offered}
	if err := errors.Join(b.try(newSinks, newStreams), b.refused(ctx, r.conns)); err != nil {
		return nil, needsRestart, fmt.Errorf("%w: what ran before runs on", err)
	}
	old := &builder{cfg: r.cfg, opt: r.opt, offered: r.offered}
	err = r.p.Change(ctx, pipeline.Change{
		Streams: goneStreams, Sinks: goneSinks,
		Make: func() (pipeline.Parts, error) { return b.parts(newSinks, newStreams) },
		Back: func() (pipeline.Parts, error) { return old.parts(goneSinks, goneStreams) },
	})
	if err != nil {
		return nil, needsRestart, err
	}
	r.cfg, r.streams, r.sinks, r.conns = next, streams, sinks, conns
	return changes(goneStreams, newStreams, goneSinks, newSinks), needsRestart, nil
}

// mistaken turns the mistakes of a file into what the API tells.
func mistaken(err error) error {
	var list config.ErrorList
	if !errors.As(err, &list) {
		return err
	}
	out := &web.Mistakes{Err: err}
	for _, e := range list {
		out.List = append(out.List, web.Mistake{File: e.File, Line: e.Line, Column: e.Column, Path: e.Path, Message: e.Msg})
	}
	return out
}

// keep gives next what can't change while the process runs, and names what would have:
// what a file of the two holds counts too, such as a token.
func (r *Reloader) keep(next *config.Config) (differs []string) {
	for name, is := range fixedPrints(next) {
		if r.fixed[name] != is {
			differs = append(differs, name)
		}
	}
	slices.Sort(differs)
	next.StateDir, next.HTTP, next.DeadLetter = r.cfg.StateDir, r.cfg.HTTP, r.cfg.DeadLetter
	return differs
}

// fixedPrints returns what the parts were made of that a reload leaves alone.
func fixedPrints(c *config.Config) map[string]string {
	return map[string]string{
		"state_dir":   c.StateDir,
		"http":        printOf(c, "", c.HTTP),
		"dead_letter": printOf(c, c.DeadLetter.Connection, c.DeadLetter),
	}
}

// connPrints returns what each connection was made of.
func connPrints(c *config.Config) map[string]string {
	out := map[string]string{}
	for i := range c.Connections {
		out[c.Connections[i].Name] = printOf(c, c.Connections[i].Name)
	}
	return out
}

// prints returns what each stream and each sink is made of, by name: its section, that
// of its connection, and the content of the files that they name.
func prints(c *config.Config) (streams, sinks map[string]string) {
	streams, sinks = map[string]string{}, map[string]string{}
	for i := range c.Streams {
		s := &c.Streams[i]
		streams[s.Name] = printOf(c, s.Source.Connection, *s, c.Links)
	}
	for i := range c.Sinks {
		s := &c.Sinks[i]
		parts := []any{*s}
		for j := range c.Streams { // a sink may have something of its own for each
			if st := &c.Streams[j]; slices.Contains(st.Sinks, s.Name) && (s.Type == config.Alertmanager || s.Type == config.Kafka && strings.Contains(s.Topic, "{stream}")) {
				parts = append(parts, st.Name, st.Sinks)
			}
		}
		sinks[s.Name] = printOf(c, s.Connection, parts...)
	}
	return streams, sinks
}

// printOf returns a digest of parts of a configuration and of a connection.
func printOf(c *config.Config, connection string, parts ...any) string {
	if k := c.Connection(connection); k != nil {
		parts = append(parts, *k)
	}
	h := sha256.New()
	for _, p := range parts {
		digest(h, reflect.ValueOf(p))
	}
	return string(h.Sum(nil))
}

// digest writes a value, with secrets as they are and, for keys that name files, with
// what these hold.
func digest(h interface{ Write([]byte) (int, error) }, v reflect.Value) {
	switch {
	case v.Kind() == reflect.Pointer && v.IsNil():
		fmt.Fprint(h, "nil;")
	case v.Kind() == reflect.Pointer:
		digest(h, v.Elem())
	case v.Kind() == reflect.Slice:
		fmt.Fprint(h, v.Len(), ";")
		for i := range v.Len() {
			digest(h, v.Index(i))
		}
	case v.Type() == reflect.TypeFor[config.Secret]():
		fmt.Fprintf(h, "%q;", v.Interface().(config.Secret).Reveal())
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			f, name := v.Field(i), v.Type().Field(i).Name
			digest(h, f)
			if f.Kind() == reflect.String && (strings.HasSuffix(name, "File") || name == "Use") {
				h.Write(fileSum(f.String()))
			}
		}
	default: // maps are written in order of their keys
		fmt.Fprintf(h, "%#v;", v.Interface())
	}
}

// fileSum returns a digest of a file, none for what is none.
func fileSum(path string) []byte {
	if path == "" {
		return nil
	}
	path, err := config.FilePath(path)
	if err != nil {
		return nil
	}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

// differ returns the names that are gone or changed, and those that are new or changed.
func differ(was, is map[string]string) (gone, made []string) {
	for name, p := range was {
		if is[name] != p {
			gone = append(gone, name)
		}
	}
	for name, p := range is {
		if was[name] != p {
			made = append(made, name)
		}
	}
	slices.Sort(gone)
	slices.Sort(made)
	return gone, made
}

// fixedStreams returns the keys of those of the named streams that can't be replaced.
func fixedStreams(c *config.Config, names []string) (fixed []string) {
	for _, n := range names {
		if s := c.Stream(n); s != nil && s.Source.Type == config.File && s.Source.Path == "-" {
			fixed = append(fixed, "streams."+n)
		}
	}
	return fixed
}

// changes names what was replaced, as keys of the file.
func changes(goneStreams, newStreams, goneSinks, newSinks []string) (out []string) {
	for _, list := range []struct {
		section string
		names   []string
	}{{"sinks.", slices.Concat(goneSinks, newSinks)}, {"streams.", slices.Concat(goneStreams, newStreams)}} {
		slices.Sort(list.names)
		for _, n := range slices.Compact(list.names) {
			out = append(out, list.section+n)
		}
	}
	return out
}

// try makes parts but for what would touch the state that the running ones have, to
// find what is wrong with them beforehand.
func (b *builder) try(sinks, streams []string) error {
	for _, name := range sinks {
		if _, err := b.outlet(b.cfg.Sink(name)); err != nil {
			return fmt.Errorf("sink %s: %w", name, err)
		}
	}
	for _, name := range streams {
		s := *b.cfg.Stream(name)
		if s.Source.Type == config.File { // without it the process would end
			if _, err := os.Stat(s.Source.Path); err != nil {
				return fmt.Errorf("stream %s: %w", name, err)
			}
		}
		s.Adapt.Mode = "off"
		if _, err := b.stream(&s); err != nil {
			return fmt.Errorf("stream %s: %w", name, err)
		}
	}
	return nil
}

// askWithin is how long a broker may take to say that it does not take us.
const askWithin = 3 * time.Second

// refused says that a broker whose section or files have changed does not take us, which
// would end the process. One that is away may be right: it is tried for ever.
func (b *builder) refused(ctx context.Context, was map[string]string) error {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	for i := range b.cfg.Connections {
		c := &b.cfg.Connections[i]
		if was[c.Name] == printOf(b.cfg, c.Name) {
			continue
		}
		if err := b.ask(ctx, c); errors.Is(err, conn.ErrRejected) {
			return fmt.Errorf("connections.%s: %w", c.Name, err)
		}
	}
	return nil
}

// ask connects once, with a session that the broker forgets.
func (b *builder) ask(ctx context.Context, c *config.Connection) error {
	if c.Type == config.MQTT {
		cfg, err := b.mqttConn(c.Name, "reload")
		if err != nil {
			return err
		}
		client, err := mqttconn.Connect(ctx, cfg, mqttconn.Session{Clean: true})
		if err == nil {
			client.Close(ctx)
		}
		return err
	}
	cfg, err := b.kafkaConn(c.Name)
	if err != nil {
		return err
	}
	client, err := kafkaconn.New(cfg)
	if err != nil {
		return err
	}
	defer client.Close()
	return client.Check(ctx)
}

// parts makes sinks and streams. Those that were made are returned with an error too.
func (b *builder) parts(sinks, streams []string) (out pipeline.Parts, err error) {
	for _, name := range sinks {
		o, err := b.outlet(b.cfg.Sink(name))
		if err != nil {
			return out, fmt.Errorf("sink %s: %w", name, err)
		}
		out.Sinks = append(out.Sinks, o)
	}
	for _, name := range streams {
		s, err := b.stream(b.cfg.Stream(name))
		if err != nil {
			return out, fmt.Errorf("stream %s: %w", name, err)
		}
		out.Streams = append(out.Streams, s)
	}
	return out, nil
}

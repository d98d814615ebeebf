package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// maxFileBytes is the size of the largest configuration file.
const maxFileBytes = 1 << 20

// Load reads and checks the file at path with the environment of the process.
// A file that can't be read is an error of package os; one with mistakes is an
// ErrorList.
func Load(path string) (*Config, []Warning, error) {
	d, cfg, err := load(path)
	if d == nil {
		return nil, nil, err
	}
	return cfg, d.warns, err
}

// load is Load with the document, nil where the file can't be read.
func load(path string) (*document, *Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("config: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, nil, fmt.Errorf("config: %w", err)
	}
	d, cfg, err := parse(path, data, surroundings)
	d.noteExposed(path)
	return d, cfg, err
}

// noteExposed warns of a file that spells a secret out and is open to others.
func (d *document) noteExposed(path string) {
	if d.src.secret == 0 {
		return
	}
	if why := Exposed(path); why != "" {
		e := &Error{Line: d.src.secret, Column: 1, Msg: why + "; or put the secret into a file of its own"}
		d.src.place(e, 1)
		d.warns = append(d.warns, Warning{Error: *e})
	}
}

// Parse reads and checks a file's content. name is what errors call it. env
// looks environment variables up, and as "file:PATH" what files hold; nil stands for an
// empty environment. The
// error, if any, is an ErrorList, and the Config then nil.
func Parse(name string, data []byte, env func(string) (string, bool)) (*Config, []Warning, error) {
	d, cfg, err := parse(name, data, env)
	return cfg, d.warns, err
}

// newDocument returns a document that nothing was read of yet.
func newDocument(name string, data []byte, env func(string) (string, bool)) *document {
	if env == nil {
		env = func(string) (string, bool) { return "", false }
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	return &document{
		src: newSource(name, data), data: data, env: env,
		at: map[string]place{}, bad: map[string]bool{}, given: map[string]string{},
	}
}

func parse(name string, data []byte, env func(string) (string, bool)) (*document, *Config, error) {
	d := newDocument(name, data, env)
	cfg := &Config{}
	if root := d.parse(d.data); root != nil {
		d.src.hideSecrets(root, len(d.src.lines)+1, 0)
		d.at[""] = place{nil, root}
		d.decode(root, "", reflect.ValueOf(cfg).Elem(), key{})
		if !d.bomb && root.Kind == yaml.MappingNode {
			d.setDefaults(cfg)
			d.check(cfg)
		}
	}
	if len(d.errs) > 0 {
		d.errs.sort()
		return d, nil, d.errs
	}
	return d, cfg, nil
}

// parse returns the top node of the only document, or nil after recording why
// there is none.
func (d *document) parse(data []byte) *yaml.Node {
	fail := func(line, column int, msg string) *yaml.Node {
		d.src.plain = true
		e := &Error{Line: max(1, line), Column: max(1, column), Msg: msg}
		d.src.place(e, 1)
		d.errs = append(d.errs, e)
		return nil
	}
	switch {
	case len(data) > maxFileBytes:
		return fail(1, 1, fmt.Sprintf("is larger than %s: this is no configuration", ByteSize(maxFileBytes)))
	case !utf8.Valid(data):
		line, col := 1, 1
		for i := 0; i < len(data); {
			r, size := utf8.DecodeRune(data[i:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			if col++; r == '\n' {
				line, col = line+1, 1
			}
			i += size
		}
		return fail(line, col, "is not UTF-8")
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		return fail(1, 1, err.Error())
	}
	var docs [2]yaml.Node
	for i := range docs {
		err = loader.Load(&docs[i])
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			root, ok := d.mend(data, err)
			if !ok {
				return nil
			}
			docs = [2]yaml.Node{*root}
			break
		}
	}
	switch {
	case docs[0].Kind == 0 || len(docs[0].Content) == 0:
		return fail(1, 1, "is empty: see configs/quickstart-mqtt.yaml for a small example")
	case docs[1].Kind != 0 && len(docs[1].Content) > 0:
		return fail(docs[1].Content[0].Line, 1, "holds a second document: one file is one configuration")
	}
	root := docs[0].Content[0]
	if isNull(root) {
		return fail(1, 1, "is empty: see configs/quickstart-mqtt.yaml for a small example")
	}
	return root
}

// mend records what is wrong with a file that is no YAML and returns what it is without
// that, where one can tell.
func (d *document) mend(data []byte, err error) (*yaml.Node, bool) {
	slipOf := func(_ []byte, err error) slip {
		line, column, msg := d.syntax(err)
		return slip{line, column, msg}
	}
	root, slips, m := mend(data, slipOf(data, err), slipOf)
	d.src.plain = true
	if root != nil {
		m.restore(root)
		d.partial = m.lost
		d.src.hideSecrets(root, len(d.src.lines)+1, 0)
		clear(d.src.views)
	}
	for _, s := range slips {
		e := &Error{Line: max(1, s.line), Column: max(1, s.column), Msg: s.msg}
		d.src.place(e, 1)
		d.errs = append(d.errs, e)
	}
	return root, root != nil
}

// bareBraces matches a placeholder outside quotes, as far as one line tells.
var bareBraces = regexp.MustCompile(`(?:[\w/-]|[\[:,] *)\{(?:series|stream|channel)\}[^"']*$|\$\{[^"']*$`)

// syntax returns the place of an error of the YAML parser and what it says.
func (d *document) syntax(err error) (line, column int, msg string) {
	var le *yaml.LoadError
	if !errors.As(err, &le) {
		return 1, 1, "is not YAML: " + err.Error()
	}
	mark, msg := le.Mark, le.Message
	if le.ContextMsg != "" {
		msg = le.ContextMsg + ": " + msg
		if msg == noColon { // noticed on the next line
			mark = le.ContextMark
		}
		// A collection or a quote that never ends is noticed far behind where
		// it began, which is where the mistake is.
		if le.ContextMark.Line > 0 && le.ContextMark.Line < mark.Line && mark.Line >= len(d.src.lines) {
			mark = le.ContextMark
		}
	}
	line, column = mark.Line, mark.Column
	if line = min(line, len(d.src.lines)); line < mark.Line {
		column = 1
	}
	if line >= 1 {
		msg = plainSyntax(msg, d.src.lines[line-1], column)
	}
	if line >= 1 && bareBraces.MatchString(d.src.lines[line-1]) {
		hint := `a text that holds { or } needs quotes, such as "a/{series}" or "${NAME}"`
		if msg += " (" + hint + ")"; strings.HasPrefix(msg, commaText) {
			msg = hint
		}
	}
	return line, column, "is not YAML: " + msg
}

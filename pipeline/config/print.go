package config

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// YAML returns the configuration as a file with every default and everything that came
// out of the environment filled in. Secrets are masked: it can be read again, and is
// no substitute for the file.
func (c *Config) YAML() ([]byte, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(nodeOf(reflect.ValueOf(*c), "")); err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return b.Bytes(), e.Close()
}

// nodeOf returns a value as YAML has it, nil where there is nothing to say. path is
// that of the value.
func nodeOf(v reflect.Value, path string) *yaml.Node {
	t := v.Type()
	switch {
	case t.Kind() == reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return nodeOf(v.Elem(), path)
	case scalar(t):
		return scalarNode(v)
	case named(t):
		n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		for i := range v.Len() {
			e := v.Index(i)
			name := e.FieldByName("Name").String()
			appendPair(n, name, nodeOf(e, join(path, name)))
		}
		return n
	case t.Kind() == reflect.Slice:
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle}
		for i := range v.Len() {
			n.Content = append(n.Content, scalarNode(v.Index(i)))
		}
		return n
	case t.Kind() == reflect.Map:
		n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Style: yaml.FlowStyle}
		for _, k := range slices.Sorted(maps.Keys(v.Interface().(map[string]string))) {
			appendPair(n, k, scalarNode(v.MapIndex(reflect.ValueOf(k))))
		}
		return n
	}
	return structNode(v, path)
}

// structNode leaves out what the type of v does not know, what was not given and has
// no default, and what is off.
func structNode(v reflect.Value, path string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	typ := ""
	if f := v.FieldByName("Type"); f.IsValid() {
		typ = f.String()
	}
	for _, k := range keysOf(v.Type()) {
		f := v.Field(k.index)
		if k.only != nil && !slices.Contains(k.only, typ) {
			continue
		}
		switch p := join(path, k.name); {
		case p == "http.listen" && f.String() == "":
			appendPair(n, k.name, textNode("off"))
		case v.Type() == reflect.TypeFor[Source]() && k.name == "type" && (typ == MQTT || typ == Kafka):
			// It follows from the connection.
		case k.name == "url" && strings.HasPrefix(p, "sinks.") && f.String() != "":
			appendPair(n, k.name, textNode(maskedURL(f.String())))
		case k.name == "urls":
			if f.Len() > 0 {
				list := nodeOf(f, p)
				for i, e := range list.Content {
					list.Content[i] = textNode(maskedURL(e.Value))
				}
				appendPair(n, k.name, list)
			}
		case f.Kind() == reflect.Pointer && !f.IsNil(), f.IsZero() && k.def != "" && f.Kind() != reflect.String && f.Kind() != reflect.Pointer, !f.IsZero(), p == "http", f.Kind() == reflect.Int && k.required != nil:
			if e := nodeOf(f, p); e != nil && (e.Kind == yaml.ScalarNode || len(e.Content) > 0 || f.Kind() == reflect.Pointer || named(v.Type())) {
				appendPair(n, k.name, e)
			}
		}
	}
	if len(n.Content) == 0 {
		n.Style = yaml.FlowStyle
	}
	return n
}

// maskedURL hides what stands behind the host of an address, by which a webhook often
// knows who posts.
func maskedURL(text string) string {
	for _, p := range slices.Backward(webPaths(text)) {
		r := []rune(text)
		text = string(r[:p.from]) + mask + string(r[p.to:])
	}
	return text
}

func appendPair(n *yaml.Node, name string, val *yaml.Node) {
	if val != nil {
		n.Content = append(n.Content, textNode(name), val)
	}
}

func textNode(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if strings.ContainsAny(s, "{}[],&*#?|<>=!%@\\:\"'`") || plainOther(s) {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// plainOther says that a text without quotes would be read as something else.
func plainOther(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil || slices.Contains([]string{"", "true", "false", "null", "~", "yes", "no", "on"}, strings.ToLower(s))
}

func scalarNode(v reflect.Value) *yaml.Node {
	text := written(v)
	switch v.Interface().(type) {
	case time.Duration, ByteSize, Rate:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	case Secret:
		if text == "" {
			return nil
		}
		return textNode(text)
	}
	if v.Kind() == reflect.String {
		return textNode(strings.ReplaceAll(text, "${", "$${"))
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: text}
}

// written returns a scalar as one writes it in a file.
func written(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		return written(v.Elem())
	}
	switch x := v.Interface().(type) {
	case time.Duration:
		return durationText(x)
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64)
	default:
		return fmt.Sprint(x)
	}
}

// durationText is String without the zeros at its end.
func durationText(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/quell-stream/quell/cmd/quell/wizard"
)

// readsTerminal says whether a person can answer.
func readsTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	if err != nil || st.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull) // a device too, which answers nothing
	return err != nil || !os.SameFile(st, null)
}

// asker asks one question after the other.
type asker struct {
	in  *bufio.Reader
	out io.Writer
}

// question returns what is answered, or the default for an empty answer.
func (a *asker) question(text, def string) (string, error) {
	if def != "" {
		text += " [" + def + "]"
	}
	fmt.Fprintf(a.out, "%s: ", text)
	line, err := a.in.ReadString('\n')
	if line = strings.TrimSpace(line); line != "" {
		return line, nil
	}
	if err != nil {
		return "", fmt.Errorf("init: %w: no answer", err)
	}
	return def, nil
}

// ask asks for what no flag has said.
func (o *initFlags) ask(s streams) error {
	a := &asker{bufio.NewReader(s.in), s.err}
	p := &o.plan
	kind, err := a.question("Where do the readings come from: mqtt, kafka or file?", "mqtt")
	if err != nil {
		return err
	}
	switch kind {
	case "mqtt":
		if p.MQTT, err = a.question("URL of the broker", "mqtt://localhost:1883"); err != nil {
			return err
		}
	case "kafka":
		brokers, err := a.question("Brokers, with commas between them", "localhost:9092")
		if err != nil {
			return err
		}
		p.Kafka = splitList(brokers)
	case "file":
		p.File, err = a.question("CSV file", "")
		return err
	default:
		return usageError("%q is none of mqtt, kafka and file", kind)
	}
	def := ""
	if kind == "mqtt" {
		def = "sensors/{series}/telemetry"
	}
	topic, err := a.question("Topic, with {series} for the level that names the device", def)
	if err != nil {
		return err
	}
	p.Topics = splitList(topic)
	return o.askContent(a)
}

// askContent asks for what is in the messages, or for how long to look at them.
func (o *initFlags) askContent(a *asker) error {
	look, err := a.question("Look at what comes in for how long (0: not at all)?", "10s")
	if err != nil {
		return err
	}
	if o.look, err = time.ParseDuration(look); err != nil || o.look < 0 { // "0" is one
		return usageError("%q is no time such as 10s", look)
	}
	if o.look > 0 || len(o.plan.Channels) > 0 {
		return nil
	}
	channels, err := a.question("Channels, NAME or NAME=FIELD, with commas between them", "value")
	if err != nil {
		return err
	}
	for _, c := range splitList(channels) {
		name, field, _ := strings.Cut(c, "=")
		o.plan.Channels = append(o.plan.Channels, wizard.Channel{Name: name, Path: field})
	}
	o.plan.Time, err = a.question("Field of the event time (empty: the time of arrival)", "")
	return err
}

func splitList(s string) (out []string) {
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

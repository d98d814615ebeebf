package main

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/quell-stream/quell/cmd/quell/wizard"
)

// TestAsk: answers, and none where the default will do.
func TestAsk(t *testing.T) {
	for _, c := range []struct {
		name, answers string
		want          func(o *initFlags) bool
		fails         string
	}{
		{"mqtt", "\n\nplant/{series}/x\n0\ntemp=t.c, p\nts\n", func(o *initFlags) bool {
			return o.plan.MQTT == "mqtt://localhost:1883" && slices.Equal(o.plan.Topics, []string{"plant/{series}/x"}) && o.look == 0 && o.plan.Time == "ts" &&
				slices.Equal(o.plan.Channels, []wizard.Channel{{Name: "temp", Path: "t.c"}, {Name: "p"}})
		}, ""},
		{"look", "kafka\na:1,b:2\nraw\n1m\n", func(o *initFlags) bool {
			return len(o.plan.Kafka) == 2 && o.look.Minutes() == 1 && o.plan.Channels == nil
		}, ""},
		{"file", "file\nx.csv\n", func(o *initFlags) bool { return o.plan.File == "x.csv" }, ""},
		{"nothing known", "opcua\n", nil, "none of mqtt, kafka and file"},
		{"no answers", "", nil, "no answer"},
		{"no time", "\n\n\nsoon\n", nil, "no time such as 10s"},
	} {
		var o initFlags
		err := o.ask(streams{strings.NewReader(c.answers), io.Discard, io.Discard})
		switch {
		case c.fails == "" && (err != nil || !c.want(&o)):
			t.Errorf("%s: %+v, %v", c.name, o.plan, err)
		case c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)):
			t.Errorf("%s: %v, want %q", c.name, err, c.fails)
		}
	}
}

//go:build faults

package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/quell-stream/quell/test/harness"
)

// link is a way to a broker with a fault proxy in it.
type link struct {
	t     *testing.T
	proxy *toxiproxy.Proxy
	ill   []string // toxics at work
}

// newLink opens a way from a port, or a free one for "127.0.0.1:0", to an address. While
// the way is cut nobody listens there: a free one is none that a connection is given.
func newLink(t *testing.T, from, to string) *link {
	t.Helper()
	if from == "127.0.0.1:0" {
		port, err := harness.FreePorts(lab.From, 1)
		if err != nil {
			t.Fatal(err)
		}
		from = harness.Address(port)
	}
	zerolog.SetGlobalLevel(zerolog.Disabled) // toxics have a logger of their own
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	l := &link{t: t, proxy: toxiproxy.NewProxy(server, "link", from, to)}
	if err := l.proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.proxy.Stop() })
	return l
}

func (l *link) address() string { return l.proxy.Listen }

// cut ends all connections; new ones are refused.
func (l *link) cut() { l.proxy.Stop() }

// poison adds a toxic in both directions.
func (l *link) poison(kind string, attributes string) {
	l.t.Helper()
	for _, stream := range []string{"upstream", "downstream"} {
		name := kind + stream
		text := fmt.Sprintf(`{"name":%q,"type":%q,"stream":%q,"attributes":%s}`, name, kind, stream, attributes)
		if !json.Valid([]byte(text)) {
			l.t.Fatalf("no toxic: %s", text)
		}
		if _, err := l.proxy.Toxics.AddToxicJson(bytes.NewReader([]byte(text))); err != nil {
			l.t.Fatal(err)
		}
		l.ill = append(l.ill, name)
	}
}

// halfOpen has connections stay while everything that is sent over them is lost.
func (l *link) halfOpen() { l.t.Helper(); l.poison("timeout", `{"timeout":0}`) }

// slow has the link pass so many KB a second, late.
func (l *link) slow(rate int) {
	l.t.Helper()
	l.poison("bandwidth", fmt.Sprintf(`{"rate":%d}`, rate))
	l.poison("latency", `{"latency":100,"jitter":100}`)
}

// heal makes the link good again. Connections that were half open end.
func (l *link) heal() {
	l.t.Helper()
	for _, name := range l.ill {
		if err := l.proxy.Toxics.RemoveToxic(l.t.Context(), name); err != nil {
			l.t.Fatal(err)
		}
	}
	l.ill = nil
	if err := l.proxy.Start(); err != nil && !strings.Contains(err.Error(), "already started") {
		l.t.Fatal(err)
	}
}

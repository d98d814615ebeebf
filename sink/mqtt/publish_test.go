package mqtt

import (
	"context"
	"strings"
	"testing"

	"github.com/quell-stream/quell/conn/mqttconn"
	"github.com/quell-stream/quell/conn/mqttconn/mqtttest"
)

// TestPublish sends payloads as they are, and says so where no broker is.
func TestPublish(t *testing.T) {
	in := &inbox{}
	b := mqtttest.Start(t, in.rules())
	p, err := NewPublisher(t.Context(), mqttconn.Config{URL: b.URL, ClientID: "dlq"})
	if err != nil {
		t.Fatal(err)
	}
	msgs := []Message{{"sensors/p1/t", []byte("{oops")}, {"sensors/p2/t", []byte{0, 255}}}
	if err := p.Publish(t.Context(), msgs); err != nil {
		t.Fatal(err)
	}
	got := in.all()
	if len(got) != 2 || got[0].Topic != "sensors/p1/t" || string(got[0].Payload) != "{oops" || string(got[1].Payload) != "\x00\xff" || got[0].QoS != 1 {
		t.Errorf("got %+v", got)
	}
	if err := p.Publish(t.Context(), []Message{{Topic: "", Payload: []byte("x")}}); err == nil || !strings.Contains(err.Error(), "can't be published") {
		t.Errorf("a message without a topic: %v", err)
	}
	if err := p.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if p, err = NewPublisher(t.Context(), mqttconn.Config{URL: "mqtt://127.0.0.1:1", ClientID: "dlq"}); err != nil {
		t.Fatal(err)
	}
	if err := p.Publish(t.Context(), msgs); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("no broker: %v", err)
	}
	if err := p.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

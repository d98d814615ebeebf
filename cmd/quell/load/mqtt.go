package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/quell-stream/quell/cmd/quell/embedded"
	"github.com/quell-stream/quell/conn/mqttconn"
	"github.com/quell-stream/quell/sink/mqtt"
)

// mqttBus is an MQTT broker.
type mqttBus struct {
	url, run string
	own      *embedded.MQTT // nil: another's
	out      *mqtt.Sink
	in       *mqttconn.Client
	stop     context.CancelFunc
	wg       sync.WaitGroup
}

// MQTT returns a bus on the broker at url, or, where that is empty, on one in this
// process. run is a name that no other run has.
func MQTT(url, run string) (Bus, error) {
	b := &mqttBus{url: url, run: run}
	if url == "" {
		own, err := embedded.StartMQTT()
		if err != nil {
			return nil, err
		}
		b.own, b.url = own, own.URL
	}
	var err error
	b.out, err = mqtt.New(mqtt.Config{Conn: mqttconn.Config{URL: b.url, ClientID: run + "-load"}, Topic: run + "/in/{series}", InFlight: 4096})
	if err == nil {
		err = b.out.Open(context.Background())
	}
	if err != nil {
		return nil, errors.Join(err, b.Close(context.Background()))
	}
	return b, nil
}

func (b *mqttBus) Name() string {
	if b.own != nil {
		return "MQTT in this process"
	}
	return "MQTT at " + mqttconn.Config{URL: b.url}.Broker()
}

func (b *mqttBus) reader() string { return b.run + "-quell" }

func (b *mqttBus) Connection() string {
	return fmt.Sprintf("{type: mqtt, url: %q, client_id: %q}", b.url, b.reader())
}

func (b *mqttBus) Source() string {
	return fmt.Sprintf("connection: bus, qos: 1, topics: [%q]", b.run+"/in/#")
}

func (b *mqttBus) Sink() string {
	return fmt.Sprintf("type: mqtt, connection: bus, qos: 1, topic: %q", b.run+"/out/{series}")
}

func (b *mqttBus) Publish(ctx context.Context, f *Fleet, msgs []Message) error {
	return b.out.Write(ctx, items(f, msgs))
}

// Collect acknowledges in groups, as the source does: one write for what is there.
func (b *mqttBus) Collect(ctx context.Context, take func([]byte)) error {
	arrived := make(chan paho.Message, 1<<14)
	c, err := mqttconn.Connect(ctx, mqttconn.Config{URL: b.url, ClientID: b.run + "-check"},
		mqttconn.Session{Clean: true, OnMessage: func(_ *mqttconn.Client, m paho.Message) { arrived <- m }})
	if err != nil {
		return err
	}
	b.in = c
	ctx, b.stop = context.WithCancel(ctx)
	b.wg.Go(func() {
		var ids []uint16
		for {
			select {
			case m := <-arrived:
				take(m.Payload())
				if ids = append(ids, m.MessageID()); len(arrived) == 0 || len(ids) == 256 {
					_ = c.Ack(ids) // a lost connection shows as records that do not come
					ids = ids[:0]
				}
			case <-ctx.Done():
				return
			}
		}
	})
	refused, _, err := c.Subscribe(ctx, []string{b.run + "/out/#"}, 1)
	if err == nil && len(refused) > 0 {
		err = fmt.Errorf("the broker refuses the subscription to %s", refused[0])
	}
	return err
}

func (b *mqttBus) Close(ctx context.Context) error {
	var err error
	if b.out != nil {
		err = b.out.Close(ctx)
	}
	if b.in != nil {
		b.in.Close(ctx)
		b.stop()
		b.wg.Wait()
	}
	if b.own != nil {
		return errors.Join(err, b.own.Close())
	}
	// Quell's session would stay: a clean one in its name ends it.
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	c, cerr := mqttconn.Connect(ctx, mqttconn.Config{URL: b.url, ClientID: b.reader()}, mqttconn.Session{Clean: true})
	if cerr != nil {
		return errors.Join(err, cerr)
	}
	c.Close(ctx)
	return err
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/quell-stream/quell/cmd/quell/wizard"
	"github.com/quell-stream/quell/conn"
	"github.com/quell-stream/quell/conn/kafkaconn"
	"github.com/quell-stream/quell/conn/mqttconn"
	"github.com/quell-stream/quell/ingest/codec/topic"
	"github.com/quell-stream/quell/pipeline/config"
	"github.com/quell-stream/quell/sink/kafka"
)

// mostSeen is how many messages a look takes.
const mostSeen = 5000

// passwordOf reads the password of a plan's user: from its file, else from the
// environment, as the configuration will.
func passwordOf(p *wizard.Plan, variable string) (string, error) {
	if p.Username == "" {
		return "", nil
	}
	s, err := config.ReadSecret(config.NewSecret(""), p.PasswordFile)
	if p.PasswordFile == "" {
		return os.Getenv(variable), nil
	}
	return s.Reveal(), err
}

// lookAtMQTT listens with a session that the broker forgets.
func lookAtMQTT(ctx context.Context, p *wizard.Plan) ([]wizard.Message, error) {
	password, err := passwordOf(p, "MQTT_PASSWORD")
	if err != nil {
		return nil, err
	}
	var filters []string
	for _, text := range p.Topics {
		t, err := topic.Parse(text)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(filters, t.Filter()) {
			filters = append(filters, t.Filter())
		}
	}
	var mu sync.Mutex
	var seen []wizard.Message
	enough := make(chan struct{})
	cfg := mqttconn.Config{URL: p.MQTT, Username: p.Username, Password: password, TLS: conn.TLS{CAFile: p.CAFile}}
	client, err := mqttconn.Connect(ctx, cfg, mqttconn.Session{Clean: true, OnMessage: func(_ *mqttconn.Client, m paho.Message) {
		mu.Lock()
		defer mu.Unlock()
		if strings.HasPrefix(m.Topic(), "quell/") || m.Retained() || len(seen) >= mostSeen {
			return
		}
		if seen = append(seen, wizard.Message{Topic: m.Topic(), Payload: slices.Clone(m.Payload()), Arrived: time.Now()}); len(seen) == mostSeen {
			close(enough)
		}
	}})
	if err != nil {
		return nil, explain(err)
	}
	defer client.Close(context.WithoutCancel(ctx))
	refused, _, err := client.Subscribe(ctx, filters, 0)
	if err == nil && len(refused) > 0 {
		err = fmt.Errorf("mqtt: the broker refuses %s", strings.Join(refused, ", "))
	}
	if err != nil {
		return nil, err
	}
	select {
	case <-ctx.Done():
	case <-enough:
	case <-client.Lost():
		return nil, client.LostReason()
	}
	mu.Lock()
	defer mu.Unlock()
	return seen, nil
}

// lookAtKafka reads what the topic holds, in no group.
func lookAtKafka(ctx context.Context, p *wizard.Plan) ([]wizard.Message, error) {
	password, err := passwordOf(p, "KAFKA_PASSWORD")
	if err != nil {
		return nil, err
	}
	cfg := kafkaconn.Config{Brokers: p.Kafka}
	if p.Username != "" {
		cfg.SASL = kafkaconn.SASL{Mechanism: "scram-sha-512", Username: p.Username, Password: password}
	}
	if p.CAFile != "" {
		if cfg.TLS, err = (conn.TLS{CAFile: p.CAFile}).Config(""); err != nil {
			return nil, err
		}
	}
	k, err := kafka.NewPublisher(cfg)
	if err != nil {
		return nil, err
	}
	defer k.Close()
	var seen []wizard.Message
	for _, t := range p.Topics {
		err := k.Read(ctx, t, func(value []byte) error {
			seen = append(seen, wizard.Message{Topic: t, Payload: slices.Clone(value), Arrived: time.Now()})
			if len(seen) == mostSeen {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) && (ctx.Err() == nil || len(seen) == 0) {
			return nil, explain(err)
		}
	}
	return seen, nil
}

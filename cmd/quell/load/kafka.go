package load

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/quell-stream/quell/cmd/quell/embedded"
	"github.com/quell-stream/quell/conn/kafkaconn"
	"github.com/quell-stream/quell/ingest"
	kafkasource "github.com/quell-stream/quell/ingest/kafka"
	"github.com/quell-stream/quell/sink/kafka"
)

// Partitions is the number of partitions of the topics that a run makes.
const Partitions = 4

// kafkaBus is a Kafka cluster.
type kafkaBus struct {
	brokers []string
	run     string
	own     *embedded.Kafka // nil: another's
	admin   *kafkaconn.Client
	out     *kafka.Sink
	in      *kafkasource.Source
	stop    context.CancelFunc
	wg      sync.WaitGroup
}

// Kafka returns a bus on the cluster of brokers, or, where there are none, on one in this
// process. run is a name that no other run has.
func Kafka(ctx context.Context, brokers []string, run string) (Bus, error) {
	b := &kafkaBus{brokers: brokers, run: run}
	if len(brokers) == 0 {
		own, err := embedded.StartKafka()
		if err != nil {
			return nil, err
		}
		b.own, b.brokers = own, own.Brokers
	}
	if err := b.open(ctx); err != nil {
		return nil, errors.Join(err, b.Close(ctx))
	}
	return b, nil
}

func (b *kafkaBus) open(ctx context.Context) error {
	conn := kafkaconn.Config{Brokers: b.brokers}
	var err error
	if b.admin, err = kafkaconn.New(conn, b.topics()...); err != nil {
		return err
	}
	for _, name := range b.topics() {
		if err := b.admin.CreateTopic(ctx, kafkaconn.Topic{Name: name, Partitions: Partitions}); err != nil {
			return err
		}
	}
	if b.out, err = kafka.New(kafka.Config{Conn: conn, Topic: b.run + "-in"}); err != nil {
		return err
	}
	return b.out.Open(ctx)
}

func (b *kafkaBus) topics() []string { return []string{b.run + "-in", b.run + "-out"} }

func (b *kafkaBus) Name() string {
	if b.own != nil {
		return "Kafka in this process"
	}
	return "Kafka at " + strings.Join(b.brokers, ",")
}

func (b *kafkaBus) Connection() string {
	return fmt.Sprintf("{type: kafka, brokers: [%s]}", `"`+strings.Join(b.brokers, `", "`)+`"`)
}

func (b *kafkaBus) Source() string {
	return fmt.Sprintf("connection: bus, topics: [%q], group: %q, start: earliest", b.run+"-in", b.run)
}

func (b *kafkaBus) Sink() string {
	return fmt.Sprintf("type: kafka, connection: bus, topic: %q", b.run+"-out")
}

func (b *kafkaBus) Publish(ctx context.Context, f *Fleet, msgs []Message) error {
	return b.out.Write(ctx, items(f, msgs))
}

// nothing decodes nothing: the collector reads payloads.
type nothing struct{}

func (nothing) Decode(dst []ingest.Sample, _ *ingest.Message) ([]ingest.Sample, error) {
	return dst, nil
}

func (b *kafkaBus) Collect(ctx context.Context, take func([]byte)) error {
	in, err := kafkasource.New(kafkasource.Config{Conn: kafkaconn.Config{Brokers: b.brokers}, Topics: []string{b.run + "-out"},
		Group: b.run + "-check", Decoder: nothing{}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if err := in.Open(ctx); err != nil {
		return err
	}
	b.in = in
	ctx, b.stop = context.WithCancel(ctx)
	first := make(chan struct{}, 1)
	b.wg.Go(func() {
		for {
			d, err := in.Next(ctx)
			if err != nil {
				return // cancelled, or it shows as records that do not come
			}
			if d.Assignment != nil {
				start := make([]int64, len(d.Assignment.Parts))
				for i := range start {
					start[i] = -1
				}
				d.Assignment.Resume(start)
				select {
				case first <- struct{}{}:
				default:
				}
				continue
			}
			take(d.Payload)
			d.Ack.Done()
		}
	})
	select {
	case <-first:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *kafkaBus) Close(ctx context.Context) error {
	var errs []error
	if b.in != nil {
		b.stop()
		b.wg.Wait()
		errs = append(errs, b.in.Close(ctx))
	}
	if b.out != nil {
		errs = append(errs, b.out.Close(ctx))
	}
	if b.admin != nil {
		if b.own == nil {
			errs = append(errs, b.admin.DeleteTopics(ctx, b.topics()...))
		}
		b.admin.Close()
	}
	if b.own != nil {
		b.own.Close()
	}
	return errors.Join(errs...)
}

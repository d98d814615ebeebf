package load

import (
	"context"

	"github.com/quell-stream/quell/sink"
)

// Bus is a broker that messages go to and records come from.
type Bus interface {
	// Name says which broker it is.
	Name() string
	// Connection, Source and Sink are the flow mappings of a configuration.
	Connection() string
	Source() string
	Sink() string
	// Publish returns once the broker has every message.
	Publish(ctx context.Context, f *Fleet, msgs []Message) error
	// Collect has take called with every record that comes, in any number of
	// goroutines, until Close.
	Collect(ctx context.Context, take func(payload []byte)) error
	// Close takes everything away that the broker was made to keep.
	Close(ctx context.Context) error
}

// items makes items of messages, for the sinks that serve as publishers.
func items(f *Fleet, msgs []Message) []sink.Item {
	out := make([]sink.Item, len(msgs))
	for i, m := range msgs {
		out[i] = sink.Item{Record: &sink.Record{Stream: "in", Series: f.Name(m.Device)}, JSON: m.Payload}
	}
	return out
}

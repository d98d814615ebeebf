package assemble

import (
	"path/filepath"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/codec/field"
	"github.com/quell-stream/quell/pipeline/config"
)

// Feed gives a stream a source of the caller's. dec reads messages as the stream's codec
// does, and is nil for sources that have none; channels are those of the stream.
type Feed func(s *config.Stream, channels []field.Channel, dec ingest.Decoder) (ingest.Source, error)

// fed returns the source that Options.Feed has for a stream.
func (b *builder) fed(s *config.Stream, channels []field.Channel) (ingest.Source, error) {
	var dec ingest.Decoder
	if s.Source.Type == config.MQTT || s.Source.Type == config.Kafka {
		var topics []string
		if s.Source.Type == config.MQTT {
			topics = s.Source.Topics
		}
		var err error
		if dec, err = b.decoder(s, channels, topics); err != nil {
			return nil, err
		}
	}
	return b.opt.Feed(s, channels, dec)
}

// Alone returns a configuration of one stream of cfg: its state and its dead letters lie
// in dir, and all that it hands out goes to standard output.
func Alone(cfg *config.Config, s config.Stream, dir string) *config.Config {
	s.Sinks = []string{"out"}
	out := *cfg
	out.StateDir, out.Streams = dir, []config.Stream{s}
	out.Sinks = []config.Sink{{Name: "out", Type: config.Stdout, Emit: "all", Required: true}}
	out.DeadLetter = config.DeadLetter{Type: config.File, Path: filepath.Join(dir, "dlq"), MaxBytes: config.DefaultDeadBytes}
	return &out
}

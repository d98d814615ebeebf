package assemble

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/codec/field"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/capture"
	"github.com/quell-stream/quell/pipeline/config"
)

// input gives a stream its source, and has it kept or played back where that is
// asked for.
func (b *builder) input(s *config.Stream, channels []field.Channel, dir string, out *pipeline.StreamConfig) (err error) {
	out.Deterministic, out.Obey = b.opt.Deterministic, b.opt.Obey[s.Name]
	if b.opt.Play != nil {
		out.NoData = 0
		out.Source, err = b.played(s, channels)
		return err
	}
	if b.opt.Feed != nil {
		out.NoData = 0
		out.Source, err = b.fed(s, channels)
		return err
	}
	if out.Source, err = b.source(s, channels, dir); err != nil || b.opt.Keep == nil {
		return err
	}
	out.Source = b.opt.Keep.Source(s.Name, out.Source)
	bank, err := pipeline.NewBank(b.opt.Keep.Models())
	if err != nil {
		return err
	}
	out.Decided = func(part string, sw pipeline.Switch) error {
		if err := bank.Save(sw.Model); err != nil {
			return err
		}
		return b.opt.Keep.Switch(s.Name, capture.Switch{Part: part, Series: sw.Series, Data: pipeline.AppendSwitch(nil, &sw)})
	}
	return nil
}

// played returns the source that plays a stream back. Messages are read by the
// codec of the configuration, which may be another one by now; the channels may not.
func (b *builder) played(s *config.Stream, channels []field.Channel) (ingest.Source, error) {
	kept, ok := b.opt.Play.Stream(s.Name)
	if !ok {
		return nil, fmt.Errorf("the capture holds no such stream: it has %v", namesOf(b.opt.Play.Header().Streams))
	}
	var names []string
	for _, c := range channels {
		names = append(names, c.Name)
	}
	if !slices.Equal(names, kept.Channels) {
		return nil, fmt.Errorf("its channels are %v, those of the capture %v: they must be the same, in the same order", names, kept.Channels)
	}
	var dec ingest.Decoder
	if kept.Messages {
		var topics []string
		if s.Source.Type == config.MQTT {
			topics = s.Source.Topics
		}
		var err error
		if dec, err = b.decoder(s, channels, topics); err != nil {
			return nil, err
		}
	}
	return b.opt.Play.Source(s.Name, dec, b.opt.Stop)
}

// Decisions returns the switches of a captured stream, by partition, as
// Options.Obey takes them.
func Decisions(r *capture.Reader, stream string) (map[string][]pipeline.Switch, error) {
	kept, err := r.Switches(stream)
	if err != nil || len(kept) == 0 {
		return nil, err
	}
	bank, err := pipeline.NewBank(r.Models())
	if err != nil {
		return nil, err
	}
	out := map[string][]pipeline.Switch{}
	for _, k := range kept {
		sw, err := pipeline.ReadSwitch(k.Series, k.Data, bank)
		if err != nil {
			return nil, err
		}
		out[k.Part] = append(out[k.Part], sw)
	}
	return out, nil
}

func namesOf(streams []capture.Stream) (names []string) {
	for _, s := range streams {
		names = append(names, s.Name)
	}
	return names
}

// Captured returns what a capture of the configuration's streams will hold. Messages
// are kept where a codec reads them, but for shards, which take a part of each.
func Captured(cfg *config.Config) ([]capture.Stream, error) {
	var out []capture.Stream
	for i := range cfg.Streams {
		s := &cfg.Streams[i]
		channels, err := channelsIn(s)
		if err != nil {
			return nil, fmt.Errorf("stream %s: %w", s.Name, err)
		}
		k := capture.Stream{Name: s.Name, Messages: s.Source.Type == config.Kafka || s.Source.Type == config.MQTT && s.Source.Shard == nil}
		for _, c := range channels {
			k.Channels = append(k.Channels, c.Name)
		}
		out = append(out, k)
	}
	return out, nil
}

// channelsIn returns the channels of a stream, those that its source has by itself
// among them.
func channelsIn(s *config.Stream) ([]field.Channel, error) {
	channels := channelsOf(s)
	switch s.Source.Type {
	case config.Sim:
		return orValue(channels), nil
	case config.Host:
		return hostChannels(channels)
	}
	return channels, nil
}

// KeepState copies the state that the streams of a configuration are about to begin
// with to dir, and models with it. Nothing may be running on it.
func KeepState(cfg *config.Config, dir string) error {
	parts := []string{"models"}
	for i := range cfg.Streams {
		dir := filepath.Join("streams", cfg.Streams[i].Name)
		parts = append(parts, filepath.Join(dir, "state"), filepath.Join(dir, "adapt"))
	}
	for _, part := range parts {
		if err := copyDir(filepath.Join(dir, part), filepath.Join(cfg.StateDir, part)); err != nil {
			return fmt.Errorf("keep the state: %w", err)
		}
	}
	return nil
}

// copyDir copies a folder, if it is there, to a place where there is none.
func copyDir(to, from string) error {
	if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return os.CopyFS(to, os.DirFS(from))
}

// Replayed returns a configuration of one stream of cfg that is played back: its
// state lies in dir, which is given what r keeps of it, and all that it hands out goes to standard output.
func Replayed(cfg *config.Config, r *capture.Reader, kept capture.Stream, dir string) (*config.Config, error) {
	if err := copyDir(dir, r.State()); err != nil {
		return nil, fmt.Errorf("the state that the capture began with: %w", err)
	}
	named := cfg.Stream(kept.Name)
	if named == nil {
		return nil, fmt.Errorf("the capture holds the stream %s, and the configuration has none of that name", kept.Name)
	}
	s := *named
	if len(s.Channels) == 0 { // the source that named them is not there
		for _, name := range kept.Channels {
			s.Channels = append(s.Channels, config.Channel{Name: name, Path: name})
		}
	}
	return Alone(cfg, s, dir), nil
}

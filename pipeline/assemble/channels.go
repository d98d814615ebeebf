package assemble

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/config"
)

// OtherChannels lists, a sentence each, the streams whose state in state_dir was made with
// other channels than those configured, and what a start or a reload makes of it. State
// that can't be seen from here, as that in a topic, is left out.
func OtherChannels(cfg *config.Config) (out []string) {
	for i := range cfg.Streams {
		if text, err := otherChannels(cfg, &cfg.Streams[i]); err == nil && text != "" {
			out = append(out, "streams."+cfg.Streams[i].Name+": "+text)
		}
	}
	return out
}

// otherChannels says what a start makes of the state of a stream; "" where there is
// nothing to say.
func otherChannels(cfg *config.Config, s *config.Stream) (string, error) {
	if s.Source.Type == config.Kafka || s.Source.Type == config.Host && len(s.Channels) == 0 {
		return "", nil
	}
	channels, err := channelsIn(s)
	if err != nil {
		return "", err
	}
	var names []string
	for _, c := range channels {
		names = append(names, c.Name)
	}
	made, err := pipeline.ReadMade(filepath.Join(cfg.StateDir, "streams", s.Name, "state"))
	if err != nil || made.Series == 0 {
		return "", err
	}
	if made.Channels == nil {
		if made.Count == len(names) {
			return "", nil
		}
		return fmt.Sprintf("the state of %d series is of %d channels, whose names an earlier version has not noted, and %d are configured: at the next start they begin anew", made.Series, made.Count, len(names)), nil
	}
	if slices.Equal(made.Channels, names) {
		return "", nil
	}
	return fmt.Sprintf("the state of %d series is of the channels %s, and %s are configured: at the next start or reload %s",
		made.Series, strings.Join(made.Channels, ", "), strings.Join(names, ", "), becomes(made.Channels, names)), nil
}

// becomes says what becomes of channels that were, where others are to be.
func becomes(were, names []string) string {
	stay := common(names, were)
	if len(stay) == 0 {
		return "they begin anew"
	}
	var parts []string
	parts = append(parts, "what is known of "+strings.Join(stay, ", ")+" goes on")
	if begun := without(names, were); len(begun) > 0 {
		parts = append(parts, strings.Join(begun, ", ")+" begins cold")
	}
	if gone := without(were, names); len(gone) > 0 {
		parts = append(parts, "what is known of "+strings.Join(gone, ", ")+" is dropped")
	}
	return strings.Join(append(parts, "the monitors of drift learn anew"), ", ")
}

// common returns those of a that are in b, and without those that are not.
func common(a, b []string) (out []string) {
	for _, x := range a {
		if slices.Contains(b, x) {
			out = append(out, x)
		}
	}
	return out
}

func without(a, b []string) (out []string) {
	for _, x := range a {
		if !slices.Contains(b, x) {
			out = append(out, x)
		}
	}
	return out
}

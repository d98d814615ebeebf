package wizard

import (
	"path/filepath"
	"regexp"
	"strings"
)

// longestName leaves room for what is put around the name of a stream.
const longestName = 40

var (
	outsideNames = regexp.MustCompile(`[^A-Za-z0-9_]+`)
	compressed   = regexp.MustCompile(`\.(gz|zst|bz2|xz)$`)
)

// streamName names a stream after what it reads, so that two files of one folder get
// streams and state of their own: a recording's name, or the first level of a topic that
// is no placeholder.
func (p *Plan) streamName() string {
	name := ""
	if p.File != "" && p.File != "-" {
		name = compressed.ReplaceAllString(filepath.Base(p.File), "")
		name = nameOf(strings.TrimSuffix(name, filepath.Ext(name)))
	}
	for _, topic := range p.Topics {
		for level := range strings.SplitSeq(topic, "/") {
			if name == "" && !strings.ContainsAny(level, "{+#$") {
				name = nameOf(level)
			}
		}
	}
	if name == "" {
		return "sensors"
	}
	return name
}

// nameOf returns a text as the name of a stream, "" where nothing of it can be in one.
func nameOf(text string) string {
	name := strings.Trim(outsideNames.ReplaceAllString(text, "-"), "-_")
	return strings.TrimRight(name[:min(len(name), longestName)], "-_")
}

// StateDir is the folder of state that the file names.
func (p *Plan) StateDir() string { return "quell-state-" + p.Stream }

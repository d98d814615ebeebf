package pipeline

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/quell-stream/quell/sink/spool"
)

// strandedSpools tells of spools whose sinks are not configured any more. What can't
// be looked at is told too; nobody waits for it.
func (p *Pipeline) strandedSpools(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		p.log.Warn("spools of sinks that are not configured any more can't be looked for", "err", err)
	}
	known := map[string]bool{}
	for _, o := range p.sinks() {
		known[o.cfg.Name] = true
	}
	for _, e := range entries {
		if !e.IsDir() || known[e.Name()] {
			continue
		}
		one := filepath.Join(dir, e.Name())
		n, err := p.stranded(one)
		switch {
		case err != nil:
			p.log.Warn("a spool of a sink that is not configured any more can't be read: run the version that wrote it, or remove the folder",
				"sink", e.Name(), "dir", one, "err", err)
		case n > 0:
			p.log.Warn("a spool holds items of a sink that is not configured any more: configure it again, or remove the folder",
				"sink", e.Name(), "items", n, "dir", one)
		}
	}
}

// stranded returns how many items a spool holds.
func (p *Pipeline) stranded(dir string) (items int64, err error) {
	if is, err := spool.Exists(dir); err != nil || !is {
		return 0, err
	}
	q, err := spool.Open(dir, spool.Options{Log: p.log})
	if err != nil {
		return 0, err
	}
	return q.Len(), q.Close()
}

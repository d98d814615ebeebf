package assemble

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/quell-stream/quell/pipeline/config"
	"github.com/quell-stream/quell/pipeline/state"
)

// disk looks at the place of the state: it must be writable, on a disk that survives a
// restart, and hold what may come to lie there. It is not made: who runs as another user
// than the pipeline would leave a folder that the pipeline may not write to.
func (d *doctor) disk() {
	dir, err := writableAbove(d.b.cfg.StateDir)
	if !d.result("state_dir", "write", err, "create the folder, or give this user the right to write there", dir+" can be written and synced") {
		return
	}
	if d.running() {
		d.say("state_dir", "lock", FindingWarn, "if that is this configuration, all is well; else give each its own state_dir: two can't share one, and this one would not start",
			"an instance is running on %s already", dir)
	}
	kind, free, known := volume(dir)
	if !known {
		d.say("state_dir", "disk", FindingSkip, "", "this platform does not tell what disk it is on")
		return
	}
	if kind == "tmpfs" || kind == "ramfs" {
		d.say("state_dir", "disk", FindingFail, "put state_dir on a disk: acknowledged messages would be lost with the power", "%s lies in memory (%s)", dir, kind)
		return
	}
	if kind == "nfs" || kind == "cifs" || kind == "fuse" {
		d.say("state_dir", "disk", FindingWarn, "put state_dir on a disk of this machine, if it can be: locks and syncs over the network are slow and may not be kept", "%s lies on %s", dir, kind)
	} else {
		d.say("state_dir", "disk", FindingOK, "", "%s", strings.TrimSpace("on a disk of this machine "+kind))
	}
	need, room := d.need(), config.ByteSize(free)
	if need > room {
		d.say("state_dir", "space", FindingWarn, "make room, or lower journal_bytes, spool.max_bytes, dead_letter.max_bytes or replay_bytes",
			"%s are free, and journals, spools, dead letters and replay may take %s", about(room), about(need))
		return
	}
	d.say("state_dir", "space", FindingOK, "", "%s are free, what lies there may take %s", about(room), about(need))
}

// need is what the bounded things of a configuration may take on the disk of the
// state; replay buffers are those of one series each.
func (d *doctor) need() (n config.ByteSize) {
	for i := range d.b.cfg.Streams {
		s := &d.b.cfg.Streams[i]
		n += s.Source.JournalBytes
		if s.Adapt.Mode != "off" {
			n += s.Adapt.ReplayBytes
		}
	}
	for i := range d.b.cfg.Sinks {
		if s := d.b.cfg.Sinks[i].Spool; s != nil {
			n += s.MaxBytes
		}
	}
	if d.b.cfg.DeadLetter.Type == config.File {
		n += d.b.cfg.DeadLetter.MaxBytes
	}
	return n
}

// running says whether an instance has the state locked.
func (d *doctor) running() bool {
	if _, err := os.Stat(filepath.Join(d.b.cfg.StateDir, "LOCK")); err != nil {
		return false
	}
	release, err := state.Lock(d.b.cfg.StateDir)
	if err != nil {
		return strings.Contains(err.Error(), "in use")
	}
	return release() != nil
}

// fileOut looks whether a file can be written: it, where it is there, and its folder, in
// which further ones are made, or the nearest one above in which that folder can be.
func (d *doctor) fileOut(subject, path string) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err == nil {
		err = f.Close()
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	dir := filepath.Dir(path)
	if err == nil {
		dir, err = writableAbove(dir)
	}
	d.result(subject, "file", err, "name another file, or give this user the right to write it and its folder", dir+" can be written")
}

// writableAbove looks whether a folder can be written, or where it is not there, the
// nearest one above, in which it would be made, and returns which it was.
func writableAbove(dir string) (string, error) {
	for {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return dir, writable(dir)
		}
		dir = filepath.Dir(dir)
	}
}

// writable writes a file in a folder, syncs it and takes it away again.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".quell-doctor-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString("quell doctor\n")
	return errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
}

func about(b config.ByteSize) string {
	switch {
	case b >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(b)/(1<<30))
	case b >= 1<<20:
		return fmt.Sprintf("%.0f MiB", float64(b)/(1<<20))
	}
	return fmt.Sprintf("%d KiB", b>>10)
}

// Package state keeps the checkpoints of one process: which offset each
// partition has been applied up to, and the state of every series as of there.
//
// A stream's checkpoints are a full snapshot in one file and the changes since
// in another, of checksummed frames. A transaction is one frame, or several of
// which the last one closes it. The byte tables are in docs/formats/state.md. A torn last frame was never reported as
// durable and is cut off; a damaged file is set aside, never silently reset.
package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/quell-stream/quell/internal/fsys"
	"github.com/quell-stream/quell/internal/wire"
)

// ErrCorrupt is wrapped by errors about files that can't be what was written.
var ErrCorrupt = errors.New("corrupt")

// ErrNewer is wrapped by errors about files that a newer version of Quell wrote. They are
// whole, and are left as they are.
var ErrNewer = errors.New("written by a newer version of Quell: run that one, or move the stream's folder away to start anew")

// Entry is the state of one series.
type Entry struct {
	Part   string // name of its partition
	Series string
	State  []byte   // nil: the series is gone
	Models []string // that the state names; what is on this disk needs none
}

// Head is how far a partition has been applied: Next is the first offset that
// the states do not reflect.
type Head struct {
	Part string
	Next int64
	Meta []byte // what else is to be known of the partition, opaque; files have it in Extra
}

// Switch is a durable decision between checkpoints, opaque to this package.
type Switch struct {
	Part   string
	Series string
	Data   []byte
	Model  string // that Data names
	number uint64
	// Bytes returns those of Model, for stores that others read.
	Bytes func() ([]byte, error)
}

// Checkpoint is one transaction: all of it is restored or none.
type Checkpoint struct {
	Heads   []Head
	Entries []Entry
	Extra   []byte // the stream's own state, opaque
	Decided uint64 // Decided() as of the moment the checkpoint was taken
	// Model returns the bytes of a model that an entry names, for stores that others read.
	Model func(name string) ([]byte, error)
	// Calm says that nobody waits for it: it is written a piece at a time, see Pace.
	Calm bool
}

// Snapshot is what a stream is restored from.
type Snapshot struct {
	Heads    map[string]int64             // by partition
	Series   map[string]map[string][]byte // by partition and series
	Switches []Switch                     // decided after the snapshot, oldest first
	Extra    []byte                       // the stream's own state, opaque
	decided  uint64                       // number of the latest switch that the states hold
}

// Stream is the checkpoint store of one stream. It is not safe for concurrent use.
type Stream struct {
	dir     string
	fs      fsys.FS
	log     *slog.Logger
	gen     uint64
	delta   fsys.File
	size    int64    // bytes of the delta file that are whole frames
	full    int64    // bytes of the full file
	decided uint64   // number of the latest switch
	recent  []Switch // switches that the latest checkpoint does not hold
	buf     []byte   // of writeChange
	part    int64    // about the most bytes that go into a frame of several
	most    int64    // bytes of the largest frame that can be read again
	owed    error    // why a full checkpoint failed that may be there all the same
	torn    bool     // the delta file may end with a part of a frame
}

const (
	magic      = "QUELLST1" // of a full file of one frame
	magicParts = "QUELLST2" // of several
	kindChange = 1
	kindSwitch = 2
	kindPart   = 3 // of a checkpoint of several frames
	kindLast   = 4 // closes it
	maxFrame   = 1 << 31
	partFrame  = 256 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Open opens the store of a stream in dir, which it creates, and returns the
// newest snapshot in it. What is damaged is set aside, and the log says so; an error that
// wraps ErrNewer says that nothing was touched.
func Open(dir string, log *slog.Logger) (*Stream, *Snapshot, error) {
	return openIn(fsys.OS{}, dir, log)
}

func openIn(disk fsys.FS, dir string, log *slog.Logger) (*Stream, *Snapshot, error) {
	if err := disk.MkdirAll(dir); err != nil {
		return nil, nil, fmt.Errorf("state: %w", err)
	}
	s := &Stream{dir: dir, fs: disk, log: log, part: partFrame, most: maxFrame}
	gens, err := s.generations()
	if err != nil {
		return nil, nil, err
	}
	for i := len(gens) - 1; i >= 0; i-- {
		snap, err := s.load(gens[i])
		if err == nil {
			return s, snap, nil
		}
		if !errors.Is(err, ErrCorrupt) {
			return nil, nil, err
		}
		aside, aerr := disk.SetAside(s.fullPath(gens[i]))
		if aerr != nil {
			return nil, nil, fmt.Errorf("state: %w (and setting it aside: %w)", err, aerr)
		}
		log.Error("a checkpoint is damaged and was set aside; going back to the one before, or starting cold if there is none",
			"file", aside, "err", err)
	}
	s.gen = 0
	if len(gens) > 0 {
		s.gen = gens[len(gens)-1]
	}
	return s, &Snapshot{Heads: map[string]int64{}, Series: map[string]map[string][]byte{}}, nil
}

// generations returns those that have a full snapshot, oldest first.
func (s *Stream) generations() ([]uint64, error) {
	names, err := s.fs.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	var gens []uint64
	for _, n := range names { // sorted, and the numbers have a fixed width
		number, full := strings.CutSuffix(n, ".full")
		if g, err := strconv.ParseUint(number, 10, 64); full && err == nil {
			gens = append(gens, g)
		}
	}
	return gens, nil
}

func (s *Stream) fullPath(gen uint64) string {
	return filepath.Join(s.dir, fmt.Sprintf("%012d.full", gen))
}
func (s *Stream) deltaPath(gen uint64) string {
	return filepath.Join(s.dir, fmt.Sprintf("%012d.delta", gen))
}

// load reads one generation and leaves its delta file open for appending.
func (s *Stream) load(gen uint64) (*Snapshot, error) {
	path := s.fullPath(gen)
	raw, err := fsys.ReadFile(s.fs, path)
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	delta := s.deltaPath(gen)
	f, err := s.openDelta(delta)
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	changes, err := fsys.ReadAll(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("state: %w", err), f.Close())
	}
	snap, left, bad, err := restored(raw, changes)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("state: %s: %w", path, err), f.Close())
	}
	size := int64(len(changes) - len(left))
	if len(left) > 0 {
		if found, _ := findClosing(left[1:]); found || bad != nil {
			// Damage in the middle: whole transactions follow, and applying them
			// without the broken one would mix two points in time. What was
			// applied so far is a true earlier checkpoint; the file is kept.
			if err := s.keepCopy(delta, changes); err != nil {
				return nil, errors.Join(err, f.Close())
			}
			s.log.Error("the changes since the last full checkpoint are damaged in the middle: going back to the point before the damage; the file was copied aside",
				"file", delta, "at", size, "err", bad)
		} else {
			s.log.Warn("cut off a torn transaction that was never acknowledged", "file", delta, "bytes", len(left))
		}
		if err := f.Truncate(size); err != nil {
			return nil, errors.Join(fmt.Errorf("state: %w", err), f.Close())
		}
	}
	// A killed process may have left what the system has and the disk does not.
	// From here on it counts.
	if err := errors.Join(f.Sync(), s.fs.SyncDir(s.dir)); err != nil {
		return nil, errors.Join(fmt.Errorf("state: %w", err), f.Close())
	}
	s.gen, s.delta, s.size, s.full = gen, f, size, int64(len(raw))
	s.decided = snap.decided
	s.recent = slices.Clone(snap.Switches)
	for _, sw := range s.recent {
		s.decided = max(s.decided, sw.number)
	}
	return snap, nil
}

// openDelta opens the file of the changes; one that is missing is made.
func (s *Stream) openDelta(path string) (fsys.File, error) {
	f, err := s.fs.Open(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if f, err = s.fs.Create(path); err != nil {
		return nil, err
	}
	// What is appended is durable only if the name is.
	if err := s.fs.SyncDir(s.dir); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (s *Stream) keepCopy(path string, data []byte) error {
	if err := fsys.WriteFile(s.fs, path+".corrupt", data); err != nil {
		return fmt.Errorf("state: keeping a copy of a damaged file: %w", err)
	}
	return nil
}

// restored returns what a full file and the changes since hold, and what is left of those
// from a transaction on that is cut short or damaged, or can't be read, for which bad says
// why. It returns an error if the full file is corrupt, or either is of a newer version.
func restored(full, changes []byte) (snap *Snapshot, left []byte, bad, err error) {
	for most := math.MaxInt; ; {
		snap = &Snapshot{Heads: map[string]int64{}, Series: map[string]map[string][]byte{}}
		if err := snap.applyFull(full); err != nil {
			return nil, nil, nil, err
		}
		n, rest, err := snap.follow(changes, most)
		switch {
		case err == nil:
			return snap, rest, bad, nil
		case errors.Is(err, ErrNewer):
			return nil, nil, nil, err
		}
		most, bad = n, err // once more, without what was taken of that transaction
	}
}

// follow takes over so many transactions of changes at most, as long as they are whole. It
// returns how many they were and what is left; with an error the snapshot has a part of
// the next one.
func (snap *Snapshot) follow(changes []byte, most int) (n int, left []byte, err error) {
	for left = changes; len(left) > 0 && n < most; n++ {
		payloads, rest, ok := transaction(left)
		if !ok {
			break
		}
		for _, payload := range payloads {
			if err := snap.apply(payload); err != nil {
				return n, left, err
			}
		}
		left = rest
	}
	return n, left, nil
}

// A checksum is computed of what looks like a frame. So many times the bytes of a torn tail
// may be summed for that, and some; a tail of numbers takes less than one of them.
const (
	sumsPerByte = 16
	sumsMore    = 1 << 20
)

// findClosing says whether a valid frame that closes a transaction starts somewhere in b, or
// finding out took too long, and how many bytes were summed for it.
func findClosing(b []byte) (found bool, summed int64) {
	for most, i := int64(len(b))*sumsPerByte+sumsMore, 0; i < len(b); i++ {
		if !mayClose(b[i:]) {
			continue
		}
		if summed += int64(binary.LittleEndian.Uint32(b[i:])); summed > most {
			return true, summed
		}
		if _, _, ok := frame(b[i:]); ok {
			return true, summed
		}
	}
	return false, summed
}

// mayClose says that b may begin with a frame that closes a transaction, by all but its
// checksum: it is there whole, and behind its kind comes a number that it may have there.
func mayClose(b []byte) bool {
	if len(b) < 8+9 {
		return false
	}
	n, number := uint64(binary.LittleEndian.Uint32(b)), binary.LittleEndian.Uint64(b[9:])
	if n < 9 || n > maxFrame || n > uint64(len(b)-8) {
		return false
	}
	switch b[8] {
	case kindChange: // heads
		return number <= n/field
	case kindLast: // parts
		return number <= math.MaxInt32
	case kindSwitch: // switches so far
		return number <= 1<<40
	}
	return false
}

// frame takes one frame off b: length, CRC-32C of the payload, payload.
func frame(b []byte) (payload, rest []byte, ok bool) {
	if len(b) < 8 {
		return nil, nil, false
	}
	n := binary.LittleEndian.Uint32(b)
	if n == 0 || uint64(n) > maxFrame || uint64(len(b)-8) < uint64(n) {
		return nil, nil, false
	}
	payload = b[8 : 8+n]
	if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(b[4:]) {
		return nil, nil, false
	}
	return payload, b[8+n:], true
}

func closeFrame(b []byte, from int) {
	payload := b[from+8:]
	binary.LittleEndian.PutUint32(b[from:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(b[from+4:], crc32.Checksum(payload, castagnoli))
}

func (snap *Snapshot) apply(payload []byte) error {
	r := wire.NewReader(payload)
	switch kind := r.U8(); kind {
	case kindChange, kindLast:
		if kind == kindLast {
			r.U64() // see transaction
		}
		for range r.Len(9) {
			part, next := r.String(), r.I64()
			snap.Heads[part] = next
		}
		snap.applyEntries(r)
		// Copied, as are switches: they are kept for longer than the states, and with a
		// part of the file all of it would stay in memory.
		snap.Extra = slices.Clone(r.Bytes())
		snap.decided = r.U64()
		// The states hold the switches decided before the checkpoint was taken;
		// one decided while it was being written is still to be obeyed.
		snap.Switches = slices.DeleteFunc(snap.Switches, func(sw Switch) bool { return sw.number <= snap.decided })
	case kindPart:
		r.U64()
		snap.applyEntries(r)
	case kindSwitch:
		snap.Switches = append(snap.Switches, Switch{number: r.U64(), Part: r.String(), Series: r.String(), Data: slices.Clone(r.Bytes())})
	default:
		return fmt.Errorf("transaction of kind %d: %w", kind, ErrNewer)
	}
	if err := r.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return nil
}

// WantsFull says that the changes have outgrown the full snapshot, so that the
// next checkpoint should be a full one.
func (s *Stream) WantsFull() bool { return s.delta == nil || s.size > 2*s.full+8<<20 }

// Full writes a checkpoint of everything and starts a new generation. Files of
// the generation before the previous one are removed. It returns once the
// checkpoint is durable. After an error no other checkpoint may follow before the same
// one was written; Decide may be called, and fails where it would not be found.
func (s *Stream) Full(c Checkpoint) error {
	if err := s.fits(&c); err != nil {
		return err
	}
	gen := s.gen + 1
	s.forget(c.Decided)
	var carry []byte // switches decided since the checkpoint was taken
	for _, sw := range s.recent {
		carry = appendSwitch(carry, sw)
	}
	// The delta file comes first: a full file without one is complete, the
	// other way round it would be a delta to nothing.
	if err := fsys.WriteFile(s.fs, s.deltaPath(gen), carry); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	f, err := s.fs.Open(s.deltaPath(gen))
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	var size int64
	err = fsys.WriteWith(s.fs, s.fullPath(gen), func(full fsys.File) (err error) {
		size, err = s.writeChange(full, 0, &c, true)
		return err
	})
	if err != nil {
		// Its name may be there: what the present generation took from here on would
		// not be found.
		s.owed = fmt.Errorf("state: %w", err)
		return errors.Join(s.owed, f.Close())
	}
	s.owed, s.torn = nil, false
	var closeErr error
	if s.delta != nil {
		closeErr = s.delta.Close()
	}
	s.gen, s.delta, s.size, s.full = gen, f, int64(len(carry)), size
	gens, err := s.generations()
	if err != nil {
		return err
	}
	for _, g := range gens {
		if g+1 < gen {
			if err := errors.Join(fsys.RemoveIfThere(s.fs, s.fullPath(g)), fsys.RemoveIfThere(s.fs, s.deltaPath(g))); err != nil {
				return fmt.Errorf("state: %w", err)
			}
		}
	}
	return closeErr
}

// Change writes a checkpoint of what changed since the last one and returns
// once it is durable.
func (s *Stream) Change(c Checkpoint) error {
	if err := s.fits(&c); err != nil {
		return err
	}
	if err := s.mend(); err != nil {
		return err
	}
	s.forget(c.Decided)
	n, err := s.writeChange(s.delta, s.size, &c, false)
	return s.durable(n, err)
}

// Decide makes a switch durable between two checkpoints.
func (s *Stream) Decide(sw Switch) error {
	if s.delta == nil {
		return errors.New("state: a switch needs a checkpoint before it")
	}
	if err := s.mend(); err != nil {
		return err
	}
	sw.number = s.decided + 1
	b := appendSwitch(nil, sw)
	_, err := s.delta.WriteAt(b, s.size)
	if err := s.durable(int64(len(b)), err); err != nil {
		return err
	}
	s.decided++
	s.recent = append(s.recent, sw)
	return nil
}

// forget drops the switches that a checkpoint holds.
func (s *Stream) forget(decided uint64) {
	s.recent = slices.DeleteFunc(s.recent, func(sw Switch) bool { return sw.number <= decided })
}

func appendSwitch(dst []byte, sw Switch) []byte {
	from := len(dst)
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	dst = wire.U64(wire.U8(dst, kindSwitch), sw.number)
	dst = wire.Bytes(wire.String(wire.String(dst, sw.Part), sw.Series), sw.Data)
	closeFrame(dst, from)
	return dst
}

// Decided returns the number of the latest switch made durable.
func (s *Stream) Decided() uint64 { return s.decided }

// durable makes n bytes durable that were written behind the whole frames of the delta
// file, unless writing them failed.
func (s *Stream) durable(n int64, err error) error {
	if err == nil {
		err = s.delta.Sync()
	}
	if err != nil {
		return s.undo(err)
	}
	s.size += n
	return nil
}

// mend has the delta file end with a whole frame after a write that failed. It returns
// an error where that can't be, or where a full checkpoint is owed.
func (s *Stream) mend() error {
	if s.owed != nil {
		return s.owed
	}
	if s.torn {
		if err := s.delta.Truncate(s.size); err != nil {
			return fmt.Errorf("state: %w", err)
		}
		s.torn = false
	}
	return nil
}

// undo cuts a partly written frame off, so that a later one can follow when
// the disk has room again.
func (s *Stream) undo(cause error) error {
	err := fmt.Errorf("state: write checkpoint %s: %w", s.deltaPath(s.gen), cause)
	if terr := s.delta.Truncate(s.size); terr != nil {
		s.torn = true
		return errors.Join(err, terr)
	}
	return err
}

// Close closes the files. Nothing is written.
func (s *Stream) Close() error {
	if s.delta == nil {
		return nil
	}
	return s.delta.Close()
}

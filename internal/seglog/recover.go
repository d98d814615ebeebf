package seglog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/quell-stream/quell/internal/fsys"
)

// Report says what Open found.
type Report struct {
	Records  int64  // whole records
	TornFile string // the segment whose torn tail was cut off, "" if none was
	Torn     int64  // bytes cut off
	// Damaged are records missing between whole ones: the disk lost or changed bytes, or a
	// power failure kept later parts of what was not synced without earlier ones, which
	// looks the same, and where nothing is missing that was called durable.
	Damaged []Damage
}

// Damage is one segment with records missing.
type Damage struct {
	Segment  string // path
	Aside    string // where the damaged file was moved, "" if the file itself is missing
	From, To int64  // no record of From..To-1 could be read; To is an upper bound
	Reason   string
}

const salvageSuffix = ".salvage"

// found is what a scan of one segment file tells.
type found struct {
	path    string
	first   int64 // from the name
	size    int64 // without the zeros at its end
	whole   int64 // with them
	header  header
	last    int64 // index behind the last whole record
	records int64
	end     int64      // behind the last whole record; beyond it lies only rubbish
	spans   [][2]int64 // where the whole records are
	fresh   bool       // bad, but only because a crash came before its header
	bad     string     // why the segment needs salvage, "" if it does not
	holes   [][2]int64 // indices missing, [from, to)
}

// recover reads the directory, repairs it, and opens the last segment for
// appending.
func (l *Log) recover() error {
	firsts, err := l.listSegments()
	if err != nil {
		return err
	}
	all := make([]*found, len(firsts))
	for i, first := range firsts {
		limit, last := int64(math.MaxInt64), true
		if i < len(firsts)-1 {
			limit, last = firsts[i+1], false
		}
		if all[i], err = l.examine(first, limit, last); err != nil {
			return err
		}
	}
	for i, s := range all {
		last := i == len(all)-1
		if !last {
			l.noteGap(s, all[i+1])
		}
		if s.bad != "" {
			prev := s.first
			if i > 0 {
				prev = all[i-1].last
			}
			if err := l.salvage(s, prev); err != nil {
				return fmt.Errorf("repair %s (%s): %w", s.path, s.bad, err)
			}
		}
		l.segs = append(l.segs, &segment{first: s.first, path: s.path, size: s.end, sealed: !last})
		l.total.Add(s.end)
		l.report.Records += s.records
	}
	if len(all) == 0 {
		return l.startEmpty()
	}
	return l.openActive(all[len(all)-1])
}

// listSegments returns the first indices of the segments in rising order,
// after finishing a salvage that a crash interrupted.
func (l *Log) listSegments() ([]int64, error) {
	names, err := l.fs.ReadDir(l.dir)
	if err != nil {
		return nil, err
	}
	have := make(map[string]bool, len(names))
	for _, n := range names {
		have[n] = true
	}
	var firsts []int64
	for _, n := range names {
		if first, ok := parseName(n); ok {
			firsts = append(firsts, first)
		}
		target, ok := strings.CutSuffix(n, salvageSuffix)
		if !ok {
			continue
		}
		first, ok := parseName(target)
		if !ok {
			continue
		}
		path := filepath.Join(l.dir, n)
		if have[target] {
			// The damaged file is still in place: salvage starts again.
			if err := l.fs.Remove(path); err != nil {
				return nil, err
			}
			continue
		}
		if err := l.fs.Rename(path, filepath.Join(l.dir, target)); err != nil {
			return nil, err
		}
		if err := l.fs.SyncDir(l.dir); err != nil {
			return nil, err
		}
		firsts = append(firsts, first)
	}
	slices.Sort(firsts)
	return firsts, nil
}

// examine verifies one segment, whose records must have indices below limit.
func (l *Log) examine(first, limit int64, last bool) (s *found, err error) {
	s = &found{path: l.segmentPath(first), first: first, last: first, end: segmentHeader}
	f, err := l.fs.OpenRead(s.path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if cerr := f.Close(); err == nil && cerr != nil {
			err = cerr
		}
	}()
	if s.whole, err = f.Size(); err != nil {
		return nil, err
	}
	s.size = s.whole
	head := make([]byte, min(segmentHeader, s.size))
	if _, err := f.ReadAt(head, 0); err != nil && err != io.EOF {
		return nil, fmt.Errorf("%s: %w", s.path, err)
	}
	s.header, err = parseHeader(head)
	var future *versionError
	switch {
	case errors.As(err, &future):
		return nil, fmt.Errorf("%s: %w", s.path, err)
	case err == nil && s.header.first != first:
		s.bad = fmt.Sprintf("its header says that it begins at %d", s.header.first)
	case err != nil:
		s.bad = err.Error()
	}
	if err := s.scan(f, limit); err != nil {
		return nil, fmt.Errorf("%s: %w", s.path, err)
	}
	// A crash between creating a file and syncing its header leaves no record
	// behind: nothing is damaged then, the header is only written anew.
	s.fresh = s.bad != "" && last && s.size <= segmentHeader
	if s.bad == "" && s.end < s.size && !last {
		// A sealed segment was synced to its end before the next one began.
		s.bad = fmt.Sprintf("%s at byte %d", errBad, s.end)
	}
	return s, nil
}

// scan finds every whole record of the segment.
func (s *found) scan(f fsys.File, limit int64) error {
	if s.size <= segmentHeader {
		return nil
	}
	sc := &scanner{f: f, off: segmentHeader, reuse: true}
	span := sc.offset()
	closeSpan := func(end int64) {
		if end > span {
			s.spans = append(s.spans, [2]int64{span, end})
		}
	}
	for {
		at := sc.offset()
		rec, err := sc.next(s.size)
		if err == nil && (rec.Index < s.last || rec.Index >= limit) {
			err = errBad // a whole record, but not of this place
		}
		switch {
		case err == nil:
			s.last = rec.Index + 1
			s.records++
			s.end = sc.offset()
			continue
		case err == io.EOF:
			closeSpan(at)
			return nil
		case err != errBad:
			return err
		}
		closeSpan(at)
		// Rare, so simple: look at the rest as a whole.
		rest := make([]byte, s.size-at)
		if n, err := f.ReadAt(rest, at); err != nil && !(err == io.EOF && n == len(rest)) {
			return err
		}
		p, ok := 0, false
		if len(rest) > 1 {
			p, ok = findFrame(rest[1:], s.last, limit)
		}
		if !ok { // nothing but rubbish up to the end, or room
			s.size -= roomOf(rest)
			return nil
		}
		p++
		s.holes = append(s.holes, [2]int64{s.last, frameIndex(rest[p:])})
		if s.bad == "" {
			s.bad = fmt.Sprintf("%s at byte %d", errBad, at)
		}
		span = at + int64(p)
		sc = &scanner{f: f, off: span, reuse: true}
	}
}

// roomOf returns how many of the bytes behind the last whole record are room. What is left
// of a record may end in zeros too, though hardly in so many.
func roomOf(rest []byte) int64 {
	used := len(bytes.TrimRight(rest, "\x00"))
	if n := len(rest) - used; used == 0 || n >= 512 {
		return int64(n)
	}
	return 0
}

// noteGap notes that the end of s, or whole segments behind it, are missing
// although they were there when the segment after it was begun.
func (l *Log) noteGap(s, after *found) {
	if after.header.first != after.first || after.header.prev <= s.last {
		return // nothing is missing, or a damaged header can't tell
	}
	switch {
	case s.bad != "":
		s.holes = append(s.holes, [2]int64{s.last, after.header.prev})
	case s.header.flags&flagSalvaged == 0:
		l.damaged(Damage{Segment: s.path, From: s.last, To: after.header.prev, Reason: "the records at its end are missing"})
	}
}

func (l *Log) damaged(d Damage) {
	l.report.Damaged = append(l.report.Damaged, d)
	l.opts.Log.Error("a log segment is damaged; its healthy records go on, the rest is missing",
		"segment", d.Segment, "set_aside", d.Aside, "missing_from", d.From, "missing_before", d.To, "why", d.Reason)
}

// salvage moves the damaged file aside and puts one in its place that holds its
// whole records; prev is the index behind the segment before. Order matters:
// the copy is durable before the original moves, and listSegments completes the
// last step after a crash.
func (l *Log) salvage(s *found, prev int64) error {
	h := header{first: s.first, prev: prev, flags: flagSalvaged}
	if s.fresh {
		h.flags = 0
	}
	tmp := s.path + salvageSuffix
	if err := fsys.RemoveIfThere(l.fs, tmp); err != nil {
		return err
	}
	end, err := l.copySpans(s, tmp, h)
	if err == nil {
		err = l.fs.SyncDir(l.dir)
	}
	if err != nil {
		return errors.Join(err, fsys.RemoveIfThere(l.fs, tmp))
	}
	aside := ""
	if s.fresh {
		err = l.fs.Remove(s.path)
	} else {
		aside, err = l.fs.SetAside(s.path)
	}
	if err != nil {
		return err
	}
	if err := l.fs.Rename(tmp, s.path); err != nil {
		return err
	}
	if err := l.fs.SyncDir(l.dir); err != nil {
		return err
	}
	if s.fresh {
		l.report.TornFile, l.report.Torn = s.path, s.size
	} else {
		l.reportSalvage(s, aside)
	}
	s.header, s.size, s.end = h, end, end
	return nil
}

func (l *Log) reportSalvage(s *found, aside string) {
	if len(s.holes) == 0 { // only the header is damaged, or nobody can tell what is missing
		s.holes = [][2]int64{{s.last, s.last}}
	}
	for _, h := range s.holes {
		l.damaged(Damage{Segment: s.path, Aside: aside, From: h[0], To: h[1], Reason: s.bad})
	}
}

// copySpans writes the whole records of s to a new file and returns its size.
func (l *Log) copySpans(s *found, path string, h header) (end int64, err error) {
	src, err := l.fs.OpenRead(s.path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	dst, err := l.fs.Create(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	if _, err := dst.WriteAt(h.append(nil), 0); err != nil {
		return 0, err
	}
	end = segmentHeader
	buf := make([]byte, 0, bufferBytes)
	for _, span := range s.spans {
		for at := span[0]; at < span[1]; {
			buf = buf[:min(int64(cap(buf)), span[1]-at)]
			if n, err := src.ReadAt(buf, at); err != nil && !(err == io.EOF && n == len(buf)) {
				return 0, err
			}
			if _, err := dst.WriteAt(buf, end); err != nil {
				return 0, err
			}
			at += int64(len(buf))
			end += int64(len(buf))
		}
	}
	return end, dst.Sync()
}

// startEmpty begins the first segment of a new log.
func (l *Log) startEmpty() error {
	f, err := l.create(header{})
	if err != nil {
		return err
	}
	l.active = f
	l.begin(0, segmentHeader)
	return nil
}

// openActive opens the last segment for appending and cuts off a torn tail.
func (l *Log) openActive(s *found) error {
	f, err := l.fs.Open(s.path)
	if err != nil {
		return err
	}
	if s.end < s.size {
		l.report.TornFile, l.report.Torn = s.path, s.size-s.end
		l.opts.Log.Warn("cut off the torn end of a log, which a crash left behind",
			"segment", s.path, "bytes", l.report.Torn, "next", s.last)
	}
	if s.end < s.whole {
		if err := f.Truncate(s.end); err != nil {
			return errors.Join(fmt.Errorf("cut off the torn end of %s: %w", s.path, err), f.Close())
		}
	}
	// What a killed process wrote but did not sync may be in the page cache only.
	// From here on it counts as durable.
	if err := f.Sync(); err != nil {
		return errors.Join(fmt.Errorf("sync %s: %w", s.path, err), f.Close())
	}
	l.active = f
	l.flushed, l.synced, l.room = s.end, s.end, s.end
	l.next.Store(s.last)
	l.durable.Store(s.last)
	l.view.Lock()
	defer l.view.Unlock()
	l.setTrimFrom()
	return nil
}

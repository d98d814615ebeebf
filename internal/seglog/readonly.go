package seglog

import (
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
)

// OpenReadOnly opens the log in dir for readers alone, after verifying every record
// in it. Nothing on disk is changed: a torn tail stays and is passed over, and damage
// is reported each time, also that which an earlier Open has repaired and what a
// repair that was cut short has left. Append and Sync say ErrClosed. Where there is no
// log the error wraps fs.ErrNotExist.
func OpenReadOnly(dir string, opts Options) (*Log, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	l := &Log{dir: dir, opts: opts, fs: opts.FS, closed: true}
	l.trimFrom.Store(math.MaxInt64)
	if err := l.survey(); err != nil {
		return nil, fmt.Errorf("seglog: %w", err)
	}
	return l, nil
}

// survey finds what recover would, and leaves it as it is.
func (l *Log) survey() error {
	names, err := l.fs.ReadDir(l.dir)
	if err != nil {
		return err
	}
	var firsts []int64
	for _, n := range names {
		if first, ok := parseName(n); ok {
			firsts = append(firsts, first)
		} else if target, ok := strings.CutSuffix(n, salvageSuffix); ok {
			if first, ok := parseName(target); ok {
				l.damaged(Damage{Segment: l.segmentPath(first), From: first, To: first, Reason: "a repair of it was cut short"})
			}
		}
	}
	if len(firsts) == 0 {
		return fmt.Errorf("%s holds no log: %w", l.dir, fs.ErrNotExist)
	}
	slices.Sort(firsts)
	all := make([]*found, len(firsts))
	for i, first := range firsts {
		limit, last := int64(math.MaxInt64), i == len(firsts)-1
		if !last {
			limit = firsts[i+1]
		}
		if all[i], err = l.examine(first, limit, last); err != nil {
			return err
		}
	}
	for i, s := range all {
		if i < len(all)-1 {
			l.noteGap(s, all[i+1])
		}
		l.noteFound(s)
		l.segs = append(l.segs, &segment{first: s.first, path: s.path, size: s.end, sealed: i < len(all)-1})
		l.total.Add(s.end)
		l.report.Records += s.records
	}
	end := all[len(all)-1].last
	l.next.Store(end)
	l.durable.Store(end)
	return nil
}

// noteFound reports what is wrong with a segment that stays as it is.
func (l *Log) noteFound(s *found) {
	switch {
	case s.fresh:
		l.report.TornFile, l.report.Torn = s.path, s.size
	case s.bad != "":
		l.reportSalvage(s, "")
	case s.header.flags&flagSalvaged != 0:
		l.damaged(Damage{Segment: s.path, From: s.first, To: s.last, Reason: "it was damaged before, and holds what a repair has left"})
	case s.end < s.size:
		l.report.TornFile, l.report.Torn = s.path, s.size-s.end
	}
}

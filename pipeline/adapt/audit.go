package adapt

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"
)

// Who decided.
const (
	auto   = "auto"
	manual = "manual"
)

// record is a line of the audit trail; docs/adaptation.md says what the fields
// mean.
type record struct {
	V       int       `json:"v"`
	Time    time.Time `json:"time"` // when it was written: no decision knows it
	Action  string    `json:"action"`
	By      string    `json:"by"`
	Series  string    `json:"series,omitempty"`
	At      int64     `json:"at"`
	Kind    string    `json:"kind,omitempty"`
	Model   string    `json:"model,omitempty"`
	Before  string    `json:"before,omitempty"`
	Trained *basis    `json:"trained_on,omitempty"`
	Seed    uint64    `json:"seed,omitempty"`
	GainDB  *float64  `json:"gain_db,omitempty"`
	OldDB   *float64  `json:"old_gain_db,omitempty"`
	E       float64   `json:"e,omitempty"`
	Windows int       `json:"windows,omitempty"`
	Regimes []regimed `json:"regimes,omitempty"`
	Why     string    `json:"why"`
}

// basis says what a challenger was trained on: positions in the series' slots.
type basis struct {
	New  int   `json:"new"`
	Old  int   `json:"old"`
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// regimed is what was found on an earlier regime, -1: on several.
type regimed struct {
	Regime  int     `json:"regime"`
	Windows int     `json:"windows"`
	GainDB  float64 `json:"gain_db"`
}

// number returns x for a field that is left out where there is none.
func number(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// entryOf returns the line about a job's end. v may be nil.
func (a *Adapter) entryOf(j *job, action, why string, v *Verdict) record {
	r := record{Action: action, By: auto, Series: j.track.name, At: j.at(), Kind: j.kind, Before: j.champion.Name(), Seed: j.seed, Why: why}
	if j.challenger != nil {
		r.Model = j.challenger.Name()
		r.Trained = &basis{New: len(j.recent), Old: len(j.old), From: j.recent[0].Start, To: j.recent[len(j.recent)-1].End()}
	}
	if v != nil {
		r.GainDB, r.OldDB, r.E, r.Windows = number(v.RecentDB), number(v.OldDB), v.E, v.Recent
	}
	if j.shadow != nil {
		for _, p := range j.shadow.past {
			r.Regimes = append(r.Regimes, regimed{p.regime, p.windows, p.db()})
		}
	}
	return r
}

// auditBytes bounds a file of the trail; there are two of them.
const auditBytes = 4 << 20

// audit appends a line to the trail. What can't be written is said in the log.
func (a *Adapter) audit(r record) {
	if a.cfg.Dir == "" {
		return
	}
	r.V, r.Time = 1, a.cfg.Now().UTC()
	if err := a.appendAudit(r); err != nil {
		a.cfg.Log.Error("the audit trail can't be written", "error", err, "action", r.Action, "series", r.Series, "model", r.Model)
	}
}

// auditNoted appends the lines that were noted under mu.
func (a *Adapter) auditNoted() {
	a.mu.Lock()
	noted := a.noted
	a.noted = nil
	a.mu.Unlock()
	for _, r := range noted {
		a.audit(r)
	}
}

func (a *Adapter) appendAudit(r record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	a.files.Lock()
	defer a.files.Unlock()
	path, size := filepath.Join(a.cfg.Dir, "audit.jsonl"), int64(0)
	if st, err := os.Stat(path); err == nil && st.Size()+int64(len(line)) >= auditBytes {
		if err := os.Rename(path, filepath.Join(a.cfg.Dir, "audit.1.jsonl")); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
	} else if err == nil {
		size = st.Size()
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("audit: %w", err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	// A line is there or it is not, but for the last after a power cut: what a full disk
	// took of one would be the beginning of the next.
	if _, err = f.Write(append(line, '\n')); err != nil {
		err = errors.Join(err, f.Truncate(size))
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

package adapteval

import (
	"context"
	"fmt"
	"math"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/internal/scoreboard"
	"github.com/quell-stream/quell/model/train"
)

// notice is the study of what the monitor alone says of the drifts of recovery, and of
// drifts between regimes that are not among them, which thresholds are chosen by.
func notice() scoreboard.Study {
	return scoreboard.Study{Name: "notice", Doc: "the monitor alone on every drift from a real regime to another: named one to learn, and how soon", Run: runNotice}
}

// As the pipeline has the sentinel: fitted on the first slots, windows of 32 and a
// score every 8; it serves from so many slots on.
const (
	noticeFit, noticeWindow, noticeHop = 1024, 32, 8
	noticeFrom                         = noticeFit + 256
)

// others returns regimes like those of recovery that are none of them: the other lead
// of each electrocardiogram, and the other damages of the machine.
func others() []source {
	return []source{
		{"ecg_mitdb/mitdb_100", "v5_mv", 0},
		{"ecg_mitdb/mitdb_103", "v2_mv", 0},
		{"ecg_mitdb/mitdb_112", "v1_mv", 5},
		{"ecg_mitdb/mitdb_115", "v1_mv", 0},
		{"ecg_mitdb/mitdb_117", "v2_mv", 0},
		{"ecg_mitdb/mitdb_122", "v1_mv", 0},
		{"ecg_mitdb/mitdb_209", "v1_mv", 5},
		{"ecg_nstdb/nst118_aligned", "clean_mlii_mv", 0},
		{"ecg_nstdb/nst118_aligned", "clean_v1_mv", 5},
		{"cwru/1797rpm_ir_7", "de_g", 10},
		{"cwru/1797rpm_b_7", "de_g", 10},
	}
}

// watcher is a monitor of one channel.
type watcher struct {
	watch  *monitor.Watch
	seed   uint64
	pushed int
	outcome
}

func newWatcher(seed uint64) *watcher {
	cfg := monitor.ShortHistory(1, monitor.DefaultRate)
	cfg.Hop, cfg.Seed = noticeHop, seed
	return &watcher{watch: monitor.NewWatch(cfg), seed: seed}
}

// push takes readings.
func (w *watcher) push(x []float64) {
	for _, v := range x {
		d, _ := w.watch.Push(int64(w.pushed), 0, []float64{v}, []bool{false})
		w.pushed++
		switch {
		case d.Opened:
			w.opened = append(w.opened, w.pushed)
			fallthrough
		case d.Updated:
			w.told = append(w.told, naming{w.pushed, d.Kind})
		case d.Resolved:
			w.told = append(w.told, naming{w.pushed, "resolved"})
		}
	}
}

// lead has a new watcher learn what is streamed before a change.
func lead(r *regime, seed uint64) (*watcher, error) {
	x := r.lead.noisy
	mean, dev := monitor.Scaling(x[:noticeFit], 1)
	net, err := train.Sentinel(monitor.Windows(x[:noticeFit], mean, dev, noticeWindow, noticeHop), 1, seed)
	if err != nil {
		return nil, err
	}
	w := newWatcher(seed)
	w.push(x[:noticeFrom])
	w.watch.Feed.Sentinel = monitor.NewSentinel(net, mean, dev, noticeWindow, noticeHop)
	w.push(x[noticeFrom:])
	return w, nil
}

// copy returns a watcher in the same state.
func (w *watcher) copy() (*watcher, error) {
	n := newWatcher(w.seed)
	n.pushed = w.pushed
	from, to := w.watch.Feed, n.watch.Feed
	to.Sentinel = new(monitor.Sentinel)
	if _, err := to.Sentinel.RestoreState(from.Sentinel.AppendState(nil)); err != nil {
		return nil, err
	}
	if _, err := to.Extract[0].RestoreState(from.Extract[0].AppendState(nil)); err != nil {
		return nil, err
	}
	_, err := n.watch.RestoreState(w.watch.AppendState(nil))
	return n, err
}

// named returns after how many samples of a change a drift was named one to learn, -1
// if it was not, or was open before.
func (o *outcome) named(since int) int {
	for _, t := range o.told {
		if t.at > since && (t.what == monitor.Noise || t.what == monitor.Regime) {
			return t.at - since
		}
	}
	return -1
}

// noticed is what there is to say of the drifts between some regimes.
type noticed struct {
	drifts  int
	untrue  int       // drifts opened before the change
	watched int       // samples in which they could have been
	at      []float64 // samples after which one was named
}

// within returns the share of drifts that were named after so many samples, in %.
func (n *noticed) within(samples int) float64 {
	k := 0
	for _, at := range n.at {
		if at <= float64(samples) {
			k++
		}
	}
	return 100 * float64(k) / float64(n.drifts)
}

// noticedAmong watches each drift from one of the regimes to another.
func noticedAmong(ctx context.Context, o *scoreboard.Options, rs []regime) (noticed, error) {
	parts := make([]noticed, len(rs))
	err := each(ctx, len(rs), func(i int) error {
		w, err := lead(&rs[i], o.Seed)
		if err != nil {
			return err
		}
		p := &parts[i]
		p.untrue, p.watched = len(w.opened), leadLen-noticeFrom
		for j := range rs {
			if i == j {
				continue
			}
			n, err := w.copy()
			if err != nil {
				return err
			}
			n.push(rs[j].live.noisy[:liveLen])
			p.drifts++
			if at := n.named(leadLen); at >= 0 {
				p.at = append(p.at, float64(at))
			}
			o.Tell("%s → %s: %v", rs[i].name, rs[j].name, n.told)
		}
		return nil
	})
	var all noticed
	for _, p := range parts {
		all.drifts, all.untrue, all.watched, all.at = all.drifts+p.drifts, all.untrue+p.untrue, all.watched+p.watched, append(all.at, p.at...)
	}
	return all, err
}

func runNotice(ctx context.Context, o *scoreboard.Options) ([]scoreboard.Row, error) {
	var rows []scoreboard.Row
	for _, s := range []struct {
		name string
		of   []source
	}{{"drifts of recovery", sources()}, {"other leads and damages", others()}} {
		if o.Data == "" {
			rows = append(rows, noticeRows(s.name, nil, needsData)...)
			continue
		}
		if o.Quick {
			s.of = s.of[:5]
		}
		rs, err := load(o, s.of)
		if err != nil {
			return nil, err
		}
		n, err := noticedAmong(ctx, o, rs)
		if err != nil {
			return nil, err
		}
		rows = append(rows, noticeRows(s.name, &n, fmt.Sprintf("%d drifts", n.drifts))...)
	}
	return rows, nil
}

// noticeRows sums up. The clock strikes as often as drifts were opened, and whatever it
// strikes within counts as named.
func noticeRows(name string, n *noticed, note string) []scoreboard.Row {
	if n == nil {
		n = &noticed{}
	}
	strikes := float64(len(n.at)+n.untrue) / float64(n.drifts*liveLen+n.watched) // per sample
	var rows, blind []scoreboard.Row
	for _, m := range []int{500, 1000, 2000} {
		within := fmt.Sprintf("named one to learn within %d samples, %%", m)
		rows = append(rows, scoreboard.Row{Name: name + ": " + within, Got: n.within(m), Note: note})
		blind = append(blind, scoreboard.Row{Name: name + ", clock: " + within, Blind: true, Got: 100 * min(1, strikes*float64(m)), Note: "as many drifts opened"},
			scoreboard.Row{Name: name + ", silent: " + within, Blind: true, Got: 0})
	}
	rows = append(rows,
		scoreboard.Row{Name: name + ": samples until then, median", Got: median(n.at), Note: note},
		scoreboard.Row{Name: name + ": drifts opened before the change", Got: float64(n.untrue), Note: fmt.Sprintf("%d samples", n.watched)})
	rows = append(rows, blind...)
	if n.drifts == 0 {
		for i := range rows {
			rows[i].Got, rows[i].Note = math.NaN(), note
		}
	}
	return rows
}

//go:build integration

package integration

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// killTenTimes kills the job's process whenever one of ten random shares of the
// records has arrived, and it has been handing records out for so long, and
// starts it again on its state. It returns how many records had arrived before
// each kill, in all.
func killTenTimes(t *testing.T, j *job, got *arrivals, records int, seed uint64, life time.Duration) (seen int) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 0))
	points := make([]int, 10)
	for i := range points {
		points[i] = 1 + rnd.IntN(records*95/100)
	}
	slices.Sort(points)
	t.Logf("seed %d: kill after %v of %d records", seed, points, records)
	var killed []int
	for _, p := range points {
		// After each start the process must have got somewhere before it dies.
		arrived := got.all()
		j.until("a record arrives", func() bool { return got.all() > arrived })
		ripe := time.Now().Add(life)
		p = max(p, got.count()+1)
		j.until("the next record arrives", func() bool { return got.count() >= min(p, records) && time.Now().After(ripe) })
		j.kill()
		killed = append(killed, got.count())
		seen += got.count()
		j.start()
	}
	t.Logf("killed after %v", killed)
	return seen
}

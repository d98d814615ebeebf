package mqtt

import (
	"hash/maphash"
	"testing"

	"github.com/quell-stream/quell/internal/fsys/memfs"
	"github.com/quell-stream/quell/internal/seglog"
)

// TestRedeliveryIsRecent has a sensor that stands still: each of its messages reads the
// same. What the broker sends again is known, within a process and after a restart, until
// identifiers have come round: then it is a message that nobody has seen.
func TestRedeliveryIsRecent(t *testing.T) {
	still := arrival{topic: "sensors/p1/temp", payload: []byte("20.0")}
	stored := func(j *journal, id int, flags uint8) bool {
		a := still
		a.id, a.flags = uint16(id), flags|flagQoS1
		j.add(a)
		return j.pending[len(j.pending)-1].index == unstored
	}
	for _, c := range []struct {
		later int
		known bool
	}{{0, true}, {20, true}, {mostUnderWay - 2, true}, {mostUnderWay - 1, false}, {1<<16 - 2, false}} {
		log, err := seglog.Open("j", seglog.Options{FS: memfs.New()})
		if err != nil {
			t.Fatal(err)
		}
		j := &journal{log: log, seed: maphash.MakeSeed()}
		for id := 1; id <= 1+c.later; id++ {
			if !stored(j, id, 0) {
				t.Fatalf("message %d was taken for another", id)
			}
			if _, err := j.append(&j.pending[id-1].arrival); err != nil {
				t.Fatal(err)
			}
		}
		if err := log.Sync(); err != nil {
			t.Fatal(err)
		}
		again := &journal{log: log, seed: maphash.MakeSeed()}
		if err := again.remember(log); err != nil {
			t.Fatal(err)
		}
		for name, j := range map[string]*journal{"at once": j, "after a restart": again} {
			if known := !stored(j, 1, flagDup); known != c.known {
				t.Errorf("%s: known after %d more: %v, want %v", name, c.later, known, c.known)
			}
			if !c.known {
				continue
			}
			if stored(j, 1, flagDup) { // another break: still the same one
				t.Errorf("%s: sent a third time it is taken for another", name)
			}
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

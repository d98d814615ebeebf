package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/quell-stream/quell/internal/fuzztest"
	"github.com/quell-stream/quell/internal/wire"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func open(t *testing.T, dir string) (*Stream, *Snapshot) {
	t.Helper()
	s, snap, err := Open(dir, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
	return s, snap
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func point(next int64, entries ...Entry) Checkpoint {
	return Checkpoint{Heads: []Head{{Part: "p/0", Next: next}}, Entries: entries, Extra: []byte{byte(next)}}
}

func entry(series, state string) Entry {
	return Entry{Part: "p/0", Series: series, State: []byte(state)}
}

func diff(want, got *Snapshot) string {
	return cmp.Diff(want, got, cmpopts.IgnoreUnexported(Snapshot{}, Switch{}), cmpopts.EquateEmpty())
}

func TestFullAndChanges(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	check(t, s.Full(point(1, entry("a", "a1"), entry("b", "b1"))))
	check(t, s.Change(point(2, entry("a", "a2"))))
	check(t, s.Change(point(3, Entry{Part: "p/0", Series: "b"}, entry("c", "c3"))))
	check(t, s.Close())
	_, got := open(t, dir)
	want := &Snapshot{Heads: map[string]int64{"p/0": 3}, Extra: []byte{3},
		Series: map[string]map[string][]byte{"p/0": {"a": []byte("a2"), "c": []byte("c3")}}}
	if d := diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestCutAnywhere cuts the changes at every byte: what was durable before the
// cut comes back, whole transactions only.
func TestCutAnywhere(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	check(t, s.Full(point(0, entry("a", "zero"))))
	var ends []int64
	for i := range int64(5) {
		check(t, s.Change(point(i+1, entry("a", fmt.Sprint("state ", i+1)))))
		ends = append(ends, s.size)
	}
	delta := s.deltaPath(s.gen)
	whole, err := os.ReadFile(delta)
	check(t, err)
	check(t, s.Close())
	for n := range len(whole) + 1 {
		check(t, os.WriteFile(delta, whole[:n], 0o600))
		want := int64(0)
		for i, e := range ends {
			if int64(n) >= e {
				want = int64(i + 1)
			}
		}
		s, got := open(t, dir)
		if got.Heads["p/0"] != want {
			t.Fatalf("cut at %d of %d: head %d, want %d", n, len(whole), got.Heads["p/0"], want)
		}
		// Work goes on behind the cut.
		check(t, s.Change(point(77, entry("a", "later"))))
		check(t, s.Close())
		s, got = open(t, dir)
		if got.Heads["p/0"] != 77 {
			t.Fatalf("cut at %d: after a further change the head is %d", n, got.Heads["p/0"])
		}
		check(t, s.Close())
	}
}

// TestDamageIsSetAside flips bytes of the full snapshot: the generation before
// takes over, and the damaged file is kept under another name.
func TestDamageIsSetAside(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		dir := t.TempDir()
		s, _ := open(t, dir)
		check(t, s.Full(point(1, entry("a", "one"))))
		check(t, s.Change(point(2, entry("a", "two"))))
		check(t, s.Full(point(3, entry("a", "three"))))
		path := s.fullPath(s.gen)
		check(t, s.Close())
		raw, err := os.ReadFile(path)
		check(t, err)
		raw[rng.IntN(len(raw))] ^= 1 << rng.IntN(8)
		check(t, os.WriteFile(path, raw, 0o600))
		_, got := open(t, dir)
		if got.Heads["p/0"] != 2 || string(got.Series["p/0"]["a"]) != "two" {
			t.Fatalf("restored head %d and state %q, want the point before", got.Heads["p/0"], got.Series["p/0"]["a"])
		}
		aside, err := filepath.Glob(filepath.Join(dir, "*corrupt*"))
		if err != nil || len(aside) != 1 {
			t.Fatalf("set aside %v (%v), want one file", aside, err)
		}
		kept, err := os.ReadFile(aside[0])
		check(t, err)
		if !bytes.Equal(kept, raw) {
			t.Fatal("the file set aside is not the damaged one")
		}
	}
}

func TestDamageInTheMiddleOfTheChanges(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	check(t, s.Full(point(0)))
	check(t, s.Change(point(1, entry("a", "one"))))
	mid := s.size + 12
	check(t, s.Change(point(2, entry("a", "two"))))
	check(t, s.Change(point(3, entry("a", "three"))))
	path := s.deltaPath(s.gen)
	check(t, s.Close())
	raw, err := os.ReadFile(path)
	check(t, err)
	raw[mid] ^= 0xff
	check(t, os.WriteFile(path, raw, 0o600))
	_, got := open(t, dir)
	if got.Heads["p/0"] != 1 {
		t.Errorf("head %d, want 1: the point before the damage", got.Heads["p/0"])
	}
	if kept, err := os.ReadFile(path + ".corrupt"); err != nil || !bytes.Equal(kept, raw) {
		t.Errorf("the damaged changes were not kept: %v", err)
	}
}

// TestUnreadableChange: changes whose checksum is right and that can't be read cost what
// comes from them on, not the full file.
func TestUnreadableChange(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	check(t, s.Full(point(1, entry("a", "one"))))
	check(t, s.Change(point(2, entry("a", "two"))))
	delta := s.deltaPath(s.gen)
	check(t, s.Close())
	b, err := os.ReadFile(delta)
	check(t, err)
	from := len(b)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0)
	b = wire.U64(wire.U8(b, kindChange), 0)                  // no heads
	b = wire.String(wire.String(wire.U64(b, 2), "p/0"), "a") // one series of two
	b = wire.Bytes(wire.Bool(b, false), bytes.Repeat([]byte("bad"), 20))
	closeFrame(b, from)
	check(t, os.WriteFile(delta, b, 0o600))
	s, snap := open(t, dir)
	if snap.Heads["p/0"] != 2 || string(snap.Series["p/0"]["a"]) != "two" {
		t.Errorf("restored %+v, want what came before", snap)
	}
	check(t, s.Change(point(3, entry("a", "three"))))
	check(t, s.Close())
	if kept, err := os.ReadFile(delta + ".corrupt"); err != nil || !bytes.Equal(kept, b) {
		t.Errorf("the changes were not kept: %v", err)
	}
	if s, snap = open(t, dir); snap.Heads["p/0"] != 3 {
		t.Errorf("restored %+v, want what came after", snap)
	}
	check(t, s.Close())
}

// TestNewerIsRefused: files of a newer version are refused and left as they are; a file
// whose version alone is damaged is set aside.
func TestNewerIsRefused(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(full, delta []byte) (newFull, newDelta []byte)
		want  error
	}{
		{"kind", func(full, delta []byte) ([]byte, []byte) {
			delta = append(delta, 0, 0, 0, 0, 0, 0, 0, 0, 9, 1, 2, 3)
			closeFrame(delta, len(delta)-12)
			return full, delta
		}, ErrNewer},
		{"file", func(full, delta []byte) ([]byte, []byte) { return []byte("QUELLST3 and what that may be"), delta }, ErrNewer},
		{"flipped", func(full, delta []byte) ([]byte, []byte) { full[7] ^= 2; return full, delta }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			s, _ := open(t, dir)
			check(t, s.Full(point(1, entry("a", "one"))))
			check(t, s.Full(point(2, entry("a", "two"))))
			check(t, s.Change(point(3, entry("a", "three"))))
			paths := []string{s.fullPath(s.gen), s.deltaPath(s.gen)}
			check(t, s.Close())
			var was [2][]byte
			for i, p := range paths {
				b, err := os.ReadFile(p)
				check(t, err)
				was[i] = b
			}
			was[0], was[1] = c.spoil(was[0], was[1])
			for i, p := range paths {
				check(t, os.WriteFile(p, was[i], 0o600))
			}
			s, snap, err := Open(dir, quiet)
			if !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if c.want == nil {
				if snap.Heads["p/0"] != 1 {
					t.Errorf("restored %+v, want the generation before", snap)
				}
				check(t, s.Close())
				return
			}
			for i, p := range paths {
				if b, err := os.ReadFile(p); err != nil || !bytes.Equal(b, was[i]) {
					t.Errorf("%s was touched: %v", p, err)
				}
			}
		})
	}
}

// TestFindClosing: whether whole frames follow a torn one is known after about one look at
// its bytes, whatever numbers they are.
func TestFindClosing(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for name, next := range map[string]func() uint64{
		"floats": func() uint64 { return math.Float64bits(rng.NormFloat64()*10 + 20) },
		"counts": func() uint64 { return rng.Uint64N(5000) },
		"singles": func() uint64 {
			return uint64(math.Float32bits(float32(rng.NormFloat64())))<<32 | uint64(rng.Uint32N(4))
		},
		"zeros": func() uint64 { return 0 },
	} {
		b := make([]byte, 0, 4<<20)
		for len(b) < cap(b) {
			b = binary.LittleEndian.AppendUint64(b, next())
		}
		if found, summed := findClosing(b); found || summed > int64(len(b)) {
			t.Errorf("%s: %v, %d bytes of %d summed", name, found, summed, len(b))
		}
		b = appendSwitch(b, Switch{number: 1 << 33, Part: "p", Series: "a"})
		if found, _ := findClosing(b); !found {
			t.Errorf("%s: the frame behind it was not found", name)
		}
	}
	// What could take for ever ends, and is taken for damage.
	b := bytes.Repeat([]byte{0, 0, 16, 0, 0, 0, 0, 0, kindSwitch, 0, 0, 0, 0, 0, 0, 0, 0}, 1<<18)
	if found, summed := findClosing(b); !found || summed > int64(len(b))*(sumsPerByte+1)+2*sumsMore {
		t.Errorf("%v, %d bytes of %d summed", found, summed, len(b))
	}
}

// TestSwitches decides while a checkpoint is on its way: the checkpoint, taken
// before, must not swallow the decision, be it a change or a full one.
func TestSwitches(t *testing.T) {
	for _, full := range []bool{false, true} {
		dir := t.TempDir()
		s, _ := open(t, dir)
		check(t, s.Full(point(0)))
		first := Switch{Part: "p/0", Series: "a", Data: []byte("first")}
		second := Switch{Part: "p/0", Series: "a", Data: []byte("second")}
		check(t, s.Decide(first))
		taken := point(1)
		taken.Decided = s.Decided()
		check(t, s.Decide(second))
		if full {
			check(t, s.Full(taken))
		} else {
			check(t, s.Change(taken))
		}
		check(t, s.Close())
		s, got := open(t, dir)
		if d := cmp.Diff([]Switch{second}, got.Switches, cmpopts.IgnoreUnexported(Switch{})); d != "" {
			t.Errorf("full=%v: %s", full, d)
		}
		taken.Decided = s.Decided()
		check(t, s.Change(taken))
		check(t, s.Close())
		if _, got = open(t, dir); len(got.Switches) != 0 {
			t.Errorf("full=%v: a checkpoint that holds the switches left %d", full, len(got.Switches))
		}
	}
}

// TestKeptIsCopied: what is kept behind the start is no part of the memory that a file was
// read into, which would stay as long.
func TestKeptIsCopied(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	check(t, s.Full(point(1, entry("a", "a1"))))
	check(t, s.Change(point(2, entry("a", "a2"))))
	check(t, s.Decide(Switch{Part: "p/0", Series: "a", Data: []byte("first")}))
	raw, err := os.ReadFile(s.deltaPath(1))
	check(t, err)
	snap := &Snapshot{Heads: map[string]int64{}, Series: map[string]map[string][]byte{}}
	for left := raw; len(left) > 0; {
		payload, rest, ok := frame(left)
		if !ok {
			t.Fatal("not a frame")
		}
		check(t, snap.apply(payload))
		left = rest
	}
	clear(raw)
	if len(snap.Switches) != 1 || string(snap.Switches[0].Data) != "first" || !bytes.Equal(snap.Extra, []byte{2}) {
		t.Errorf("%+v of %v after the file's memory was used for something else", snap.Switches, snap.Extra)
	}
}

func TestLockIsExclusive(t *testing.T) {
	dir := t.TempDir()
	release, err := Lock(dir)
	check(t, err)
	if _, err := Lock(dir); err == nil {
		t.Fatal("two processes may share a state directory")
	}
	check(t, release())
	again, err := Lock(dir)
	check(t, err)
	check(t, again())
}

func FuzzSnapshot(f *testing.F) {
	var part, last []byte
	f.Add(payloadOf(point(3, entry("a", "x"))))
	eachPiece(1, &Checkpoint{Heads: []Head{{Part: "p/0", Next: 1}}}, func(p []byte) { last = append(last, p...) })
	eachOfPart(0, []Entry{entry("a", "x")}, func(p []byte) { part = append(part, p...) })
	f.Add(part)
	f.Add(last)
	f.Add(appendSwitch(nil, Switch{number: 1, Part: "p", Series: "a", Data: []byte("d")})[8:])
	f.Fuzz(func(t *testing.T, payload []byte) {
		snap := &Snapshot{Heads: map[string]int64{}, Series: map[string]map[string][]byte{}}
		fuzztest.Bounded(t, len(payload), 200, 1<<20, func() {
			if err := snap.apply(payload); err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNewer) {
				t.Errorf("unexpected error %v", err)
			}
		})
	})
}

// FuzzOpen: whatever a file holds, it is opened or Open says why, and what was opened
// once, repaired or set aside as it may be, is the same the next time.
func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	s, _, err := Open(dir, quiet)
	if err != nil {
		f.Fatal(err)
	}
	if err := errors.Join(s.Full(point(3, entry("a", "x"))), s.Change(point(4, entry("a", "y"))), s.Close()); err != nil {
		f.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for i, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), b)
		f.Add(uint8(i), b[:len(b)/2])
	}
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		name := filepath.Base(files[int(which)%len(files)])
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
		fuzztest.Bounded(t, len(b), 1000, 4<<20, func() {
			s, first, err := Open(dir, quiet)
			if err != nil {
				return
			}
			check(t, s.Close())
			s, second, err := Open(dir, quiet)
			if err != nil {
				t.Fatalf("opened once, and not again: %v", err)
			}
			check(t, s.Close())
			if d := diff(first, second); d != "" {
				t.Errorf("opened again it is another (-first +second):\n%s", d)
			}
		})
	})
}

// TestTooLargeIsRefused: what could not be read again is never taken for durable.
func TestTooLargeIsRefused(t *testing.T) {
	dir := t.TempDir()
	s, _, err := Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	small := Checkpoint{Heads: []Head{{Part: "t/0", Next: 1}}, Entries: []Entry{{Part: "t/0", Series: "a", State: make([]byte, 100)}}}
	if err := s.Full(small); err != nil {
		t.Fatal(err)
	}
	s.most = 10_000
	large := Checkpoint{Heads: []Head{{Part: "t/0", Next: 2}}, Entries: []Entry{{Part: "t/0", Series: "a", State: make([]byte, 10_000)}}}
	for name, write := range map[string]func(Checkpoint) error{"full": s.Full, "change": s.Change} {
		if err := write(large); err == nil || !strings.Contains(err.Error(), "allowed_lateness") {
			t.Errorf("%s: %v, want a word on allowed_lateness", name, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, snap, err := Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if next := snap.Heads["t/0"]; next != 1 || len(snap.Series["t/0"]["a"]) != 100 {
		t.Errorf("head %d, state of %d bytes, want those of before", next, len(snap.Series["t/0"]["a"]))
	}
}

// payloadOf returns the payload of a checkpoint's frame.
func payloadOf(c Checkpoint) (b []byte) {
	eachPiece(0, &c, func(p []byte) { b = append(b, p...) })
	return b
}

package seglog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/quell-stream/quell/internal/fsys/memfs"
	"github.com/quell-stream/quell/internal/fuzztest"
)

func openDir(t testing.TB, dir string, o Options) *Log {
	t.Helper()
	l, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	var want int64
	for range 5 {
		l, err := Open(dir, Options{SegmentBytes: 500})
		if err != nil {
			t.Fatal(err)
		}
		if l.Next() != want || l.Durable() != want {
			t.Fatalf("next %d, durable %d, want both %d", l.Next(), l.Durable(), want)
		}
		for range 37 {
			if _, err := l.Append(uint8(want), content(want)); err != nil {
				t.Fatal(err)
			}
			want++
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	l := openDir(t, dir, Options{})
	for _, from := range []int64{0, 1, 36, 37, 100, want - 1, want} {
		recs := readAll(t, l, from)
		if int64(len(recs)) != want-from {
			t.Fatalf("from %d: %d records, want %d", from, len(recs), want-from)
		}
		for i, r := range recs {
			if r.Index != from+int64(i) || !bytes.Equal(r.Payload, content(r.Index)) {
				t.Fatalf("from %d: record %d is %+v", from, i, r)
			}
		}
	}
	var size int64
	es, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range es {
		fi, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS != "windows" && fi.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o, want 600", e.Name(), fi.Mode().Perm())
		}
		size += fi.Size()
	}
	if l.Bytes() != size {
		t.Errorf("Bytes is %d, the files have %d", l.Bytes(), size)
	}
	if l.Report().Records != want {
		t.Errorf("report counts %d records, want %d", l.Report().Records, want)
	}
}

// TestUnsyncedIsUnseen: what Sync has not covered is not read.
func TestUnsyncedIsUnseen(t *testing.T) {
	l := openDir(t, t.TempDir(), Options{})
	r := l.Reader(0)
	defer r.Close()
	if _, err := l.Append(1, []byte("a")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Fatalf("read before Sync: %v, want io.EOF", err)
	}
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	rec, err := r.Next()
	if err != nil || string(rec.Payload) != "a" {
		t.Fatalf("read after Sync: %q, %v", rec.Payload, err)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Fatalf("read at the end: %v, want io.EOF", err)
	}
}

// TestReadWhileAppending has a writer, a syncer, a trimmer and two readers.
func TestReadWhileAppending(t *testing.T) {
	const n = 20000
	l := openDir(t, t.TempDir(), Options{SegmentBytes: 64 << 10})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range int64(n) {
			if _, err := l.Append(uint8(i), content(i)); err != nil {
				t.Error(err)
				return
			}
			if i%500 == 0 {
				if err := l.Sync(); err != nil {
					t.Error(err)
				}
			}
		}
		if err := l.Sync(); err != nil {
			t.Error(err)
		}
	})
	for k := range 2 {
		wg.Go(func() {
			r := l.Reader(0)
			defer r.Close()
			var kept [][]byte
			for want := int64(0); want < n; {
				rec, err := r.Next()
				if err == io.EOF {
					runtime.Gosched()
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if k == 0 && rec.Index != want || rec.Index < want {
					t.Errorf("reader %d: index %d, want %d", k, rec.Index, want)
					return
				}
				want = rec.Index + 1
				if rec.Index%1000 == 0 {
					kept = append(kept, rec.Payload)
				}
				if k == 0 && rec.Index%100 == 0 {
					// The other reader may find records gone: it goes on behind them.
					if err := l.TrimBefore(rec.Index); err != nil {
						t.Error(err)
					}
				}
			}
			if k == 0 {
				for i, p := range kept {
					if !bytes.Equal(p, content(int64(i)*1000)) {
						t.Errorf("payload of record %d changed after it was read", i*1000)
					}
				}
			}
		})
	}
	wg.Wait()
	if l.First() == 0 {
		t.Error("nothing was trimmed")
	}
}

// TestFull fills the log, and finds room after trimming.
func TestFull(t *testing.T) {
	l := openDir(t, t.TempDir(), Options{MaxBytes: 64 << 10})
	p := make([]byte, 1000)
	fill := func() (n int) {
		for {
			_, err := l.Append(0, p)
			if errors.Is(err, ErrFull) {
				return n
			}
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
	}
	if n := fill(); n < 60 {
		t.Errorf("%d records of 1000 bytes in 64 KiB, want 60 or more", n)
	}
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	if l.Bytes() > 64<<10 {
		t.Errorf("the full log has %d bytes", l.Bytes())
	}
	if err := l.TrimBefore(l.Next()); err != nil {
		t.Fatal(err)
	}
	if n := fill(); n < 40 {
		t.Errorf("room for %d records after trimming everything, want 40 or more", n)
	}
	// A record of the largest size always fits once the rest is trimmed.
	big := make([]byte, l.MaxPayload())
	for range 3 {
		if _, err := l.Append(0, big); errors.Is(err, ErrFull) {
			if err := l.Sync(); err != nil {
				t.Fatal(err)
			}
			if err := l.TrimBefore(l.Next()); err != nil {
				t.Fatal(err)
			}
			if _, err := l.Append(0, big); err != nil {
				t.Fatalf("a record of %d bytes in a trimmed log: %v", len(big), err)
			}
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Append(0, big, []byte{0}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a record of %d bytes: %v, want ErrTooLarge", len(big)+1, err)
	}
}

// TestSkipTo: indices that a reader has seen are not given again.
func TestSkipTo(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []int64{100, 50, 200} {
		if err := l.SkipTo(to); err != nil {
			t.Fatal(err)
		}
	}
	if i, err := l.Append(0, []byte("x")); err != nil || i != 200 {
		t.Fatalf("index %d, %v; want 200", i, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = openDir(t, dir, Options{})
	if rep := l.Report(); len(rep.Damaged) != 0 {
		t.Errorf("a skip is reported as damage: %+v", rep)
	}
	if got := readAll(t, l, 0); len(got) != 1 || got[0].Index != 200 {
		t.Errorf("records %+v, want one at 200", got)
	}
	if l.Next() != 201 {
		t.Errorf("next is %d, want 201", l.Next())
	}
}

// TestDiskFull: the records that did not fit are taken back, the others stay,
// and the log works again once there is room.
func TestDiskFull(t *testing.T) {
	m := memfs.New()
	l := build(t, m, Options{}, 10)
	m.Space = 50
	if _, err := l.Append(0, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	err := l.Sync()
	var we *WriteError
	if !errors.As(err, &we) || !errors.Is(err, memfs.ErrDisk) || we.From != 10 || we.To != 11 {
		t.Fatalf("Sync on a full disk: %v, want a WriteError of record 10", err)
	}
	if !strings.Contains(err.Error(), "records 10 to 10 are not stored") {
		t.Errorf("message is %q", err)
	}
	if l.Next() != 10 || len(m.Data(segmentName(0))) != int(l.synced) {
		t.Errorf("next is %d, file %d bytes; want 10 and %d", l.Next(), len(m.Data(segmentName(0))), l.synced)
	}
	m.Space = -1
	if i, err := l.Append(10, content(10)); err != nil || i != 10 {
		t.Fatalf("append with room again: index %d, %v", i, err)
	}
	// Now the disk fails, and even cutting off what it refused does.
	m.FailSyncs, m.FailTrunc = 1, 2
	if err := l.Sync(); !errors.As(err, &we) || we.From != 10 {
		t.Fatalf("Sync on a broken disk: %v", err)
	}
	if _, err := l.Append(0, nil); !errors.As(err, &we) || we.From != we.To {
		t.Fatalf("Append before the end is restored: %v", err)
	}
	if i, err := l.Append(10, content(10)); err != nil || i != 10 {
		t.Fatalf("append with a disk that works again: index %d, %v", i, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, openMem(t, m, Options{}), 0); len(got) != 11 {
		t.Errorf("%d records, want 11", len(got))
	}
}

// TestSegmentNotBegun: a segment whose beginning failed does not come back with a power
// failure, behind which what was appended since would be damage and lost.
func TestSegmentNotBegun(t *testing.T) {
	for seed := range uint64(50) {
		m := memfs.New()
		l := build(t, m, Options{}, 10)
		m.FailSyncs = 1 // of the header
		if err := l.SkipTo(12); err == nil {
			t.Fatal("a segment was begun on a disk that takes no header")
		}
		for i := int64(10); i < 14; i++ { // beyond where that segment would have begun
			if _, err := l.Append(uint8(i), content(i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Sync(); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Append(14, content(14)); err != nil {
			t.Fatal(err)
		}
		m.FailSyncs, m.FailTrunc = 1, 1
		_ = l.Sync() // what it leaves behind is for the power failure to tear
		m.Crash(rand.New(rand.NewPCG(seed, 3)))
		l = openMem(t, m, Options{})
		if got := readAll(t, l, 0); len(got) != 14 && len(got) != 15 || len(m.Aside()) > 0 {
			t.Fatalf("seed %d: %d records are there, want the 14 that were synced; set aside: %v", seed, len(got), m.Aside())
		}
	}
}

// TestReaderFindsDamage: what rots after Open is an error, not a record.
func TestReaderFindsDamage(t *testing.T) {
	m := memfs.New()
	l := build(t, m, Options{}, 10)
	r := l.Reader(0)
	defer r.Close()
	m.Data(segmentName(0))[segmentHeader+frameHeader] ^= 1
	var ce *CorruptError
	if _, err := r.Next(); !errors.As(err, &ce) || ce.Offset != segmentHeader {
		t.Errorf("Next is %v, want a CorruptError at byte %d", err, segmentHeader)
	}
}

func TestRefuses(t *testing.T) {
	for _, o := range []Options{{SegmentBytes: -1}, {MaxBytes: -1}, {MaxBytes: 100}} {
		if _, err := Open(t.TempDir(), o); err == nil {
			t.Errorf("Open with %+v succeeded", o)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(dir, "file"), Options{}); err == nil {
		t.Error("Open of a file succeeded")
	}
	m := memfs.New()
	if err := build(t, m, Options{}, 1).Close(); err != nil {
		t.Fatal(err)
	}
	// A format of the future is refused, not repaired.
	h := header{}.append(nil)
	h[8] = 2
	h = append(h[:36], 0, 0, 0, 0)
	sum := checksum(h[:36])
	h[36], h[37], h[38], h[39] = byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24)
	copy(m.Data(segmentName(0)), h)
	if _, err := Open("log", Options{FS: m}); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("Open of version 2: %v", err)
	}
	if len(m.Aside()) != 0 {
		t.Error("a file of a newer version was set aside")
	}
	l := openDir(t, t.TempDir(), Options{})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(0, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Append after Close: %v", err)
	}
	if err := l.Sync(); !errors.Is(err, ErrClosed) {
		t.Errorf("Sync after Close: %v", err)
	}
	if err := l.SkipTo(5); !errors.Is(err, ErrClosed) {
		t.Errorf("SkipTo after Close: %v", err)
	}
}

// TestAppendAllocates: a record costs no memory of its own.
func TestAppendAllocates(t *testing.T) {
	l := openDir(t, t.TempDir(), Options{})
	p := make([]byte, 200)
	if n := testing.AllocsPerRun(5000, func() {
		if _, err := l.Append(0, p[:100], p[100:]); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations per append", n)
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, group := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("bytes=220/per_sync=%d", group), func(b *testing.B) {
			l := openDir(b, b.TempDir(), Options{})
			p := make([]byte, 220-frameHeader)
			b.SetBytes(220)
			n := 0
			for b.Loop() {
				if _, err := l.Append(1, p); err != nil {
					b.Fatal(err)
				}
				if n++; n%group == 0 {
					if err := l.Sync(); err != nil {
						b.Fatal(err)
					}
					if err := l.TrimBefore(l.Next()); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

func BenchmarkRead(b *testing.B) {
	l := openDir(b, b.TempDir(), Options{})
	p := make([]byte, 220-frameHeader)
	for range 100_000 {
		if _, err := l.Append(1, p); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Sync(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(220)
	r := l.Reader(0)
	for b.Loop() {
		_, err := r.Next()
		if err == io.EOF {
			err = r.Close()
			r = l.Reader(0)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
}

// FuzzOpen opens a log whose only segment holds arbitrary bytes behind one
// whole record.
func FuzzOpen(f *testing.F) {
	f.Add([]byte{})
	f.Add(appendFrame(nil, 7, 1, 2, [][]byte{[]byte("ab")}))
	f.Fuzz(func(t *testing.T, tail []byte) {
		m := memfs.New()
		b := header{first: 5}.append(nil)
		b = appendFrame(b, 5, 9, 3, [][]byte{[]byte("abc")})
		b = append(b, tail...)
		m.SetData(segmentName(5), b)
		var l *Log
		var got []Record
		fuzztest.Bounded(t, len(tail), 400, 4<<20, func() {
			var err error
			if l, err = Open("log", Options{FS: m}); err != nil {
				t.Fatal(err)
			}
			got = readAll(t, l, 0)
		})
		if len(got) == 0 || got[0].Index != 5 || string(got[0].Payload) != "abc" {
			t.Fatalf("records %+v, want the first to be 5 abc", got)
		}
		if i, err := l.Append(0, nil); err != nil || i <= got[len(got)-1].Index {
			t.Fatalf("append: index %d, %v", i, err)
		}
	})
}

func Example() {
	dir, err := os.MkdirTemp("", "seglog")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	l, err := Open(dir, Options{MaxBytes: 1 << 20})
	if err != nil {
		panic(err)
	}
	for _, s := range []string{"one", "two"} {
		if _, err := l.Append(1, []byte(s)); err != nil {
			panic(err)
		}
	}
	if err := l.Sync(); err != nil { // one fsync for both
		panic(err)
	}
	r := l.Reader(l.First())
	for {
		rec, err := r.Next()
		if err != nil {
			break // io.EOF: nothing more now
		}
		fmt.Println(rec.Index, string(rec.Payload))
	}
	if err := r.Close(); err != nil {
		panic(err)
	}
	if err := l.Close(); err != nil {
		panic(err)
	}
	// Output:
	// 0 one
	// 1 two
}

// TestRoom: with room most syncs leave the size of the file as it is; closed or sealed
// it holds its records alone, and a kill leaves nothing to be told of.
func TestRoom(t *testing.T) {
	m := memfs.New()
	o := Options{SegmentBytes: 8 << 10, RoomBytes: 1 << 10}
	l := openMem(t, m, o)
	name, sizes := segmentName(0), map[int]bool{}
	for i := range 50 {
		if _, err := l.Append(1, content(int64(i))); err != nil {
			t.Fatal(err)
		}
		if err := l.Sync(); err != nil {
			t.Fatal(err)
		}
		sizes[len(m.Data(name))] = true
	}
	if len(sizes) > 3 || l.Bytes() >= int64(len(m.Data(name))) {
		t.Errorf("the file had %d sizes and has %d bytes, the log %d", len(sizes), len(m.Data(name)), l.Bytes())
	}
	killed := openMem(t, m.Clone(), o)
	if got := readAll(t, killed, 0); len(got) != 50 || killed.Report().Torn != 0 || killed.Bytes() != l.Bytes() {
		t.Errorf("after a kill: %d records, %+v", len(got), killed.Report())
	}
	for l.Next() < 400 {
		if _, err := l.Append(1, content(l.Next())); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, s := range l.segs {
		total += len(m.Data(segmentName(s.first)))
	}
	if len(l.segs) < 2 || int64(total) != l.Bytes() {
		t.Errorf("%d segments have %d bytes, want those of the log, %d", len(l.segs), total, l.Bytes())
	}
}

package model

import (
	"fmt"
	"slices"
	"testing"

	"github.com/quell-stream/quell/model/nn"
)

// channelsOf returns numbers of channels a model can serve.
func channelsOf(m *Model) []int {
	if c := m.Header().Channels; c > 0 {
		return []int{c}
	}
	return []int{1, 3}
}

func mustStream(t testing.TB, m *Model, channels int) *Stream {
	t.Helper()
	s, err := m.NewStream(channels)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// closeTo says whether two probabilities are the same but for their rounding.
func closeTo(a, b float32) bool { return max(a-b, b-a) < 1e-6 }

// The stream gives the values of one pass, bit for bit, however it is cut.
func TestStreamEqualsOnePass(t *testing.T) {
	for name, m := range models(t) {
		for _, c := range channelsOf(m) {
			for _, slots := range []int{0, 1, 2, 7, 8, 61, 150} {
				cols := randomColumns(slots*c, uint64(slots))
				want, wantDev, wantClasses := referenceAll(m, cols, c)
				for _, chunk := range []int{1, 3, 16, 1000} {
					s := mustStream(t, m, c)
					for range 2 { // the second time after a Reset
						var got, gotDev, gotClasses []float32
						for rest := cols; len(rest) > 0; {
							n := min(chunk*c, len(rest))
							got = append(got, s.Push(rest[:n])...)
							gotDev = append(gotDev, s.Spread()...)
							gotClasses = append(gotClasses, s.Classes()...)
							rest = rest[n:]
							in, out := s.Position()
							if int(out) != len(got)/c || int(in) != (len(cols)-len(rest))/c {
								t.Fatalf("%s: position %d, %d with %d slots returned", name, in, out, len(got)/c)
							}
							if behind := int(in - out); behind > m.Lookahead()+m.Header().Spec.Stride() {
								t.Fatalf("%s: %d slots behind with a look-ahead of %d", name, behind, m.Lookahead())
							}
						}
						got = append(got, s.Finish()...)
						gotDev = append(gotDev, s.Spread()...)
						gotClasses = append(gotClasses, s.Classes()...)
						if len(s.Finish()) != 0 {
							t.Errorf("%s: a second Finish returns something", name)
						}
						if !slices.Equal(got, want) {
							t.Fatalf("%s, %d channels, %d slots, chunk %d: differs from one pass", name, c, slots, chunk)
						}
						if !slices.Equal(gotDev, wantDev) {
							t.Fatalf("%s, %d channels, %d slots, chunk %d: the spread differs from one pass", name, c, slots, chunk)
						}
						if !slices.EqualFunc(gotClasses, wantClasses, closeTo) {
							t.Fatalf("%s, %d channels, %d slots, chunk %d: the classes differ from one pass: %v, want %v", name, c, slots, chunk, gotClasses, wantClasses)
						}
						s.Reset()
					}
				}
			}
		}
	}
}

// A stream without stride answers exactly look-ahead slots late.
func TestStreamLag(t *testing.T) {
	m := models(t)["tcn3"]
	s := mustStream(t, m, 1)
	for i, col := range randomColumns(20, 1) {
		if got, want := len(s.Push([]Column{col})), min(1, max(0, i-2)); got != want {
			t.Errorf("slot %d returns %d values, want %d", i, got, want)
		}
	}
}

func TestWarm(t *testing.T) {
	for name, m := range models(t) {
		for _, c := range channelsOf(m) {
			cols := randomColumns(200*c, 9)
			want := reference(m, cols, c)
			for _, at := range []int{0, 1, 5, 17, 18, 40, 101, 128} {
				s := mustStream(t, m, c)
				s.Push(cols[:3*c]) // must not matter
				from := max(0, at-s.HistoryLen())
				s.Warm(cols[from*c:at*c], int64(at))
				in, out := s.Position()
				if int(in) != at || out > in {
					t.Fatalf("%s: position %d, %d after Warm at %d", name, in, out, at)
				}
				got := append([]float32(nil), s.Push(cols[at*c:150*c])...)
				got = append(got, s.Push(cols[150*c:])...)
				got = append(got, s.Finish()...)
				if !slices.Equal(got, want[int(out)*c:]) {
					t.Errorf("%s, %d channels: warmed at %d, differs from the uninterrupted stream", name, c, at)
				}
			}
		}
	}
}

// A copy goes on as the stream does that it was made of, which it shares nothing with.
func TestCopyFrom(t *testing.T) {
	for name, m := range models(t) {
		for _, c := range channelsOf(m) {
			cols := randomColumns(200*c, 11)
			want := reference(m, cols, c)
			for _, compact := range []bool{false, true} {
				for _, at := range []int{0, 1, 17, 40, 128} {
					src, err := m.stream(c, compact)
					if err != nil {
						t.Fatal(err)
					}
					s, err := m.stream(c, compact)
					if err != nil {
						t.Fatal(err)
					}
					s.Push(cols[:50*c]) // must not matter
					src.Push(cols[:at*c])
					s.CopyFrom(src)
					in, out := s.Position()
					src.Push(cols[:30*c]) // neither
					got := append([]float32(nil), s.Push(cols[at*c:150*c])...)
					got = append(got, s.Push(cols[150*c:])...)
					got = append(got, s.Finish()...)
					if int(in) != at || !slices.Equal(got, want[int(out)*c:]) {
						t.Errorf("%s, %d channels, compact %v: a copy at %d differs from the uninterrupted stream", name, c, compact, at)
					}
				}
			}
		}
	}
}

// With less history than wanted the values agree after a receptive field.
func TestWarmWithShortHistory(t *testing.T) {
	for name, m := range models(t) {
		c := channelsOf(m)[0]
		cols := randomColumns(300*c, 10)
		want := reference(m, cols, c)
		s := mustStream(t, m, c)
		s.Warm(cols[95*c:100*c], 100)
		_, out := s.Position()
		got := append([]float32(nil), s.Push(cols[100*c:])...)
		got = append(got, s.Finish()...)
		if len(got) != len(want)-int(out)*c {
			t.Fatalf("%s: %d values, want %d", name, len(got), len(want)-int(out)*c)
		}
		agree := 100 + s.HistoryLen()
		if !slices.Equal(got[(agree-int(out))*c:], want[agree*c:]) {
			t.Errorf("%s: still differs a receptive field later", name)
		}
	}
}

func TestStreamRefuses(t *testing.T) {
	ms := models(t)
	for _, c := range []int{0, -1} {
		if _, err := ms["tcn0"].NewStream(c); err == nil {
			t.Errorf("%d channels accepted", c)
		}
	}
	if _, err := ms["joint"].NewStream(3); err == nil {
		t.Error("three channels accepted by a model of two")
	}
	dense := nn.Spec{In: 1, Window: 8, Layers: []nn.LayerSpec{{Op: nn.Dense, Out: 1, Steps: 8}}}
	m := mustNew(t, Header{Name: "dense", Kind: DAE, Inputs: []Input{Signal}, Scaler: running}, randomNet(t, dense, 1))
	if _, err := m.NewStream(1); err == nil {
		t.Error("a dense net streams")
	}
}

func TestPushAllocatesNothing(t *testing.T) {
	for name, m := range models(t) {
		c := channelsOf(m)[0]
		for _, chunk := range []int{1, 16} {
			s := mustStream(t, m, c)
			cols := randomColumns(chunk*c, 1)
			for range 64 {
				s.Push(cols)
			}
			if n := testing.AllocsPerRun(64, func() { s.Push(cols) }); n > 0 && !raceEnabled {
				t.Errorf("%s, chunk %d: %g allocations", name, chunk, n)
			}
		}
	}
}

func BenchmarkPush(b *testing.B) {
	m, err := Base(8)
	if err != nil {
		b.Fatal(err)
	}
	for _, chunk := range []int{1, 16, 256} {
		b.Run(fmt.Sprint("slots=", chunk), func(b *testing.B) {
			s := mustStream(b, m, 1)
			cols := randomColumns(chunk, 1)
			b.ReportAllocs()
			for b.Loop() {
				s.Push(cols)
			}
			b.ReportMetric(float64(chunk)*float64(b.N)/b.Elapsed().Seconds(), "samples_per_second")
		})
	}
}

// TestCertainAhead: a value comes out at the earliest with the input that many slots behind
// its own, of models that were made and of those that were read.
func TestCertainAhead(t *testing.T) {
	for name, made := range models(t) {
		b, err := made.Encode()
		if err != nil {
			t.Fatal(err)
		}
		read, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []*Model{made, read} {
			c := channelsOf(m)[0]
			s, err := m.NewStream(c)
			if err != nil {
				t.Fatal(err)
			}
			least := int64(1 << 40)
			for in := int64(1); in <= 400; in++ {
				_, before := s.Position()
				s.Push(randomColumns(c, uint64(in)))
				if _, out := s.Position(); out > before {
					least = min(least, in-out) // of the last one that came out
				}
			}
			if int64(m.CertainAhead()) != least {
				t.Errorf("%s: %d slots ahead for certain, seen are %d, of %d at most", name, m.CertainAhead(), least, m.Lookahead())
			}
		}
	}
}

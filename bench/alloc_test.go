//go:build !race

package bench

import "testing"

// The race detector allocates on its own account.

// TestNothingAllocates holds every case to no allocation per operation.
func TestNothingAllocates(t *testing.T) {
	stream, err := Stream("stream A", mustNew(t, ModelA()), 4, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	cases := append(Detectors(1), Codecs(1)...)
	cases = append(cases, stream, Train("train A", mustNew(t, ModelA()), 2, 1), Train("train B", mustNew(t, ModelB()), 2, 2),
		Infer("infer B", mustNew(t, ModelB()), 2, 1), Tile())
	for _, c := range cases {
		op, err := c.Make()
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		if n := Allocations(op, 32); n != 0 {
			t.Errorf("%s: %d allocations per operation", c.Name, n)
		}
		op.Close()
	}
	var keep [][]byte
	if n := Allocations(loop(func() { keep = append(keep, make([]byte, 1000)) }), 32); n < 1 {
		t.Errorf("%d allocations of an operation that allocates", n)
	}
	if len(keep) == 0 {
		t.Error("nothing was run")
	}
}

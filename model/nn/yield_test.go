package nn

import "testing"

// A tape that is asked to yields after every operation, there and back.
func TestYield(t *testing.T) {
	net, err := New(TCN(1, 1, 4, 3, []int{1, 2}, 1), 1)
	if err != nil {
		t.Fatal(err)
	}
	tape, n := net.NewTape(16), 0
	tape.Yield = func() { n++ }
	y := tape.Forward(make([]float32, 16))
	there := n
	tape.Backward(y)
	if ops := len(net.plain.ops); there != ops || n != 2*ops {
		t.Errorf("yielded %d times forward and %d times in all, there are %d operations", there, n, ops)
	}
}

package nn_test

import (
	"fmt"

	"github.com/quell-stream/quell/model/nn"
)

// A stream gives the numbers of the whole window, one sample at a time.
func Example() {
	spec := nn.Spec{In: 1, Layers: []nn.LayerSpec{
		{Op: nn.Conv, Out: 1, Kernel: 3, Pad: [2]int{1, 1}},
	}}
	net, err := nn.New(spec, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	copy(net.Params()[0].Data, []float32{0.25, 0.5, 0.25}) // a smoother
	net.Pack()

	x := []float32{4, 8, 0, 4}
	fmt.Println("window", net.NewRunner(len(x)).Run(nil, x))

	stream, err := net.NewStream()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("look-ahead", spec.Lookahead())
	for _, v := range x {
		fmt.Println("push", v, "→", stream.Push([]float32{v}))
	}
	fmt.Println("finish →", stream.Finish())
	// Output:
	// window [4 5 3 2]
	// look-ahead 1
	// push 4 → []
	// push 8 → [4]
	// push 0 → [5]
	// push 4 → [3]
	// finish → [2]
}

// One step of gradient descent on a mean squared error.
func ExampleTape() {
	net, err := nn.New(nn.TCN(1, 1, 8, 3, []int{1, 2, 4}, 2), 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	tape := net.NewTape(4)
	tape.NeedDX = false
	x, want := []float32{1, -1, 2, 0}, []float32{0.5, 0, 1, 0}
	loss := func() (sum float32) {
		y := tape.Forward(x)
		dy := make([]float32, len(y))
		for i := range y {
			d := y[i] - want[i]
			sum += d * d / 4
			dy[i] = 2 * d / 4
		}
		tape.ZeroGrads()
		tape.Backward(dy)
		return sum
	}
	before := loss()
	for i, p := range net.Params() {
		for j, g := range tape.Grads()[i] {
			p.Data[j] -= 0.1 * g
		}
	}
	net.Pack()
	fmt.Println("better:", loss() < before)
	// Output:
	// better: true
}

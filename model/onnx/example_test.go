package onnx_test

import (
	"fmt"

	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/model/onnx"
)

func ExampleDecode() {
	net, err := nn.New(nn.TCN(1, 1, 8, 3, []int{1, 2}, 0), 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	b, err := onnx.Encode(net.Spec(), net.Params())
	if err != nil {
		fmt.Println(err)
		return
	}
	got, err := onnx.Decode(b)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("made by", got.Producer)
	for _, l := range got.Spec.Layers {
		fmt.Println(l.Op, l.Out)
	}
	// Output:
	// made by quell
	// conv 8
	// residual 0
	// residual 0
	// gelu 0
	// conv 1
}

package safetensors_test

import (
	"fmt"

	"github.com/quell-stream/quell/model/safetensors"
)

func ExampleDecode() {
	file := &safetensors.File{
		Tensors: []safetensors.Tensor{{Name: "layers.0.weight", Shape: []int{1, 1, 2}, Data: []float32{.5, .5}}},
		Meta:    map[string]string{"made by": "hand"},
	}
	b, err := file.Encode()
	if err != nil {
		fmt.Println(err)
		return
	}
	got, err := safetensors.Decode(b)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range got.Tensors {
		fmt.Println(t.Name, t.DType, t.Shape, t.Data)
	}
	// Output: layers.0.weight F32 [1 1 2] [0.5 0.5]
}

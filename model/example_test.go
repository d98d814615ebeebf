package model_test

import (
	"fmt"

	"github.com/quell-stream/quell/model"
)

// A model answers look-ahead slots late; Finish gives the rest.
func Example() {
	m, err := model.Base(8)
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := m.NewStream(1)
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 10 {
		s.Push([]model.Column{{X: 0.5, Level: -1}})
	}
	in, out := s.Position()
	fmt.Println(in, out, len(s.Finish()))
	// Output: 10 2 8
}

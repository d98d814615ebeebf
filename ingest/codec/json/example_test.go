package json_test

import (
	"fmt"

	"github.com/quell-stream/quell/ingest/codec/json"
)

func ExampleFinder() {
	f := json.NewFinder("vib.rms", "unit", "speed")
	found, err := f.Find([]byte(`{"vib":{"rms":0.120},"unit":"mm/s"}`))
	if err != nil {
		panic(err)
	}
	for _, l := range found {
		fmt.Printf("%s: %s\n", l.Kind, l.Text)
	}
	// Output:
	// a number: 0.120
	// a string: mm/s
	// absent:
}

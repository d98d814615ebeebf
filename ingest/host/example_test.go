package host_test

import (
	"context"
	"fmt"

	"github.com/quell-stream/quell/ingest/host"
)

// What is printed depends on the machine.
func ExampleReader() {
	r := host.NewReader()
	for _, x := range r.Read(context.Background()) {
		fmt.Printf("%s %.1f %s\n", x.Name, x.Value, x.Unit)
	}
}

package spool_test

import (
	"fmt"
	"log"
	"os"

	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/sink/spool"
)

func Example() {
	dir, err := os.MkdirTemp("", "spool")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	q, err := spool.Open(dir, spool.Options{MaxBytes: 64 << 20})
	if err != nil {
		log.Fatal(err)
	}
	e := &sink.Event{ID: "1", Stream: "pumps", Kind: "sink.down", Severity: "warning"}
	if _, err := q.Push([]sink.Item{{Event: e, JSON: sink.AppendEvent(nil, e)}}); err != nil {
		log.Fatal(err)
	}
	items, err := q.Take()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(items[0].Event.Kind)
	if err := q.Done(); err != nil { // the sink has it
		log.Fatal(err)
	}
	fmt.Println(q.Empty())
	if err := q.Close(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// sink.down
	// true
}

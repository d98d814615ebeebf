package dlq_test

import (
	"fmt"
	"log"

	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/sink/dlq"
)

func ExampleParse() {
	l := dlq.Letter{ID: "s/raw/3/17", Stream: "s", Reason: "json", Topic: "raw", Partition: "raw/3", Offset: 17, Payload: []byte("{oops")}
	e := l.Event()
	back, err := dlq.Parse(sink.AppendEvent(nil, &e))
	if err != nil {
		log.Fatal(err)
	}
	n, _ := back.PartitionNumber()
	fmt.Printf("%s of partition %d: %s\n", back.Payload, n, back.Reason)
	// Output: {oops of partition 3: json
}

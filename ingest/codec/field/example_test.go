package field_test

import (
	"fmt"

	"github.com/quell-stream/quell/ingest/codec/field"
)

func ExampleStamp() {
	for _, s := range []string{"1700000000123", "2023-11-14T22:13:20.123Z", "yesterday"} {
		fmt.Println(field.Stamp([]byte(s), field.Auto, nil))
	}
	// Output:
	// 1700000000123000000 true
	// 1700000000123000000 true
	// 0 false
}

package kafka

import (
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/ingesttest"
)

func TestContract(t *testing.T) {
	ingesttest.Run(t, func(t *testing.T) ingesttest.Harness {
		c := cluster(t, kfake.SeedTopics(2, "in"))
		k := client(t, c)
		n := 0
		return ingesttest.Harness{
			New: func(t *testing.T) ingest.Source {
				s, err := New(config(c, "in"))
				if err != nil {
					t.Fatal(err)
				}
				return s
			},
			Publish: func(t *testing.T, count int) {
				for range count {
					publish(t, k, "in", int32(n%2), strconv.Itoa(n))
					n++
				}
			},
			Commits: true,
		}
	})
}

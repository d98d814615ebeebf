package csvtable

import (
	"bytes"
	"testing"

	"github.com/quell-stream/quell/internal/fuzztest"
)

// FuzzParse: columns are of equal length, and take no more memory than the text calls
// for.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"t,a\n1,2\n,NaN\n", "a,a\n1,2\n", "a\n\"1\n\"\n", "word,a\nx,1e999\n", "", ",\n,\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fuzztest.Bounded(t, len(b), 400, 1<<20, func() {
			table, err := parse(bytes.NewReader(b), []string{"word"})
			if err != nil {
				return
			}
			for i, c := range table.Cols {
				if len(c) != len(table.Cols[0]) {
					t.Errorf("column %s has %d rows, the first one %d", table.Names[i], len(c), len(table.Cols[0]))
				}
			}
		})
	})
}

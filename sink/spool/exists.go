package spool

import (
	"fmt"
	"os"

	"github.com/quell-stream/quell/internal/seglog"
)

// Exists says whether a folder holds a queue. It changes nothing, which Open does.
func Exists(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, fmt.Errorf("spool: %w", err)
	}
	for _, e := range entries {
		if e.Type().IsRegular() && seglog.IsSegment(e.Name()) {
			return true, nil
		}
	}
	return false, nil
}

//go:build !unix

package state

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/quell-stream/quell/internal/atomicfile"
)

// Lock creates the state directory. This platform has no advisory locks, so
// running one process per directory is up to the user.
func Lock(dir string) (release func() error, err error) {
	if err := atomicfile.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "LOCK"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	return f.Close, nil
}

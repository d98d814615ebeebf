//go:build unix

package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/quell-stream/quell/internal/atomicfile"
)

// Lock makes this process the only user of a state directory, which it creates
// (mode 0700). The lock ends with the process. Release gives it back earlier.
func Lock(dir string) (release func() error, err error) {
	if err := atomicfile.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "LOCK"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		err = fmt.Errorf("state: %s is in use by another process: stop it, or give this one its own state_dir", dir)
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}

package fsys

import (
	"errors"
	"os"
	"syscall"
)

// syncData spares the file system the times of a file: where neither size nor place of
// what it holds has changed, only what was written is waited for.
func syncData(f *os.File) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var serr error
	err = c.Control(func(fd uintptr) {
		for serr = syscall.EINTR; serr == syscall.EINTR; {
			serr = syscall.Fdatasync(int(fd))
		}
	})
	if serr != nil {
		serr = &os.PathError{Op: "sync", Path: f.Name(), Err: serr}
	}
	return errors.Join(err, serr)
}

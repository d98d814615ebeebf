package fsys

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// syncData makes the content and the size of a file durable, and spares the file system
// its times: where neither size nor place of what it holds has changed, only what was
// written is waited for.
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

// start is a hint: where it is refused the Sync that follows has more to do.
func start(f *os.File, off, n int64) {
	if c, err := f.SyscallConn(); err == nil {
		_ = c.Control(func(fd uintptr) { _ = unix.SyncFileRange(int(fd), off, n, unix.SYNC_FILE_RANGE_WRITE) })
	}
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// notRead refuses to write what flag names to a file that the same command reads: recordings,
// truth and models outlast what is made of them. Inputs may be empty or no file, such as base
// and -.
func notRead(flag, out string, inputs ...string) error {
	for _, in := range inputs {
		if sameFile(in, out) {
			return usageError("%s %s is the input: name another file; what a command reads is never overwritten", flag, out)
		}
	}
	return nil
}

// sameFile says whether two paths lead to one regular file.
func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y) && x.Mode().IsRegular()
}

// checkOut finds why a file could not be written, before the work that it is for: its folder
// is tried by a file that is removed again, as that takes the place of path in the end.
func checkOut(path string) error {
	if path == "" {
		return usageError("the name of the file to write is empty")
	}
	st, err := os.Stat(path)
	if err == nil && st.IsDir() {
		return fmt.Errorf("%s is a folder: name a file", path)
	}
	if err == nil && !st.Mode().IsRegular() {
		return nil // a pipe or a device is written to as it is, or refused by then
	}
	dir := filepath.Dir(path)
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return fmt.Errorf("there is no folder %s to write %s to", dir, filepath.Base(path))
	}
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".tmp-*")
	if err != nil {
		return nameFile(path, err)
	}
	if err := f.Close(); err != nil {
		return nameFile(path, err)
	}
	return os.Remove(f.Name())
}

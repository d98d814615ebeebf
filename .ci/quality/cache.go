package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// cache is a folder of files named by the hash of all that they follow from.
type cache struct {
	dir    string
	mu     sync.Mutex
	hashes map[string]string // of files, by path
}

// hashOf returns the hash of a file's content. No file is changed while the
// program runs.
func (c *cache) hashOf(path string) (string, error) {
	c.mu.Lock()
	h, ok := c.hashes[path]
	c.mu.Unlock()
	if ok {
		return h, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	h = hex.EncodeToString(sum.Sum(nil))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hashes == nil {
		c.hashes = map[string]string{}
	}
	c.hashes[path] = h
	return h, nil
}

// file returns the path of a file that write makes, unless it is there.
func (c *cache) file(folder, ext string, key []string, write func(path string) error) (string, error) {
	sum := sha256.Sum256([]byte(strings.Join(key, "\x00")))
	path := filepath.Join(c.dir, folder, hex.EncodeToString(sum[:12])+ext)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	// What is cut short must not be found the next time.
	tmp, err := os.MkdirTemp(c.dir, "making-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	half := filepath.Join(tmp, filepath.Base(path))
	if err := write(half); err != nil {
		return "", err
	}
	return path, os.Rename(half, path)
}

// remember returns what f returns, or returned when it had the same key.
func remember[T any](c *cache, key []string, f func() (T, error)) (T, error) {
	var v T
	path, err := c.file("scores", ".gob", key, func(path string) error {
		v, err := f()
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if err := gob.NewEncoder(&b).Encode(v); err != nil {
			return err
		}
		return os.WriteFile(path, b.Bytes(), 0o644)
	})
	if err != nil {
		return v, err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return v, err
	}
	if err := gob.NewDecoder(bytes.NewReader(b)).Decode(&v); err != nil {
		return v, fmt.Errorf("%s: %w: remove it", path, err)
	}
	return v, nil
}

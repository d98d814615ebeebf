package onnx_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/internal/fuzztest"
	"github.com/quell-stream/quell/model/onnx"
)

// Whatever the bytes are, Decode returns a network that can be built and written
// again, or says why not.
func FuzzDecode(f *testing.F) {
	paths, err := filepath.Glob(filepath.Join("testdata", "foreign", "*.onnx"))
	if err != nil || len(paths) == 0 {
		f.Fatal(len(paths), err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{})
	f.Add([]byte("not a model"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var n *onnx.Net
		var err error
		fuzztest.Bounded(t, len(b), 1000, 8<<20, func() { n, err = onnx.Decode(b) })
		if err != nil {
			var unsupported *onnx.UnsupportedError
			if !errors.Is(err, onnx.ErrCorrupt) && !errors.As(err, &unsupported) {
				t.Errorf("error %v is neither ErrCorrupt nor an UnsupportedError", err)
			}
			if len(err.Error()) > 1<<13 || bytes.ContainsRune([]byte(err.Error()), '\n') {
				t.Errorf("the error is no line to read: %q", err)
			}
			return
		}
		weights := 0
		for _, p := range n.Params {
			weights += len(p.Data)
		}
		if weights > 1<<16 || n.Spec.OutLen(1) > 1<<16 {
			return
		}
		if _, err := n.Build(); err != nil {
			t.Fatalf("what was read cannot be built: %v", err)
		}
		again, err := n.Encode()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		m, err := onnx.Decode(again)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		m.Producer = n.Producer
		if d := cmp.Diff(n.Spec, m.Spec); d != "" {
			t.Errorf("written and read again (-want +got):\n%s", d)
		}
		if d := cmp.Diff(n.Params, m.Params); d != "" {
			t.Errorf("written and read again (-want +got):\n%s", d)
		}
	})
}

// Files that lie about sizes are refused before anything is made of that size.
func TestHostile(t *testing.T) {
	whole, err := os.ReadFile(filepath.Join("testdata", "foreign", "autoencoder.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	// Every cut, and every byte set to some values.
	for i := range whole {
		if n, err := onnx.Decode(whole[:i]); err == nil {
			t.Errorf("cut to %d bytes it is read as %+v", i, n.Spec)
		}
		for _, v := range []byte{0, 1, 0x7f, 0x80, 0xff} {
			b := bytes.Clone(whole)
			b[i] = v
			if n, err := onnx.Decode(b); err == nil && n.Spec.Validate() != nil {
				t.Errorf("byte %d set to %#x: a spec that is not valid", i, v)
			}
		}
	}
}

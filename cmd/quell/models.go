package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/quell-stream/quell/model"
)

// anyLookahead is the look-ahead of loadModel that leaves the choice to the model.
const anyLookahead = -1

// loadModel loads a model as a command line names it: base (or nothing) for the
// one that comes with the binary, base@HASH for a certain one, else a .quell or
// .onnx file. lookahead is the number of
// samples that the model must look ahead, or anyLookahead: of the base models
// that is the one that looks furthest.
func loadModel(s string, lookahead int) (*model.Model, error) {
	if s == "" || s == "base" {
		return loadBase(lookahead)
	}
	if strings.HasPrefix(s, "base@") {
		for _, l := range model.BaseVariants() {
			if m, err := model.Base(l); err == nil && m.Called(s) {
				return m, nil
			}
		}
		return nil, usageError("there is no base model %s: quell version names those there are", s)
	}
	if strings.EqualFold(filepath.Ext(s), ".safetensors") {
		return nil, usageError("%s holds weights, not a model: quell model import makes one of it", s)
	}
	m, err := model.OpenAny(s)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no model %q: name a .quell or .onnx file, or base", s)
	case errors.Is(err, model.ErrCorrupt) && isText(s):
		return nil, fmt.Errorf("%w: it is text, such as a recording; name a .quell or .onnx file, or base", err)
	case err != nil:
		return nil, err
	case lookahead >= 0 && m.Lookahead() != lookahead:
		return nil, usageError("%s looks %d samples ahead, not %d: leave --lookahead out", m.Name(), m.Lookahead(), lookahead)
	}
	return m, nil
}

// isText says whether a file begins with text, as no model does.
func isText(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 64)
	n, _ := io.ReadFull(f, head) // a shorter file is one, too
	return n > 0 && !slices.ContainsFunc(head[:n], func(b byte) bool { return b < ' ' && b != '\n' && b != '\r' && b != '\t' || b >= 0x7f })
}

// loadStreaming loads a model that is to run sample by sample.
func loadStreaming(s string, lookahead int) (*model.Model, error) {
	m, err := loadModel(s, lookahead)
	if err != nil {
		return nil, err
	}
	if err := m.Header().Spec.Streamable(); err != nil {
		return nil, fmt.Errorf("%s cannot run on a stream: %w", m.Name(), err)
	}
	return m, nil
}

// outModel checks the name of a model to be written: it would not be read back
// as a .quell file under the ending of another format.
func outModel(path string) error {
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".onnx", ".safetensors":
		return usageError("-o %s: what is written is a .quell file; quell model export writes %s", path, ext)
	}
	return checkOut(path)
}

func loadBase(lookahead int) (*model.Model, error) {
	m, err := model.Base(lookahead)
	if err == nil && lookahead >= 0 && m.Lookahead() != lookahead || err != nil && len(model.BaseVariants()) > 0 {
		return nil, usageError("there is no base model that looks %d samples ahead: choose one of %s", lookahead, variants())
	}
	return m, err
}

// variants lists the look-aheads of the base models.
func variants() string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(model.BaseVariants()), " ", ", "), "[]")
}

// loadBases returns a function that chooses the base model for a grid of a
// rate: 8 samples of look-ahead where they last no longer than a second, else
// what fits. Where nothing does it takes the shortest and tells so, once.
func loadBases(tell func(string)) (func(rateHz float64) *model.Model, error) {
	bases, err := model.LoadBases()
	if err != nil {
		return nil, err
	}
	told := false
	return func(rateHz float64) *model.Model {
		m := bases.Within(0, rateHz)
		if delay := float64(m.Lookahead()) / rateHz; delay > 1.0001 && !told { // a learnt rate may be off by a rounding error
			told = true
			tell(fmt.Sprintf("at %.3g Hz no base model looks ahead for a second or less; this one looks %d samples ahead, %.3g s", rateHz, m.Lookahead(), delay))
		}
		return m
	}, nil
}

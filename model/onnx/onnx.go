// Package onnx reads the networks that Quell can run from ONNX files, and
// writes them as ONNX.
//
// A file holds a graph of operators; a network here is a chain of layers with
// residual blocks (nn.Spec). Decode turns the one into the other where that is
// exact: it tells apart what the axes of each tensor mean, so that the
// reshaping around 1-D convolutions disappears, folds constants, padding and
// batch normalisation into the layers beside them, and recognises skips. What
// it cannot express is refused, all of it in one error. docs/formats/onnx.md
// has the table of operators.
//
// The format is that of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto,
// read with the wire format of protocol buffers only.
package onnx

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/quell-stream/quell/model/nn"
)

// ErrCorrupt is wrapped by the errors of Decode for bytes that are no ONNX
// model: a broken message, a tensor that does not fit its shape.
var ErrCorrupt = errors.New("not an intact ONNX model")

// Net is a network as an ONNX file holds it. Data of parameters have the layout
// of nn.Param.
type Net struct {
	Spec   nn.Spec
	Params []nn.Param // in the order and with the shapes of nn.Net.Params

	Producer string            // the program that wrote the file, with its version
	Meta     map[string]string // metadata_props
}

// Open reads a network from a file; see Decode.
func Open(path string) (*Net, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("onnx: read %s: %w", filepath.Base(path), err)
	}
	n, err := Decode(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return n, nil
}

// Decode reads a network from the bytes of an ONNX model of operator set 9 to
// 22 with one input, [N,C,T], [N,C,1,T], [N,T,C] before a Transpose, or [N,T],
// and one output. It does not keep b.
//
// The error wraps ErrCorrupt if b is no intact model, and is an
// *UnsupportedError if the graph says what no network here can. It is safe for
// concurrent use.
func Decode(b []byte) (*Net, error) {
	n, err := decode(b)
	var unsupported *UnsupportedError
	switch {
	case errors.As(err, &unsupported):
		return nil, fmt.Errorf("onnx: %w", err)
	case err != nil:
		return nil, fmt.Errorf("onnx: %w: %w", ErrCorrupt, err)
	}
	return n, nil
}

func decode(b []byte) (*Net, error) {
	if len(b) > maxFile {
		return nil, &UnsupportedError{problems: []problem{{text: fmt.Sprintf("the file has more than %d bytes", maxFile)}}}
	}
	m, err := parseModel(b)
	if err != nil {
		return nil, err
	}
	n, err := importGraph(m)
	if err != nil {
		return nil, err
	}
	n.Producer, n.Meta = m.producer, m.meta
	if m.version != "" {
		n.Producer += " " + m.version
	}
	return n, nil
}

// Build makes the network with these parameters, which it copies. The error
// says what about the spec or the parameters does not fit.
func (n *Net) Build() (*nn.Net, error) {
	net, err := nn.New(n.Spec, 0)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	if err := fits(n.Params, net.Params()); err != nil {
		return nil, err
	}
	for i, p := range net.Params() {
		copy(p.Data, n.Params[i].Data)
	}
	net.Pack()
	return net, nil
}

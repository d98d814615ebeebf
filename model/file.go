package model

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/quell-stream/quell/internal/atomicfile"
	"github.com/quell-stream/quell/model/nn"
)

// ErrCorrupt is wrapped by the errors of Decode, Load and Open for bytes that
// are not an intact model.
var ErrCorrupt = errors.New("not an intact model file")

// The container is that of safetensors, see docs/formats/model.md: the length of
// the JSON header as 8 bytes little-endian, the header, and the tensors, raw and
// little-endian without gaps, in the order of Model.tensors. "__metadata__"
// holds our header as a JSON string under "quell", and under "sha256" the digest
// of the whole file, computed with 64 zeros in its own place.
const (
	maxHeader = 8 << 20
	maxFile   = 1 << 30

	sumKey   = `"sha256":"`
	sumAt    = 8 + len(`{"__metadata__":{`) + len(sumKey) // place of the digest in the file
	sumZeros = "0000000000000000000000000000000000000000000000000000000000000000"
)

type tensorEntry struct {
	DType   string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

type metadata struct {
	Sum    string `json:"sha256"` // first, so that it is found at a fixed place
	Format string `json:"format"`
	Quell  string `json:"quell"`
}

// Encode returns the model in the file format. The same model gives the same
// bytes.
func (m *Model) Encode() ([]byte, error) {
	fail := func(err error) ([]byte, error) { return nil, fmt.Errorf("model: encode %q: %w", m.header.Name, err) }
	own, err := json.Marshal(m.header)
	if err != nil {
		return fail(err)
	}
	meta, err := json.Marshal(metadata{Sum: sumZeros, Format: "quell", Quell: string(own)})
	if err != nil {
		return fail(err)
	}
	head := slices.Concat([]byte(`{"__metadata__":`), meta)
	offset := int64(0)
	for _, t := range m.tensors() {
		end := offset + t.bytes()
		entry, err := json.Marshal(tensorEntry{t.dtype(), t.shape, [2]int64{offset, end}})
		if err != nil {
			return fail(err)
		}
		head = fmt.Appendf(head, ",%q:%s", t.name, entry)
		offset = end
	}
	head = append(head, '}')
	for len(head)%8 != 0 {
		head = append(head, ' ')
	}
	if len(head) > maxHeader {
		return fail(fmt.Errorf("the header has %d bytes; at most %d", len(head), maxHeader))
	}
	b := make([]byte, 8, 8+len(head)+int(offset))
	binary.LittleEndian.PutUint64(b, uint64(len(head)))
	b = append(b, head...)
	for _, t := range m.tensors() {
		for _, v := range t.f {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		for _, v := range t.i {
			b = append(b, uint8(v))
		}
	}
	at := sumAt
	sum := sha256.Sum256(b)
	hex.Encode(b[at:], sum[:])
	return b, nil
}

// seal names the model after its bytes, and notes what is asked often.
func (m *Model) seal(b []byte) {
	m.sum = sha256.Sum256(b)
	m.name = m.header.Name + "@" + hex.EncodeToString(m.sum[:])[:nameDigits]
	m.bytes = len(b)
	m.certain = max(0, m.header.Lookahead-(m.header.Spec.Stride()-1))
}

// WriteTo writes the model in the file format.
func (m *Model) WriteTo(w io.Writer) (int64, error) {
	b, err := m.Encode()
	if err != nil {
		return 0, err
	}
	n, err := w.Write(b)
	if err != nil {
		return int64(n), fmt.Errorf("model: write %s: %w", m.name, err)
	}
	return int64(n), nil
}

// Save writes the model to a file, which afterwards holds either what it held
// before or all of the model.
func (m *Model) Save(path string) error {
	b, err := m.Encode()
	if err != nil {
		return err
	}
	if err := atomicfile.WriteFile(path, b, 0o644); err != nil {
		return fmt.Errorf("model: save %s: %w", m.name, err)
	}
	return nil
}

// Open reads a model from a file.
func Open(path string) (*Model, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	m, err := Load(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return m, nil
}

// Load reads a model up to the end of r.
func Load(r io.Reader) (*Model, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("model: read: %w", err)
	}
	return Decode(b)
}

// Decode reads a model from the bytes of a file, which it copies. Whatever is
// wrong with them, the error wraps ErrCorrupt and names the fault. A single
// changed bit anywhere is noticed.
func Decode(b []byte) (*Model, error) {
	m, err := decode(b)
	if err != nil {
		return nil, fmt.Errorf("model: %w: %w", ErrCorrupt, err)
	}
	return m, nil
}

func decode(b []byte) (*Model, error) {
	if len(b) < 8 || len(b) > maxFile {
		return nil, fmt.Errorf("%d bytes", len(b))
	}
	n := binary.LittleEndian.Uint64(b)
	if n > maxHeader || n > uint64(len(b)-8) {
		return nil, fmt.Errorf("a header of %d bytes in a file of %d", n, len(b))
	}
	head, data := b[8:8+n], b[8+n:]
	if err := checkSum(b); err != nil {
		return nil, err
	}
	entries := make(map[string]json.RawMessage)
	if err := strict(head, &entries); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	var meta metadata
	if err := strict(entries["__metadata__"], &meta); err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	delete(entries, "__metadata__")
	var m Model
	if err := strict([]byte(meta.Quell), &m.header); err != nil {
		return nil, fmt.Errorf("metadata: quell: %w", err)
	}
	if err := m.header.Validate(); err != nil {
		return nil, err
	}
	if want := m.header.Spec.Lookahead(); m.header.Lookahead != want {
		return nil, fmt.Errorf("a look-ahead of %d; the network has %d", m.header.Lookahead, want)
	}
	// A spec can ask for far more memory than the file has bytes.
	room := int64(len(data))
	if m.header.Int8 == nil {
		room /= 4
	}
	if n := m.header.Spec.LeastWeights(); n > room {
		return nil, fmt.Errorf("%d bytes of tensors; the network has %d weights or more", len(data), n)
	}
	net, err := nn.New(m.header.Spec, 0)
	if err != nil {
		return nil, err
	}
	m.net = net
	if err := m.readNet(entries, data); err != nil {
		return nil, err
	}
	m.seal(b)
	return &m, nil
}

func checkSum(b []byte) error {
	at := sumAt
	if len(b) < at+len(sumZeros) || string(b[at-len(sumKey):at]) != sumKey {
		return errors.New("no checksum at its place")
	}
	h := sha256.New()
	h.Write(b[:at])
	io.WriteString(h, sumZeros) //nolint:errcheck // a hash never fails
	h.Write(b[at+len(sumZeros):])
	if hex.EncodeToString(h.Sum(nil)) != string(b[at:at+len(sumZeros)]) {
		return errors.New("the checksum does not match")
	}
	return nil
}

// strict decodes one JSON value without unknown fields and nothing after it.
func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows its end")
	}
	return nil
}

// readNet fills in the network.
func (m *Model) readNet(entries map[string]json.RawMessage, data []byte) error {
	if m.header.Int8 == nil {
		if err := readTensors(m.tensors(), entries, data); err != nil {
			return err
		}
		m.net.Pack()
		return nil
	}
	layers, err := emptyLayers(m.net, m.header.Int8)
	if err != nil {
		return err
	}
	if err := readTensors(int8Tensors(layers), entries, data); err != nil {
		return err
	}
	m.quantized, err = nn.NewQuantized(m.header.Spec, layers)
	if err != nil {
		return err
	}
	m.net = m.quantized.Net()
	return nil
}

// readTensors fills in tensors; those of the file must be the same, neither more
// nor fewer, and fill the data without gaps.
func readTensors(want []tensor, entries map[string]json.RawMessage, data []byte) error {
	if len(entries) != len(want) {
		return fmt.Errorf("%d tensors; the network has %d", len(entries), len(want))
	}
	offset := int64(0)
	for _, t := range want {
		raw, ok := entries[t.name]
		if !ok {
			return fmt.Errorf("tensor %s is missing", t.name)
		}
		var e tensorEntry
		if err := strict(raw, &e); err != nil {
			return fmt.Errorf("tensor %s: %w", t.name, err)
		}
		end := offset + t.bytes()
		switch {
		case e.DType != t.dtype():
			return fmt.Errorf("tensor %s: type %q; want %s", t.name, e.DType, t.dtype())
		case !slices.Equal(e.Shape, t.shape):
			return fmt.Errorf("tensor %s: shape %v; want %v", t.name, e.Shape, t.shape)
		case e.Offsets != [2]int64{offset, end} || end > int64(len(data)):
			return fmt.Errorf("tensor %s: bytes %v of %d", t.name, e.Offsets, len(data))
		}
		for i := range t.f {
			t.f[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[int(offset)+4*i:]))
		}
		for i := range t.i {
			t.i[i] = int8(data[int(offset)+i])
		}
		if !finite(t.f) {
			return fmt.Errorf("tensor %s: a weight is not finite", t.name)
		}
		offset = end
	}
	if offset != int64(len(data)) {
		return fmt.Errorf("%d bytes of tensors; want %d", len(data), offset)
	}
	return nil
}

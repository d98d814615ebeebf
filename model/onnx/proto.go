package onnx

import (
	"errors"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// What follows is the part of onnx.proto3 that a network needs, read by hand:
// field numbers are those of onnx/onnx.proto3 of ONNX 1.17. Fields that are not
// named here are skipped.

// Limits on what a file may hold, so that a small one cannot ask for much: each
// empty node, name or tensor costs two bytes in a file and some hundred in
// memory.
const (
	maxFile       = 1 << 28
	maxNodes      = 1 << 13
	maxTensors    = 1 << 14
	maxOperands   = 1 << 10 // inputs or outputs of a node or the graph
	maxAttributes = 1 << 6
	maxInts       = 1 << 12 // numbers of an attribute
	maxShape      = 1 << 8  // integers of a tensor: what shapes and pads need
	maxMeta       = 1 << 8
	maxRank       = 8
)

type modelProto struct {
	producer, version string
	opsets            []opset
	graph             *graphProto
	meta              map[string]string
}

type opset struct {
	domain  string
	version int64
}

type graphProto struct {
	nodes           []*node
	tensors         []*tensorProto // initializers
	sparse          int
	inputs, outputs []valueInfo
}

type node struct {
	op, name, domain string
	in, out          []string
	attrs            []attribute
}

type attribute struct {
	name   string
	kind   int64
	f      float32
	i      int64
	s      []byte
	t      *tensorProto
	floats []float32
	ints   []int64
}

// The kinds of attributes and the types of tensors that are used here.
const (
	kindFloat, kindInt, kindString, kindTensor, kindFloats, kindInts = 1, 2, 3, 4, 6, 7

	typeFloat, typeInt32, typeInt64, typeFloat16, typeDouble, typeBFloat16 = 1, 6, 7, 10, 11, 16
)

type tensorProto struct {
	name     string
	dims     []int64
	typ      int64
	raw      []byte
	hasRaw   bool
	external bool

	// Packed payloads as they stand in the file, decoded when they are needed.
	floats, doubles []byte
	int32s, int64s  []byte
}

// valueInfo is an input or output of a graph. A dimension is -1 where it is
// not fixed.
type valueInfo struct {
	name string
	dims []int64
	rank bool // false: the file does not say what shape it has
}

var errWire = errors.New("not a protobuf message")

// scanner goes through the fields of one message. An error ends the scan and
// stays in err.
type scanner struct {
	b   []byte
	err error

	num  protowire.Number
	typ  protowire.Type
	n    uint64 // of a varint or fixed field
	data []byte // of a length-delimited field
}

func (s *scanner) next() bool {
	if s.err != nil || len(s.b) == 0 {
		return false
	}
	num, typ, k := protowire.ConsumeTag(s.b)
	if k < 0 {
		s.err = errWire
		return false
	}
	s.num, s.typ, s.b = num, typ, s.b[k:]
	switch typ {
	case protowire.VarintType:
		s.n, k = protowire.ConsumeVarint(s.b)
	case protowire.Fixed32Type:
		var v uint32
		v, k = protowire.ConsumeFixed32(s.b)
		s.n = uint64(v)
	case protowire.Fixed64Type:
		s.n, k = protowire.ConsumeFixed64(s.b)
	case protowire.BytesType:
		s.data, k = protowire.ConsumeBytes(s.b)
	default:
		k = protowire.ConsumeFieldValue(num, typ, s.b)
	}
	if k < 0 {
		s.err = errWire
		return false
	}
	s.b = s.b[k:]
	return true
}

func (s *scanner) fail(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format, args...)
	}
}

// want says whether the field has a wire type, and fails if it does not.
func (s *scanner) want(typ protowire.Type) bool {
	if s.typ != typ {
		s.fail("%w: field %d has wire type %d", errWire, s.num, s.typ)
		return false
	}
	return true
}

func (s *scanner) bytes() []byte {
	if !s.want(protowire.BytesType) {
		return nil
	}
	return s.data
}

func (s *scanner) str() string { return string(s.bytes()) }

func (s *scanner) int() int64 {
	if !s.want(protowire.VarintType) {
		return 0
	}
	return int64(s.n)
}

// ints appends the values of a repeated integer field, packed or not.
func (s *scanner) ints(dst []int64, limit int) []int64 {
	if s.typ == protowire.VarintType {
		dst = append(dst, int64(s.n))
	} else {
		for b := s.bytes(); len(b) > 0 && len(dst) <= limit; {
			v, k := protowire.ConsumeVarint(b)
			if k < 0 {
				s.err = errWire
				return dst
			}
			dst, b = append(dst, int64(v)), b[k:]
		}
	}
	if len(dst) > limit {
		s.fail("field %d has more than %d values", s.num, limit)
	}
	return dst
}

// room fails if a list is full.
func (s *scanner) room(n, limit int, what string) bool {
	if n >= limit {
		s.fail("more than %d %s", limit, what)
		return false
	}
	return true
}

func parseModel(b []byte) (*modelProto, error) {
	m := &modelProto{meta: map[string]string{}}
	s := scanner{b: b}
	for s.next() {
		switch s.num {
		case 2:
			m.producer = s.str()
		case 3:
			m.version = s.str()
		case 7:
			if m.graph != nil {
				s.fail("two graphs")
			} else if b := s.bytes(); s.err == nil {
				m.graph, s.err = parseGraph(b)
			}
		case 8:
			if s.room(len(m.opsets), maxMeta, "operator sets") {
				var o opset
				o, s.err = parseOpset(s.bytes(), s.err)
				m.opsets = append(m.opsets, o)
			}
		case 14:
			if s.room(len(m.meta), maxMeta, "metadata properties") {
				k, v, err := parseProperty(s.bytes())
				if _, twice := m.meta[k]; twice {
					s.fail("the metadata property %s is given twice", quote(k))
				} else if err != nil {
					s.err = err
				}
				m.meta[k] = v
			}
		}
	}
	if s.err == nil && m.graph == nil {
		s.err = errors.New("there is no graph in it")
	}
	return m, s.err
}

func parseOpset(b []byte, err error) (opset, error) {
	o := opset{}
	s := scanner{b: b, err: err}
	for s.next() {
		switch s.num {
		case 1:
			o.domain = s.str()
		case 2:
			o.version = s.int()
		}
	}
	return o, s.err
}

func parseProperty(b []byte) (key, value string, err error) {
	s := scanner{b: b}
	for s.next() {
		switch s.num {
		case 1:
			key = s.str()
		case 2:
			value = s.str()
		}
	}
	return key, value, s.err
}

func parseGraph(b []byte) (*graphProto, error) {
	g := &graphProto{}
	s := scanner{b: b}
	for s.next() {
		switch s.num {
		case 1:
			if s.room(len(g.nodes), maxNodes, "nodes") {
				var n *node
				n, s.err = parseNode(s.bytes(), s.err)
				g.nodes = append(g.nodes, n)
			}
		case 5:
			if s.room(len(g.tensors), maxTensors, "initializers") {
				var t *tensorProto
				t, s.err = parseTensor(s.bytes(), s.err)
				g.tensors = append(g.tensors, t)
			}
		case 11, 12:
			list := &g.inputs
			if s.num == 12 {
				list = &g.outputs
			}
			if s.room(len(*list), maxTensors, "inputs or outputs") {
				var v valueInfo
				v, s.err = parseValueInfo(s.bytes(), s.err)
				*list = append(*list, v)
			}
		case 15:
			g.sparse++
		}
	}
	return g, s.err
}

func parseNode(b []byte, err error) (*node, error) {
	n := &node{}
	s := scanner{b: b, err: err}
	for s.next() {
		switch s.num {
		case 1, 2:
			list := &n.in
			if s.num == 2 {
				list = &n.out
			}
			if s.room(len(*list), maxOperands, "inputs or outputs of a node") {
				*list = append(*list, s.str())
			}
		case 3:
			n.name = s.str()
		case 4:
			n.op = s.str()
		case 5:
			if s.room(len(n.attrs), maxAttributes, "attributes of a node") {
				var a attribute
				a, s.err = parseAttribute(s.bytes(), s.err)
				n.attrs = append(n.attrs, a)
			}
		case 7:
			n.domain = s.str()
		}
	}
	return n, s.err
}

func parseAttribute(b []byte, err error) (attribute, error) {
	var a attribute
	s := scanner{b: b, err: err}
	for s.next() {
		switch s.num {
		case 1:
			a.name = s.str()
		case 2:
			if s.want(protowire.Fixed32Type) {
				a.f = float32frombits(uint32(s.n))
			}
		case 3:
			a.i = s.int()
		case 4:
			a.s = s.bytes()
		case 5:
			a.t, s.err = parseTensor(s.bytes(), s.err)
		case 7:
			a.floats = s.float32s(a.floats)
		case 8:
			a.ints = s.ints(a.ints, maxInts)
		case 20:
			a.kind = s.int()
		}
	}
	return a, s.err
}

// float32s appends the values of a repeated float field, packed or not.
func (s *scanner) float32s(dst []float32) []float32 {
	if s.typ == protowire.Fixed32Type {
		dst = append(dst, float32frombits(uint32(s.n)))
	}
	var b []byte
	if s.typ != protowire.Fixed32Type {
		b = s.bytes()
	}
	for len(b) > 0 && len(dst) <= maxInts {
		v, k := protowire.ConsumeFixed32(b)
		if k < 0 {
			s.err = errWire
			return dst
		}
		dst, b = append(dst, float32frombits(v)), b[k:]
	}
	if len(dst) > maxInts {
		s.fail("field %d has more than %d values", s.num, maxInts)
	}
	return dst
}

func parseTensor(b []byte, err error) (*tensorProto, error) {
	t := &tensorProto{}
	s := scanner{b: b, err: err}
	// payload takes a packed list in place, or collects values that stand one by
	// one. A list in several pieces is legal too, but nobody writes it.
	var packed, loose bool
	payload := func(dst *[]byte) {
		if packed || loose && s.typ == protowire.BytesType {
			s.fail("its values come in several pieces")
			return
		}
		packed, loose = s.typ == protowire.BytesType, s.typ != protowire.BytesType
		switch s.typ {
		case protowire.BytesType:
			*dst = s.data
		case protowire.VarintType:
			*dst = protowire.AppendVarint(*dst, s.n)
		case protowire.Fixed32Type:
			*dst = protowire.AppendFixed32(*dst, uint32(s.n))
		case protowire.Fixed64Type:
			*dst = protowire.AppendFixed64(*dst, s.n)
		default:
			s.err = errWire
		}
	}
	for s.next() {
		switch s.num {
		case 1:
			t.dims = s.ints(t.dims, maxRank)
		case 2:
			t.typ = s.int()
		case 3:
			s.fail("it is cut into segments")
		case 4:
			payload(&t.floats)
		case 5:
			payload(&t.int32s)
		case 7:
			payload(&t.int64s)
		case 8:
			t.name = s.str()
		case 9:
			t.raw, t.hasRaw = s.bytes(), true
		case 10:
			payload(&t.doubles)
		case 13:
			t.external = true
		case 14:
			t.external = t.external || s.int() == 1
		}
	}
	if s.err != nil && s.err != errWire {
		s.err = fmt.Errorf("tensor %s: %w", quote(t.name), s.err)
	}
	return t, s.err
}

func parseValueInfo(b []byte, err error) (valueInfo, error) {
	var v valueInfo
	s := scanner{b: b, err: err}
	for s.next() {
		switch s.num {
		case 1:
			v.name = s.str()
		case 2:
			v.dims, v.rank, s.err = parseType(s.bytes(), s.err)
		}
	}
	return v, s.err
}

// parseType returns the dimensions of a tensor type, and whether it has any to
// tell.
func parseType(b []byte, err error) (dims []int64, rank bool, _ error) {
	t := scanner{b: b, err: err}
	for t.next() {
		if t.num != 1 {
			continue
		}
		s := scanner{b: t.bytes(), err: t.err}
		for s.next() {
			if s.num != 2 {
				continue
			}
			rank = true
			d := scanner{b: s.bytes(), err: s.err}
			for d.next() {
				if d.num == 1 && d.room(len(dims), maxRank, "dimensions") {
					var n int64
					n, d.err = parseDim(d.bytes(), d.err)
					dims = append(dims, n)
				}
			}
			s.err = d.err
		}
		t.err = s.err
	}
	return dims, rank, t.err
}

func parseDim(b []byte, err error) (int64, error) {
	n := int64(-1)
	s := scanner{b: b, err: err}
	for s.next() {
		if s.num == 1 {
			if n = s.int(); n <= 0 {
				n = -1
			}
		}
	}
	return n, s.err
}

// quote prints a name out of a file: visibly, and not at any length.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strconv.Quote(s)
}

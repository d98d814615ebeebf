package onnx

import "math"

// Exporters write GELU, x·Φ(x) with Φ(x) = (1+erf(x/√2))/2, as
//
//	Div(x, √2) or Mul(x, 1/√2), Erf, Add 1, Mul by x, Mul by ½
//
// with the two products in either order, the ½ in any place, also on x or
// before the sum (½·erf + ½).
//
// findGELU finds these patterns, each by its Erf node.
func (im *importer) findGELU() {
	im.gelu = map[int]string{}
	for _, n := range im.g.nodes {
		if n.op != "Erf" || !standard(n.domain) || len(n.in) != 1 || len(n.out) != 1 {
			continue
		}
		if last, x, ok := im.matchGELU(n); ok {
			im.gelu[last] = x
		}
	}
}

// tolerance of the constants of a pattern: half precision rounds them.
const geluTolerance = 1e-3

func near(a, b float64) bool { return math.Abs(a-b) <= geluTolerance*math.Abs(b) }

func (im *importer) matchGELU(erf *node) (last int, x string, ok bool) {
	x, scale, ok := im.scaled(erf.in[0])
	if !ok || !near(scale, math.Sqrt2/2) {
		return 0, "", false
	}
	// What has been made so far is p + q·erf, times x once it was multiplied.
	p, q, times := 0., 1., false
	for cur := erf.out[0]; ; {
		readers := im.readers[cur]
		if len(readers) != 1 {
			return 0, "", false
		}
		n := im.g.nodes[readers[0]]
		if !standard(n.domain) || len(n.in) != 2 || len(n.out) != 1 {
			return 0, "", false
		}
		other := n.in[0]
		if other == cur {
			other = n.in[1]
		}
		c, constant := im.scalar(other)
		switch {
		case n.op == "Add" && constant && !times:
			p += c
		case n.op == "Mul" && constant:
			p, q = p*c, q*c
		case n.op == "Div" && constant && c != 0 && n.in[0] == cur:
			p, q = p/c, q/c
		case n.op == "Mul" && !times:
			y, k := other, 1.
			if y != x {
				if y, k, ok = im.scaled(other); !ok || y != x {
					return 0, "", false
				}
			}
			p, q, times = p*k, q*k, true
		default:
			return 0, "", false
		}
		if times && near(p, .5) && near(q, .5) {
			return readers[0], x, true
		}
		cur = n.out[0]
	}
}

// scaled reads a name as a constant times another name.
func (im *importer) scaled(name string) (x string, k float64, ok bool) {
	at, ok := im.maker[name]
	if !ok {
		return "", 0, false
	}
	n := im.g.nodes[at]
	if !standard(n.domain) || len(n.in) != 2 {
		return "", 0, false
	}
	if c, ok := im.scalar(n.in[1]); ok {
		switch {
		case n.op == "Mul":
			return n.in[0], c, true
		case n.op == "Div" && c != 0:
			return n.in[0], 1 / c, true
		}
	}
	if c, ok := im.scalar(n.in[0]); ok && n.op == "Mul" {
		return n.in[1], c, true
	}
	return "", 0, false
}

// scalar returns the value of a name that is a constant of one element.
func (im *importer) scalar(name string) (float64, bool) {
	p := im.tensors[name]
	for range 4 { // a constant behind a Cast or Identity
		at, ok := im.maker[name]
		if p != nil || !ok {
			break
		}
		switch n := im.g.nodes[at]; n.op {
		case "Constant":
			if a := n.attr("value"); a != nil {
				p = a.t
			} else if a := n.attr("value_float"); a != nil {
				return float64(a.f), true
			}
		case "Cast", "Identity":
			if len(n.in) != 1 {
				return 0, false
			}
			name = n.in[0]
			p = im.tensors[name]
		default:
			return 0, false
		}
	}
	if p == nil || len(p.dims) > maxRank {
		return 0, false
	}
	for _, d := range p.dims {
		if d != 1 {
			return 0, false
		}
	}
	t, err := decodeTensor(p)
	if err != nil {
		return 0, false
	}
	return t.scalar()
}

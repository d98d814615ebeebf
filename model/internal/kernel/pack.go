package kernel

// Weights are laid out in panels of panelWide outputs, each panel [k][16] with
// the values of one k side by side. The last panel is half as wide if no more
// than panelNarrow outputs are left for it. Lanes without an output are zero.
const (
	panelWide   = 16
	panelNarrow = 8
)

// Padded returns out rounded up to whole panels: the length that a bias must
// have.
func Padded(out int) int {
	full := out / panelWide * panelWide
	switch left := out - full; {
	case left == 0:
		return full
	case left <= panelNarrow:
		return full + panelNarrow
	}
	return full + panelWide
}

// PackedLen returns the length of packed weights of k values per output.
func PackedLen(k, out int) int { return k * Padded(out) }

// panelAt returns the width of the panel that begins at output c.
func panelAt(c, out int) int {
	if out-c <= panelNarrow {
		return panelNarrow
	}
	return panelWide
}

// Pack lays weights w, [k][out], out as Conv reads them. dst has
// PackedLen(k, out) values.
func Pack(dst, w []float32, k, out int) {
	for c := 0; c < out; c += panelWide {
		width := panelAt(c, out)
		n := min(width, out-c)
		for i := range k {
			row := dst[:width]
			dst = dst[width:]
			clear(row[copy(row, w[i*out+c:][:n]):])
		}
	}
}

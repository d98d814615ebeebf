// Command picture draws docs/picture/ecg.svg: four seconds of a simulated heart
// beat as the sensor measured it, as Quell's base model denoises it with a
// look-ahead of 8 samples, and as it really was. Run it from the repository's
// root: go run ./docs/picture > docs/picture/ecg.svg
package main

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/quell-stream/quell/ingest/sim"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/train"
)

const (
	rate      = 100
	settle    = 6000 // samples before the picture
	shown     = 4 * rate
	lookahead = 8
	width     = 920
	height    = 300
	margin    = 16
)

func main() {
	if err := draw(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func draw(w io.Writer) error {
	sensor, err := sim.New(sim.Spec{Name: "ecg", Family: sim.ECG, RateHz: rate, Seed: 4, Noise: sim.Noise{SNRdB: 8}})
	if err != nil {
		return err
	}
	m, err := model.Base(lookahead)
	if err != nil {
		return err
	}
	n := settle + shown + lookahead
	raw, truth := make([]float64, n), make([]float64, n)
	for i := range raw {
		r := sensor.At(int64(i))
		raw[i], truth[i] = r.Measured, r.Truth
	}
	clean, err := train.Denoise(m, raw, nil)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="Four seconds of a noisy heart beat, the same denoised, and the truth">`+"\n", width, height)
	fmt.Fprintf(b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	part := func(x []float64) []float64 { return x[settle : settle+shown] }
	lo, hi := extent(part(raw))
	line(b, part(raw), lo, hi, "#b8bcc4", 1, "")
	line(b, part(truth), lo, hi, "#20242c", 1, "3 3")
	line(b, part(clean), lo, hi, "#0b62d6", 2, "")
	for i, label := range []struct{ text, colour string }{{"measured", "#7a808a"}, {"clean", "#0b62d6"}, {"truth (dashed)", "#20242c"}} {
		fmt.Fprintf(b, `<text x="%d" y="%d" font-family="sans-serif" font-size="13" fill="%s">%s</text>`+"\n", margin+100*i, margin+2, label.colour, label.text)
	}
	fmt.Fprintln(b, "</svg>")
	return b.Flush()
}

func extent(x []float64) (lo, hi float64) {
	lo, hi = x[0], x[0]
	for _, v := range x {
		lo, hi = min(lo, v), max(hi, v)
	}
	return lo, hi
}

func line(w io.Writer, x []float64, lo, hi float64, colour string, thick int, dash string) {
	fmt.Fprintf(w, `<polyline fill="none" stroke="%s" stroke-width="%d" stroke-dasharray="%s" points="`, colour, thick, dash)
	for i, v := range x {
		fmt.Fprintf(w, "%.1f,%.1f ", margin+float64(i)*(width-2*margin)/float64(len(x)-1), height-margin-(v-lo)/(hi-lo)*(height-3*margin))
	}
	fmt.Fprintln(w, `"/>`)
}

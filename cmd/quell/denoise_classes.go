package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/quell-stream/quell/ingest/file"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/train"
)

// checkClasses finds what is wrong with --classes.
func (o *denoiseOptions) checkClasses(in string) error {
	switch {
	case o.classes == "":
		return nil
	case o.filter != "":
		return usageError("--classes and --filter exclude each other: only a model tells classes")
	case o.series != "":
		return usageError("--classes and --series exclude each other: this version tells the classes of one series")
	case in == file.Stdin:
		return usageError("--classes reads IN twice, which standard input can't be")
	case o.classes == "-" || o.classes == o.out:
		return usageError("--classes %s: name a file of its own", o.classes)
	}
	return notRead("--classes", o.classes, in, o.noise, o.model)
}

// writeClasses writes what a model tells of each row: a column X_CLASS per channel,
// or set of channels, and class. Each row counts as a slot.
func (o *denoiseOptions) writeClasses(s streams, in string, m *model.Model) error {
	if m == nil || len(m.Header().Classes) == 0 {
		return usageError("--classes: the model tells no classes: train one with quell train --labels")
	}
	t, err := readTable(s, in, o.time, o.channels)
	if err != nil {
		return err
	}
	x, lost := make([][]float64, len(t.cols)), make([][]bool, len(t.cols))
	for i, c := range t.cols {
		var ok bool
		if x[i], ok = filled(c); !ok {
			return fmt.Errorf("%s: column %s has no value", in, t.names[i])
		}
		lost[i] = lostOf(c)
	}
	odds, err := train.Classify(m, x, lost)
	if err != nil {
		return err
	}
	return writeTo(s, o.classes, func(w io.Writer) error { return classTable(w, t.names, m.Header().Classes, odds) })
}

// classTable writes a header and one line per row. A class that is not known is
// empty.
func classTable(w io.Writer, channels, classes []string, odds [][]float32) error {
	c := csv.NewWriter(w)
	per := len(channels) / len(odds)
	var row []string
	for i := range odds {
		for _, class := range classes {
			row = append(row, strings.Join(channels[i*per:(i+1)*per], "+")+"_"+class)
		}
	}
	err := c.Write(row)
	k := len(classes)
	for t := 0; t < len(odds[0]) && err == nil; t += k {
		row = row[:0]
		for _, p := range odds {
			sum := float32(0)
			for _, v := range p[t : t+k] {
				sum += v
			}
			for _, v := range p[t : t+k] {
				if sum == 0 {
					row = append(row, "")
					continue
				}
				row = append(row, strconv.FormatFloat(float64(v), 'g', 6, 32))
			}
		}
		err = c.Write(row)
	}
	c.Flush()
	return errors.Join(err, c.Error())
}

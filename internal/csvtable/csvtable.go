// Package csvtable reads and writes recordings as tables of numbers: CSV with a
// header, plain or gzip. It is for whoever measures; what users hand in goes
// through ingest/file, which tells more of what is wrong.
package csvtable

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
)

// Table is a recording in memory, by column; NaN where a value is missing.
type Table struct {
	Names []string
	Cols  [][]float64
	Text  [][]string // of the columns that were asked for as text
}

// Read reads a CSV file, plain or gzip. Columns that do not hold numbers
// are left out; those of words are kept as text beside them.
func Read(path string, words ...string) (t *Table, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	in := bufio.NewReader(f)
	if magic, err := in.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		in = bufio.NewReader(z)
	}
	t, err = parse(in, words)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

func parse(in io.Reader, words []string) (*Table, error) {
	r := csv.NewReader(in)
	r.ReuseRecord = true
	head, err := r.Read()
	if err != nil {
		return nil, err
	}
	names := slices.Clone(head)
	cols, numeric := make([][]float64, len(names)), make([]bool, len(names))
	text := make([][]string, len(words))
	place := make([]int, len(names))
	for i, n := range names {
		place[i] = slices.Index(words, n)
		numeric[i] = place[i] < 0
	}
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		for i, s := range fields {
			switch {
			case place[i] >= 0:
				text[place[i]] = append(text[place[i]], s)
			case numeric[i]:
				v := math.NaN()
				if s != "" {
					v, err = strconv.ParseFloat(s, 64)
					numeric[i] = err == nil
				}
				cols[i] = append(cols[i], v)
			}
		}
	}
	t := &Table{Text: text}
	for i, n := range names {
		if numeric[i] {
			t.Names, t.Cols = append(t.Names, n), append(t.Cols, cols[i])
		}
	}
	return t, nil
}

// Column returns a column of numbers by name.
func (t *Table) Column(name string) ([]float64, error) {
	if i := slices.Index(t.Names, name); i >= 0 {
		return t.Cols[i], nil
	}
	return nil, fmt.Errorf("there is no column %s of numbers", name)
}

// Write writes columns of equal length; NaN becomes an empty field.
func Write(path string, names []string, cols ...[]float64) error {
	var b bytes.Buffer
	for i, n := range names {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(n)
	}
	b.WriteByte('\n')
	for t := range cols[0] {
		for i, c := range cols {
			if i > 0 {
				b.WriteByte(',')
			}
			if v := c[t]; !math.IsNaN(v) {
				b.Write(strconv.AppendFloat(b.AvailableBuffer(), v, 'g', -1, 64))
			} else if len(cols) == 1 {
				b.WriteString(`""`) // an empty line would be no row
			}
		}
		b.WriteByte('\n')
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}

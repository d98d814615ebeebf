package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

func baseRows() []row {
	return []row{
		{"base/weights", "weights of a base model, most of all variants", "weights", atMost(70e3), none, true, overBases(func(b baseModel) float64 { return float64(b.Weights) })},
		{"base/bytes", "bytes of a base model, most of all variants", "bytes", none, none, true, overBases(func(b baseModel) float64 { return float64(b.Bytes) })},
		{"base/int8/bytes", "bytes of a base model as int8, most of all variants", "bytes", none, atMost(40e3), true, overInt8(func(q int8Model) float64 { return float64(q.Bytes) })},
		{"base/int8/lost", "lost by int8 on ECG 100, most of all variants", "dB", atMost(.1), atMost(.1), true, overInt8(func(q int8Model) float64 { return q.Lost })},
	}
}

// baseModel is what quell model inspect says of a base model.
type baseModel struct {
	Weights int
	Bytes   int
}

// int8Model is what quell model quantize says.
type int8Model struct {
	Bytes int
	Lost  float64
}

// overBases is the largest figure of all base models.
func overBases(of func(baseModel) float64) func(*lab) (figure, error) {
	return func(l *lab) (figure, error) {
		return l.variants(func(_ int, name string) (float64, error) {
			var b baseModel
			err := l.json(&b, "model", "inspect", name, "--json")
			return of(b), err
		})
	}
}

// overInt8 is the largest figure of all base models as int8.
func overInt8(of func(int8Model) float64) func(*lab) (figure, error) {
	return func(l *lab) (figure, error) {
		path, err := l.recording(ecg100.file)
		if err != nil {
			return figure{}, err
		}
		return l.variants(func(_ int, name string) (float64, error) {
			q, err := l.quantize(name, path)
			return of(q), err
		})
	}
}

func (l *lab) quantize(name, data string) (int8Model, error) {
	hash, err := l.hashOf(data)
	if err != nil {
		return int8Model{}, err
	}
	return remember(&l.cache, []string{l.binary, "int8", name, hash}, func() (q int8Model, err error) {
		var r struct {
			Bytes    int
			Channels []struct {
				Lost float64 `json:"lost_db"`
			}
		}
		_, err = l.file("models", ".quell", []string{l.binary, "int8", name, hash}, func(file string) error {
			return l.json(&r, "model", "quantize", name, "--data", data, "--channels", ecg100.column, "--json", "-o", file)
		})
		if err != nil {
			return q, err
		}
		if len(r.Channels) != 1 {
			return q, errors.New("quell model quantize told nothing of the channel")
		}
		return int8Model{r.Bytes, r.Channels[0].Lost}, nil
	})
}

// variants is the largest figure of all variants, and those of each.
func (l *lab) variants(of func(ahead int, name string) (float64, error)) (figure, error) {
	var values []float64
	var text []string
	for _, ahead := range slices.Sorted(maps.Keys(l.bases)) {
		v, err := of(ahead, l.bases[ahead])
		if err != nil {
			return figure{}, err
		}
		values = append(values, v)
		text = append(text, fmt.Sprintf("look-ahead %d: %.6g", ahead, v))
	}
	return figure{slices.Max(values), strings.Join(text, ", "), nil}, nil
}

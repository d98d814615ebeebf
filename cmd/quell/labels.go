package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/quell-stream/quell/model/train"
)

// labelTexts reads a column of labels: a text by row, "" where there is none.
// Numbers are written the shortest way.
func labelTexts(s streams, path, timeColumn, column string) ([]string, error) {
	t, err := readTable(s, path, timeColumn, []string{column})
	if err != nil {
		texts, other := textColumn(path, column)
		if other != nil {
			return nil, err // the column, or the file, is no better as texts
		}
		return texts, nil
	}
	out := make([]string, len(t.cols[0]))
	for i, v := range t.cols[0] {
		if !math.IsNaN(v) {
			out[i] = strconv.FormatFloat(v, 'g', -1, 64)
		}
	}
	return out, nil
}

// mostClasses is how many classes a column of labels may hold; more are a
// measurement.
const mostClasses = 16

// normalNames are what labels of normal operation are called, in lower case.
var normalNames = []string{"0", "normal", "ok", "none", "false"}

// classesOf returns the classes that labels name, the normal one first: the one that
// is called so, else the one that most rows have; the others by name.
func classesOf(labels []string, column string) ([]string, error) {
	count := map[string]int{}
	for _, l := range labels {
		if l == "" {
			continue
		}
		if count[l]++; len(count) > mostClasses {
			return nil, fmt.Errorf("column %s holds more than %d different labels: it is no column of classes", column, mostClasses)
		}
	}
	if len(count) < 2 {
		return nil, fmt.Errorf("column %s names %d classes: at least two are needed to tell apart", column, len(count))
	}
	var out []string
	for c := range count {
		out = append(out, c)
	}
	rank := func(c string) int { // the lower the more normal
		if i := slices.Index(normalNames, strings.ToLower(c)); i >= 0 {
			return i - len(normalNames)
		}
		return 0
	}
	slices.Sort(out)
	first := slices.MinFunc(out, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(count[b], count[a]))
	})
	i := slices.Index(out, first)
	return slices.Insert(slices.Delete(out, i, i+1), 0, first), nil
}

// addLabels reads the column of labels into a config.
func (o *trainOptions) addLabels(s streams, path string, cfg *train.SupervisedConfig) error {
	if o.labels == "" {
		for _, f := range []given{{"--labels-weight", o.labelsWeight != 0}, {"--labels-smooth", o.labelsSmooth != 0}, {"--labels-bootstrap", o.labelsBootstrap != 0}} {
			if f.is {
				return usageError("%s is for --labels COL", f.flag)
			}
		}
		return nil
	}
	texts, err := labelTexts(s, path, o.time, o.labels)
	if err != nil {
		return err
	}
	if n := len(cfg.Clean[0]); len(texts) != n {
		return fmt.Errorf("%s: column %s has %d rows, the recording %d", path, o.labels, len(texts), n)
	}
	if cfg.Classes, err = classesOf(texts, o.labels); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if cfg.From != nil && cfg.From.Header().Classes != nil {
		cfg.Classes = cfg.From.Header().Classes
	}
	cfg.Labels = make([]int, len(texts))
	for i, l := range texts {
		cfg.Labels[i] = slices.Index(cfg.Classes, l)
		if l != "" && cfg.Labels[i] < 0 {
			return fmt.Errorf("%s: column %s holds %s; %s tells %s", path, o.labels, l, cfg.From.Name(), strings.Join(cfg.Classes, ", "))
		}
	}
	return nil
}

package config

import (
	"strings"
	"unicode/utf8"
)

// suggest returns `, did you mean "x"?` for the candidate nearest to got, else
// (where list is set) the candidates there are, else "".
func suggest(got string, candidates []string, list bool) string {
	if near := nearest(got, candidates); near != "" {
		return `, did you mean "` + near + `"?`
	}
	if list && len(candidates) > 0 {
		return ": it must be " + oneOf(candidates)
	}
	return ""
}

// oneOf returns "a, b or c".
func oneOf(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// nearest returns the candidate with the least edit distance to got, "" if none
// is near: a third of its letters may differ, and at least one.
func nearest(got string, candidates []string) string {
	best, bestDist := "", -1
	for _, c := range candidates {
		limit := max(1, (utf8.RuneCountInString(c)+1)/3)
		d := distance(plainForm(got), plainForm(c))
		// The beginning of a word is near it too, if nothing is nearer: interval
		// for interval_ms.
		if d > limit && len(got) >= 3 && (strings.HasPrefix(c, got) || strings.HasPrefix(got, c) && len(c) >= 3) {
			d, limit = 100, 100
		}
		if d <= limit && (bestDist < 0 || d < bestDist) {
			best, bestDist = c, d
		}
	}
	return best
}

// plainForm removes what people vary without noticing.
func plainForm(s string) string {
	return strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(s))
}

// distance is the optimal string alignment distance: insertions, deletions,
// replacements and swaps of neighbours count one each.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 64 || len(y) > 64 {
		return len(x) + len(y) // nobody mistypes a key into this
	}
	prev2, prev, cur := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(x); i++ {
		cur[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(y)]
}

package view

import (
	"cmp"
	"slices"
	"strings"
)

// Query chooses series. The zero value takes none, since Limit is 0.
type Query struct {
	Stream string   // "": all
	Text   string   // part of the name, whatever its case
	States []string // of the monitor, or Stale; none: all
	Sort   string   // ByProblem, ByName or ByAge
	Offset int
	Limit  int
}

// The orders of a Query.
const (
	ByProblem = "problem" // what needs somebody comes first
	ByName    = "name"
	ByAge     = "stale" // what was not heard of for longest comes first
)

// Stale is the state of a series of which nothing has come for a while.
const Stale = "stale"

// Rank is the order of states in ByProblem.
var Rank = []string{"fault", "regime", "noise", "unknown", "warning", Stale, "learning", "normal"}

// Row is what a Query goes by.
type Row struct {
	Stream, Series string
	State          string
	Stale          bool
	Age            int64 // ns since it was heard of
}

// rank returns the place of a row among the problems.
func (r *Row) rank() int {
	at := slices.Index(Rank, r.State)
	if r.Stale {
		at = min(at, slices.Index(Rank, Stale))
	}
	return at
}

// Choose returns how many rows the query takes, and those of its page in order. It
// changes the order of rows.
func (q *Query) Choose(rows []Row) (total int, page []Row) {
	text := strings.ToLower(q.Text)
	rows = slices.DeleteFunc(rows, func(r Row) bool {
		is := slices.Contains(q.States, r.State) || r.Stale && slices.Contains(q.States, Stale)
		return len(q.States) > 0 && !is || text != "" && !strings.Contains(strings.ToLower(r.Series), text)
	})
	slices.SortFunc(rows, func(a, b Row) int {
		by := 0
		switch q.Sort {
		case ByAge:
			by = cmp.Compare(b.Age, a.Age)
		case ByName:
		default:
			by = cmp.Compare(a.rank(), b.rank())
		}
		return cmp.Or(by, cmp.Compare(a.Series, b.Series), cmp.Compare(a.Stream, b.Stream))
	})
	from := min(max(q.Offset, 0), len(rows))
	return len(rows), rows[from:min(len(rows), from+max(q.Limit, 0))]
}

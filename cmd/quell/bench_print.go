package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/quell-stream/quell/bench"
)

// known returns v, or nil where it stands for "not measured".
func known(v float64) any {
	if v == 0 || math.IsNaN(v) {
		return nil
	}
	return v
}

// writeBench prints the figures as a table.
func writeBench(out io.Writer, head map[string]any, results []map[string]any, measured []bench.Result) error {
	peak := "FMA peak n/a"
	if head["peak_gflops"] != nil {
		peak = fmt.Sprintf("FMA peak %.1f GFLOP/s a core (med %.1f)", head["peak_gflops"], head["peak_gflops_median"])
	}
	fmt.Fprintf(out, "kernel %s, %s, threads %d, rounds %d, %s %s", head["tier"], peak, head["threads"], head["rounds"], head["go"], head["platform"])
	if bytes, ok := head["resident_bytes"].(int); ok {
		fmt.Fprintf(out, ", %.1f MiB resident", float64(bytes)/(1<<20))
	}
	fmt.Fprint(out, "\n\n")
	const fourDigits = "%.4g"
	type column struct {
		name string
		cell func(i int) string
	}
	figure := func(key, format string, f float64) func(int) string {
		return func(i int) string {
			switch v := results[i][key].(type) {
			case nil:
				return ""
			case float64:
				if v *= f; format == fourDigits && v >= 1e4 {
					return fmt.Sprintf("%.0f", v) // no exponents in a table
				}
				return fmt.Sprintf(format, v)
			case int:
				return strconv.Itoa(v)
			case bool:
				return map[bool]string{true: "yes", false: "NO"}[v]
			default:
				return fmt.Sprint(v)
			}
		}
	}
	columns := []column{{"", figure("name", "", 1)}, {"batch", figure("batch", "", 1)}, {"hop", figure("hop", "", 1)}, {"series", figure("series", "", 1)}}
	for _, u := range measured[0].Case.Units {
		columns = append(columns, column{u.Name + "/s", figure(u.Name+"_per_second", "%.0f", 1)}, column{"med", figure(u.Name+"_per_second_median", "%.0f", 1)})
	}
	columns = append(columns, column{"µs/op", figure("ns_per_op", fourDigits, 1e-3)}, column{"bytes", figure("bytes", "", 1)}, column{"GFLOP/s", figure("gflops", "%.2f", 1)},
		column{"% peak", func(i int) string {
			if _, counted := results[i]["gflops"]; counted && results[i]["peak_share"] == nil {
				return "n/a"
			}
			return figure("peak_share", "%.1f", 100)(i)
		}},
		column{"allocs", figure("allocs_per_op", "", 1)}, column{"error", figure("max_error_share", "%.1e", 1)},
		column{"streamed=whole", figure("streamed_equals_whole", "", 1)}, column{"state KiB", func(i int) string {
			if b, ok := results[i]["state_bytes"].(int); ok {
				return fmt.Sprintf("%.1f", float64(b)/1024)
			}
			return ""
		}})
	tw := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	lines := make([]string, len(results)+1)
	for _, c := range columns {
		cells, shown := make([]string, len(results)), false
		for i := range cells {
			cells[i] = c.cell(i)
			shown = shown || cells[i] != ""
		}
		if !shown {
			continue
		}
		lines[0] += c.name + "\t"
		for i, v := range cells {
			lines[i+1] += v + "\t"
		}
	}
	for _, l := range lines {
		fmt.Fprintln(tw, l)
	}
	return tw.Flush()
}

// resident returns the resident memory of this process, where the system tells.
func resident() (bytes int, ok bool) {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.Atoi(fields[1])
	return pages * os.Getpagesize(), err == nil
}

// rounds tells on a terminal how far a measurement is.
type rounds struct{ *progress }

func newRounds(w io.Writer) rounds { return rounds{newProgress(w, "bench")} }

func (r rounds) tell(round, of int) {
	if r.live {
		fmt.Fprintf(r.w, "\r\x1b[Kround %d of %d", round, of)
	}
}

package offline

import (
	"time"

	"github.com/quell-stream/quell/window"
)

// Report says what became of the input.
type Report struct {
	Rows  int64
	Fates window.Fates // of samples: rows × channels
	// Steps are those forward in time from a row of a series to its next, and Skips
	// those of them that leave at least one slot of a grid of a given rate empty.
	Steps, Skips int64
	// Back is the steps back in time from a row of a series to its next, BackBy the
	// longest of them, and BackLine the line that it leads to.
	Back     int64
	BackBy   time.Duration
	BackLine int
	// Records is the number of records of a net, and Raw by channel that of those which give
	// a reading out as it came, or nothing; nil where a filter was asked for. Present is the
	// number of readings by channel that are not missing.
	Records      int64
	Raw, Present []int64
	// Summary is nil unless Config.Explain asked for it.
	Summary *Summary
}

package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/quell-stream/quell/pipeline/offline"
	"github.com/quell-stream/quell/window"
)

// A step back in time looks like the end of summer time where it is an hour less the usual
// step from a row to the next, of up to summerTime.
const summerTime = 5 * time.Minute

// late returns how many readings came after later ones, too far to be used.
func late(rep *offline.Report) int64 {
	return rep.Fates[window.Late] + rep.Fates[window.Quarantined]
}

// checkOrder refuses a recording most of which is not used since it is not in order of time.
func (o *denoiseOptions) checkOrder(in, column string, rep *offline.Report) error {
	n := late(rep)
	if rep.Back == 0 || 2*n <= rep.Fates.In() {
		return nil
	}
	text := fmt.Sprintf("%s: the rows are not in order of time, so that %d of %d readings would not be used: sort them by column %s", in, n, rep.Fates.In(), column)
	if o.series == "" {
		text += ", or name the column of the series with --series if they are of several"
	}
	return errors.New(text)
}

// tellOrder says where the times go back by more than the grid waits for.
func tellOrder(note func(string), rep *offline.Report) {
	summer := rep.BackBy <= time.Hour && rep.BackBy > time.Hour-summerTime
	if rep.Back == 0 || late(rep) == 0 && !(summer && rep.Fates[window.Conflicting] > 0) {
		return
	}
	text := fmt.Sprintf("the times go back by %v at line %d", rep.BackBy, rep.BackLine)
	if rep.Back > 1 {
		text = fmt.Sprintf("the times go back %d times, by up to %v at line %d", rep.Back, rep.BackBy, rep.BackLine)
	}
	if summer {
		note(text + " (the end of summer time?): the hour that comes twice is not used, or begins anew; times in UTC, or with their offset, do not go back")
		return
	}
	note(text + ": rows that come after later ones are not used: sort the file by time")
}

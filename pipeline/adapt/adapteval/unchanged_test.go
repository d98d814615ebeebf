package adapteval

import (
	"math"
	"testing"

	"github.com/quell-stream/quell/internal/scoreboard"
)

func TestUnchangedRows(t *testing.T) {
	rows := unchangedRows([]challenge{{-.4, false}, {-.02, true}, {.3, true}, {-.2, true}}, "")
	near(t, "worse", rows[0].Got, 50)
	near(t, "let through", rows[1].Got, 75)
	near(t, "let through and worse", rows[2].Got, 25)
	near(t, "worst", rows[3].Got, -.2)
	if scoreboard.MissedOf(rows) != 1 {
		t.Error("one let through for the worse is no miss")
	}
	for _, r := range unchangedRows(nil, "none") {
		if !math.IsNaN(r.Got) {
			t.Errorf("%s: %g of nothing", r.Name, r.Got)
		}
	}
}

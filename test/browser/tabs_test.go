package browser

import (
	"fmt"
	"testing"
	"time"

	"github.com/quell-stream/quell/test/browser/mock"
)

// watched waits until so many live streams are open.
func watched(t *testing.T, m *mock.Server, want int) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); m.Watching() != want; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d live streams are open, want %d", m.Watching(), want)
		}
	}
}

// moves fails the test where the first chart of a page stands still.
func (p *tab) moves(what string) {
	p.t.Helper()
	before := eval[string](p, picture)
	p.wait(what, fmt.Sprintf("%s !== %q", picture, before), 10*time.Second)
}

// Pages of one browser are one to the server: what each shows comes with one stream, and
// goes on as others come and go.
func TestPagesShareAStream(t *testing.T) {
	p := open(t, 1280, 900)
	m, address := play(t, mock.Config{Series: 30})
	p.visit(address)
	p.wait("live", status+` === "live" && document.querySelector(".hero canvas")`, 20*time.Second)
	watched(t, m, 1)
	q := p.another(1280, 900)
	q.visit(address + "#/series/plant/unit-21")
	q.wait("live", status+` === "live" && document.querySelectorAll(".charts canvas").length >= 3`, 20*time.Second)
	r := p.another(1280, 900)
	r.visit(address + "#/pipeline?tap=plant/source")
	r.wait("what passes", `document.querySelector(".tap pre")`, 20*time.Second)
	watched(t, m, 1)
	p.moves("the first page moves")
	q.moves("the second page moves")
	if got := eval[string](p, status); got != "live" {
		t.Errorf("the first page is %s", got)
	}
	q.close()
	r.close()
	p.moves("the first page moves alone")
	p.visit("about:blank")
	watched(t, m, 0)
	p.clean(address)
}

// A page of another token, or none, is told nothing of what others see.
func TestPagesOfTwoTokens(t *testing.T) {
	p := open(t, 1000, 700)
	m, address := play(t, mock.Config{Series: 3, Token: "open sesame"})
	p.visit(address + "#token=open%20sesame")
	p.wait("cards", cards+" === 3", 20*time.Second)
	q := p.another(1000, 700)
	q.visit(address)
	q.wait("the question", `document.querySelector("dialog[open] input")`, 20*time.Second)
	if n := eval[int](q, cards); n != 0 {
		t.Errorf("%d cards are shown without a token", n)
	}
	watched(t, m, 1)
}

package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/quell-stream/quell/test/browser/mock"
)

// play serves a mock below a path, as a proxy would.
func play(t *testing.T, c mock.Config) (*mock.Server, string) {
	t.Helper()
	c.Assets, c.Policy = os.DirFS("../../web/app/dist"), policy(t)
	m := mock.New(c)
	server := httptest.NewServer(http.StripPrefix("/plant/quell", m.Handler()))
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections) // first: a live stream does not end by itself
	return m, server.URL + "/plant/quell/"
}

// policy returns the Content-Security-Policy that Quell serves the page with.
func policy(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../web/assets.go")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^const pagePolicy = "([^"]+)"$`).FindSubmatch(b)
	if m == nil {
		t.Fatal("web/assets.go has no line with pagePolicy")
	}
	return string(m[1])
}

const (
	cards  = `document.querySelectorAll(".card").length`
	status = `document.querySelector(".live").textContent`
)

// A thousand series stay usable: few of them are in the page at a time, all can be
// reached, found, filtered and sorted.
func TestThousandSeries(t *testing.T) {
	p := open(t, 1280, 900)
	_, address := play(t, mock.Config{Series: 1000})
	p.visit(address)
	p.wait("cards", cards+" > 8", 20*time.Second)
	if n := eval[int](p, cards); n > 80 {
		t.Errorf("%d cards are in the page", n)
	}
	first := `document.querySelector(".card").getAttribute("class")`
	if got := eval[string](p, first); !strings.Contains(got, "fault") {
		t.Errorf("the first card is %q, not one with a fault", got)
	}
	eval[string](p, `(scrollTo(0, document.body.scrollHeight), "")`)
	p.wait("the last card", `[...document.querySelectorAll(".card")].some(c => c.getAttribute("aria-posinset") === "1000")`, 10*time.Second)
	if n := eval[int](p, cards); n > 80 {
		t.Errorf("%d cards are in the page at its end", n)
	}
	p.press("/")
	p.wait("the search has the focus", `document.activeElement.id === "find"`, 3*time.Second)
	eval[string](p, `(document.activeElement.select(), "")`)
	p.press("unit-777")
	p.wait("one card", cards+` === 1 && document.querySelector(".card strong").textContent === "unit-777"`, 10*time.Second)
	p.wait("the search in the address", `location.hash.includes("q=unit-777")`, 5*time.Second)
	eval[string](p, `(document.getElementById("find").select(), "")`)
	p.press(kb.Backspace)
	eval[string](p, `([...document.querySelectorAll(".chip")].find(c => c.textContent.startsWith("noise")).click(), "")`)
	p.wait("twenty with noise", `document.querySelector("[role=search] [role=status]").textContent.startsWith("20 series")`, 10*time.Second)
	p.clean(address)
}

// Who has no token is asked for it, and told when it is wrong.
func TestToken(t *testing.T) {
	p := open(t, 1000, 700)
	_, address := play(t, mock.Config{Series: 3, Token: "open sesame"})
	p.visit(address)
	p.wait("the question", `document.querySelector("dialog[open] input")`, 10*time.Second)
	p.press("wrong" + kb.Enter)
	p.wait("the refusal", `document.querySelector("dialog[open]")?.innerText.includes("not taken")`, 10*time.Second)
	p.press("open sesame" + kb.Enter)
	p.wait("cards", cards+" === 3", 10*time.Second)
	p.visit("about:blank")
	p.visit(address + "#token=open%20sesame")
	p.wait("cards", cards+" === 3", 10*time.Second)
	if got := eval[string](p, `location.href`); strings.Contains(got, "sesame") {
		t.Errorf("the address is %s", got)
	}
}

// A stream that breaks is opened again, and until then the page says that it is stale.
func TestReconnect(t *testing.T) {
	p := open(t, 1000, 700)
	m := mock.New(mock.Config{Series: 3, Assets: os.DirFS("../../web/app/dist"), Policy: policy(t)})
	var down atomic.Bool
	gate := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			http.Error(w, "gone", http.StatusBadGateway)
			return
		}
		m.Handler().ServeHTTP(w, r)
	})
	server := httptest.NewServer(gate)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	p.visit(server.URL)
	p.wait("live", status+` === "live"`, 15*time.Second)
	down.Store(true)
	server.CloseClientConnections()
	p.wait("stale", status+`.startsWith("stale")`, 10*time.Second)
	before := m.Opened()
	down.Store(false)
	p.wait("live again", status+` === "live"`, 30*time.Second)
	if m.Opened() <= before {
		t.Errorf("%d streams were opened, %d before", m.Opened(), before)
	}
}

// What is changed is asked of the server, and nothing else is.
func TestWrites(t *testing.T) {
	p := open(t, 1280, 1400)
	m, address := play(t, mock.Config{Series: 20})
	press := func(word string) {
		t.Helper()
		p.wait("the button "+word, fmt.Sprintf(`[...document.querySelectorAll("button:not(:disabled)")].some(b => b.textContent === %q)`, word), 20*time.Second)
		eval[string](p, fmt.Sprintf(`([...document.querySelectorAll("button:not(:disabled)")].find(b => b.textContent === %q).click(), "")`, word))
	}
	var want []string
	posted := func(path string) {
		t.Helper()
		want = append(want, path)
		deadline := time.Now().Add(10 * time.Second)
		for len(m.Posts()) < len(want) && time.Now().Before(deadline) {
			time.Sleep(50 * time.Millisecond)
		}
		if got := m.Posts(); !slices.Equal(got, want) {
			t.Errorf("posted to %v, want %v", got, want)
		}
	}
	p.visit(address + "#/series/plant/unit-8")
	p.wait("the drift's reason", `document.body.innerText.includes("noise level")`, 20*time.Second)
	press("Acknowledge")
	posted("series/plant/unit-8/acknowledge")
	p.wait("it is acknowledged", `document.querySelector(".events").innerText.includes("acknowledged")`, 10*time.Second)
	p.wait("windows", `document.querySelectorAll(".window").length === 24`, 10*time.Second)
	eval[string](p, `(document.querySelectorAll(".window")[3].click(), "")`)
	press("Exclude from learning")
	posted("replay/plant/unit-8/w3/exclude")
	p.wait("it is excluded", `document.querySelectorAll(".window")[3].classList.contains("excluded")`, 10*time.Second)
	press("Include again")
	posted("replay/plant/unit-8/w3/include")
	p.wait("it is included", `!document.querySelectorAll(".window")[3].classList.contains("excluded")`, 10*time.Second)
	press("Promote here") // for this series alone
	posted("models/tune@77ab0193ce5f2d60/promote?stream=plant&series=unit-8")
	eval[string](p, `(location.hash = "#/models", "")`)
	press("Promote")
	posted("models/tune@77ab0193ce5f2d60/promote?stream=plant")
	press("Roll back")
	posted("models/tune@77ab0193ce5f2d60/rollback?stream=plant")
	p.clean(address)
	posts := m.Posts()
	if !slices.Equal(posts, want) {
		t.Errorf("posted to %v in the end, want %v", posts, want)
	}
}

// views are what there is to see, each with what must be there before it is looked at.
var views = []struct{ name, hash, ready string }{
	{"home", "#/", cards + " > 3"},
	{"series", "#/series/plant/unit-8", `document.querySelectorAll(".charts canvas").length >= 3 && document.querySelectorAll(".window").length > 3`},
	{"tables", "#/series/plant/unit-8?table=1", `document.querySelectorAll(".charts table").length === 3`},
	{"events", "#/events", `document.querySelectorAll(".event").length >= 3`},
	{"models", "#/models", `document.querySelectorAll("tbody tr").length === 2 && document.querySelector(".evidence")`},
	{"pipeline", "#/pipeline?tap=plant/source", `document.querySelector(".tap pre")`},
	{"letters", "#/dlq", `document.querySelectorAll(".letter").length === 2`},
}

// Every view in light, dark and forced colours, for axe-core and for the eye.
func TestViews(t *testing.T) {
	script := axe(t)
	p := open(t, 1440, 1000)
	_, address := play(t, mock.Config{Series: 60})
	p.media("prefers-reduced-motion", "reduce")
	p.visit(address)
	for _, look := range []struct{ name, media, value string }{{"light", "prefers-color-scheme", "light"}, {"dark", "prefers-color-scheme", "dark"}, {"forced", "forced-colors", "active"}} {
		p.media(look.media, look.value)
		for _, v := range views {
			eval[string](p, fmt.Sprintf(`(location.hash = %q, "")`, v.hash))
			p.wait(v.name, v.ready, 20*time.Second)
			time.Sleep(700 * time.Millisecond)
			if look.name != "forced" { // there the colours are the user's own
				p.accessible(script, look.name+" "+v.name)
			}
			p.shot("mock-"+look.name+"-"+v.name, 0)
		}
		p.press("?")
		p.wait("help", `document.querySelector("dialog[open]")`, 5*time.Second)
		p.accessible(script, look.name+" help")
		p.press(kb.Escape)
	}
	p.clean(address)
}

// Forced colours have no pale ones: the interval is seen all the same, as lines.
func TestForcedInterval(t *testing.T) {
	p := open(t, 1280, 900)
	_, address := play(t, mock.Config{Series: 3})
	p.visit(address + "#/series/plant/unit-1")
	p.wait("a chart", `document.querySelector(".hero canvas")`, 20*time.Second)
	p.wait("the clean line", cleanPixels+" > 200", 20*time.Second)
	// Of a calm series nothing within the chart but these lines is as dark as its words.
	const dark = `(() => {
		const cv = document.querySelector(".hero canvas"), copy = new OffscreenCanvas(cv.width, cv.height).getContext("2d", {willReadFrequently: true});
		copy.drawImage(cv, 0, 0);
		const w = cv.width - 200, h = Math.floor(cv.height * 0.75), d = copy.getImageData(120, 20, w, h - 20).data;
		let n = 0;
		for (let i = 0; i < d.length; i += 4) if (d[i+3] > 200 && d[i] + d[i+1] + d[i+2] < 60) n++;
		return n;
	})()`
	p.dark(false)
	if n := eval[int](p, dark); n > 50 {
		t.Fatalf("%d dark points before: the test looks at the wrong place", n)
	}
	p.media("forced-colors", "active")
	p.wait("the edges of the interval", dark+" > 300", 10*time.Second)
	p.shot("forced-interval", 0)
	p.clean(address)
}

// On a phone nothing is wider than the screen.
func TestPhone(t *testing.T) {
	script := axe(t)
	p := open(t, 390, 844)
	_, address := play(t, mock.Config{Series: 20})
	p.visit(address)
	for _, v := range views {
		eval[string](p, fmt.Sprintf(`(location.hash = %q, "")`, v.hash))
		p.wait(v.name, v.ready, 20*time.Second)
		time.Sleep(500 * time.Millisecond)
		if wide := eval[int](p, `document.documentElement.scrollWidth`); wide > 390 {
			t.Errorf("%s is %d pixels wide: %s", v.name, wide, eval[string](p, `[...document.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > 391).slice(0, 5).map(e => e.tagName + "." + e.className).join(" ")`))
		}
		p.accessible(script, "phone "+v.name)
		p.shot("phone-"+v.name, 0)
	}
	p.clean(address)
}

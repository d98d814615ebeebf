package browser

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// startDemo builds the program, starts its demo and returns the address it prints.
func startDemo(t *testing.T) string {
	t.Helper()
	quell := filepath.Join(t.TempDir(), "quell")
	build := exec.Command("go", "build", "-o", quell, "./cmd/quell")
	build.Dir = "../.."
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, quell, "demo", "--seed", "1", "--listen", "127.0.0.1:0")
	cmd.Dir = t.TempDir()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 20 * time.Second
	out, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = cmd.Wait(); _ = w.Close() })
	found := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if m := regexp.MustCompile(`http://\S+#token=\S+`).FindString(lines.Text()); m != "" {
				found <- m
			}
		}
	}()
	select {
	case address := <-found:
		return address
	case <-time.After(time.Minute):
		t.Fatal("the demo printed no address within a minute")
		return ""
	}
}

// hold presses a key and does not let go of it until the function it returns is called.
func (p *tab) hold(key, code string) (release func()) {
	p.t.Helper()
	send := func(kind input.DispatchKeyEventType, text string) {
		_, err := chromedp.Call(p.ctx, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: kind, Key: key, Code: code, Text: text})
		if err != nil {
			p.t.Fatal(err)
		}
	}
	send(input.DispatchKeyEventTypeKeyDown, key)
	return func() { send(input.DispatchKeyEventTypeKeyUp, "") }
}

// cleanPixels counts the points of the first chart that have the colour of the clean line.
const cleanPixels = `(() => {
	const want = getComputedStyle(document.documentElement).getPropertyValue("--clean").trim().match(/\w\w/g).map(x => parseInt(x, 16));
	const cv = document.querySelector(".hero canvas"), copy = new OffscreenCanvas(cv.width, cv.height).getContext("2d", {willReadFrequently: true});
	copy.drawImage(cv, 0, 0);
	const d = copy.getImageData(0, 0, cv.width, cv.height).data;
	let n = 0;
	for (let i = 0; i < d.length; i += 4) if (d[i+3] > 200 && Math.abs(d[i]-want[0]) + Math.abs(d[i+1]-want[1]) + Math.abs(d[i+2]-want[2]) < 30) n++;
	return n;
})()`

// picture is the first chart as text.
const picture = `document.querySelector(".hero canvas").toDataURL()`

// The demo as its user sees it, by the keyboard alone: what came in and what was made
// of it move, a drift comes with its reason, bypass takes Quell away.
func TestDemo(t *testing.T) {
	p := open(t, 1440, 900)
	address := startDemo(t)
	p.dark(false)
	p.visit(address)
	p.wait("the first chart", `document.querySelector(".hero canvas")`, 15*time.Second)
	if got := eval[string](p, "location.href"); strings.Contains(got, "token") {
		t.Errorf("the token stays in the address: %s", got)
	}
	p.wait("the clean line", cleanPixels+" > 200", 20*time.Second)
	before, when := eval[string](p, picture), eval[string](p, `document.querySelector(".when").innerText`)
	p.wait("charts move", fmt.Sprintf(`%s.length > 0 && document.querySelector(".when").innerText > %q`, picture, when), 5*time.Second)
	if eval[string](p, picture) == before {
		t.Error("two seconds later the picture is the same")
	}
	t.Run("bypass", func(t *testing.T) {
		release := p.hold("b", "KeyB")
		p.wait("only raw", cleanPixels+` === 0 && document.querySelector(".bypass").innerText.includes("raw only")`, 3*time.Second)
		p.shot("demo-bypass", 0)
		release()
		p.wait("clean again", cleanPixels+" > 200", 3*time.Second)
	})
	p.shot("demo-home", 3*time.Second)
	t.Run("pause", func(t *testing.T) {
		p.press(" ")
		p.wait("paused", `document.querySelector(".live").innerText === "paused"`, 3*time.Second)
		time.Sleep(500 * time.Millisecond)
		still := eval[string](p, picture)
		time.Sleep(1500 * time.Millisecond)
		if eval[string](p, picture) != still {
			t.Error("the picture moves while it is paused")
		}
		p.press(" ")
		p.wait("live", `document.querySelector(".live").innerText === "live"`, 5*time.Second)
	})
	t.Run("focus", func(t *testing.T) {
		name := `document.querySelector(".spot h2 a").innerText`
		first := eval[string](p, name)
		p.press("j")
		p.wait("the next series", fmt.Sprintf("%s !== %q", name, first), 3*time.Second)
		p.press("k")
		p.wait("the first again", fmt.Sprintf("%s === %q", name, first), 3*time.Second)
	})
	p.wait("a drift", `document.querySelector("h1").innerText.includes("drifting")`, 90*time.Second)
	p.press("d")
	p.wait("its reason", `/usual size|identical readings|moved by/.test(document.querySelector(".spot .why")?.innerText ?? "")`, 5*time.Second)
	p.shot("demo-drift", 3*time.Second)
	p.press(kb.Enter)
	p.wait("the page of the series", `location.hash.startsWith("#/series/") && document.querySelectorAll(".charts canvas").length === 3`, 5*time.Second)
	p.wait("what happened, with the reason", `/usual size|identical readings|moved by/.test(document.querySelector(".events")?.innerText ?? "")`, 10*time.Second)
	p.wait("its bar", `document.querySelector(".bar-of")`, 5*time.Second)
	t.Run("chart by keys", func(t *testing.T) {
		eval[string](p, `(document.querySelector(".charts .canvas").focus(), "")`)
		p.press(kb.ArrowLeft + kb.ArrowLeft)
		p.wait("the cursor is read out", `/raw .*clean .*from/.test(document.querySelector(".charts [aria-live]").innerText)`, 3*time.Second)
		p.wait("all charts have it", `[...document.querySelectorAll(".charts .u-cursor-x")].filter(c => !/-10px/.test(c.style.transform)).length === 3`, 3*time.Second)
	})
	t.Run("zoom and export", func(t *testing.T) {
		eval[string](p, `(HTMLAnchorElement.prototype.click = function () { (window.saved ??= []).push(this.download); }, "")`)
		p.press("+")
		p.press("x")
		p.wait("the question", `document.querySelector("dialog[open]")`, 3*time.Second)
		p.press(kb.Enter)
		p.wait("a picture", `(window.saved ?? []).some(n => n.endsWith(".png"))`, 5*time.Second)
		p.press("x")
		p.wait("the question", `document.querySelector("dialog[open]")`, 3*time.Second)
		p.press(kb.Tab + kb.Enter)
		p.wait("values", `window.saved.some(n => n.endsWith(".csv"))`, 5*time.Second)
	})
	t.Run("table", func(t *testing.T) {
		p.press("l")
		p.wait("tables", `document.querySelectorAll(".charts table tbody tr").length > 30 && location.hash.includes("table=1")`, 5*time.Second)
		p.press("l")
	})
	p.press("0")
	p.dark(true)
	p.shot("demo-series", 6*time.Second)
	p.dark(false)
	eval[string](p, `(scrollTo(0, 1e6), "")`)
	p.shot("demo-series-below", 2500*time.Millisecond)
	p.press(kb.Escape)
	p.wait("all series", cards+" > 3", 5*time.Second)
	t.Run("every page", func(t *testing.T) {
		for i, ready := range []string{cards + " > 3", `document.querySelector(".event")`, `document.querySelector("tbody tr")`, `document.querySelectorAll(".node").length >= 5`, `document.querySelector("h1")`} {
			p.press(fmt.Sprint(i + 1))
			p.wait(fmt.Sprint("page ", i+1), ready, 10*time.Second)
			p.shot(fmt.Sprint("demo-page-", i+1), time.Second)
		}
		p.press("?")
		p.wait("help", `document.querySelector("dialog[open] kbd")`, 3*time.Second)
		p.press(kb.Escape)
		p.press("1")
		p.press("t")
		p.press("t")
		p.wait("dark", `document.documentElement.dataset.theme === "dark"`, 3*time.Second)
		p.shot("demo-dark", 2*time.Second)
	})
	t.Run("tab", func(t *testing.T) {
		seen := map[string]bool{}
		for range 25 {
			p.press(kb.Tab)
			seen[eval[string](p, `(e => e.tagName + (e.textContent || e.ariaLabel || "").slice(0, 30))(document.activeElement)`)] = true
		}
		if len(seen) < 18 {
			t.Errorf("25 tabs reach %d places: %v", len(seen), seen)
		}
	})
	p.clean(address)
}

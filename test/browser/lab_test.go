package browser

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// tab is a page of Chromium that is watched: what its console says and whom it asks.
type tab struct {
	t     *testing.T
	ctx   context.Context
	close func()

	mu      sync.Mutex
	console []string
	asked   []string
}

// open starts a Chromium of its own at a size. Without a Chromium the test is skipped,
// and fails in CI.
func open(t *testing.T, width, height int) *tab {
	t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("chromium is not installed: run scripts/tools.sh")
		}
		t.Skip("chromium is not installed: run scripts/tools.sh")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium"), chromedp.WindowSize(width, height),
		chromedp.Flag("headless", "new"), chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("hide-scrollbars", true))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // as root it has no sandbox of its own
	}
	alloc, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	return openIn(t, alloc, width, height)
}

// another opens one more page in the browser of p.
func (p *tab) another(width, height int) *tab { p.t.Helper(); return openIn(p.t, p.ctx, width, height) }

// openIn opens a page in the browser of a context, which starts one where it has none.
func openIn(t *testing.T, browser context.Context, width, height int) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	p := &tab{t: t, ctx: ctx, close: cancel}
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			p.mu.Lock()
			p.console = append(p.console, m.String())
			p.mu.Unlock()
		}
	}()
	requests := chromedp.Events(ctx, network.RequestWillBeSent)
	go func() {
		for e, err := range requests {
			if err != nil {
				return
			}
			p.mu.Lock()
			p.asked = append(p.asked, e.Request.URL)
			p.mu.Unlock()
		}
	}()
	p.do(chromedp.EmulateViewport(int64(width), int64(height)))
	return p
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

func (p *tab) visit(address string) { p.t.Helper(); p.do(chromedp.Navigate(address)) }

// eval returns the value of a JavaScript expression; a promise is awaited.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 2*time.Minute)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// wait waits until an expression is true: for at least 20 s, since how soon that is says
// more of the machine than of the page.
func (p *tab) wait(what, expression string, patience time.Duration) {
	p.t.Helper()
	patience = max(patience, 20*time.Second)
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		if eval[bool](p, "!!("+expression+")") {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("%s: not within %s; the page says: %s", what, patience, eval[string](p, `document.body.innerText.slice(0, 1500)`))
		}
	}
}

func (p *tab) press(keys string) { p.t.Helper(); p.do(chromedp.KeyEvent(keys)) }

// dark says what the system would: dark or light.
func (p *tab) dark(on bool) {
	p.t.Helper()
	value := "light"
	if on {
		value = "dark"
	}
	p.media("prefers-color-scheme", value)
}

func (p *tab) media(name, value string) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: name, Value: value}}})
	if err != nil {
		p.t.Fatal(err)
	}
}

// shot writes a picture of what can be seen where SCREENS names a folder.
func (p *tab) shot(name string, after time.Duration) {
	p.t.Helper()
	dir := os.Getenv("SCREENS")
	if dir == "" {
		return
	}
	time.Sleep(after)
	b, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		b, err = shrink(b)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), b, 0o644)
	}
	if err != nil {
		p.t.Error(err)
	}
}

// clean fails the test where the console said something, or another server was asked.
func (p *tab) clean(server string) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.console {
		p.t.Errorf("console: %s", m)
	}
	home, err := url.Parse(server)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, a := range p.asked {
		if u, err := url.Parse(a); err != nil || u.Host != home.Host && u.Scheme != "blob" && u.Scheme != "data" {
			p.t.Errorf("asked somebody else: %s", a)
		}
	}
	if len(p.asked) == 0 {
		p.t.Error("no request was seen: the test looks at nothing")
	}
}

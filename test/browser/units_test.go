package browser

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
)

// What of the page needs no page is tested in web/app/test, bundled here and run by
// the same browser.
func TestUnits(t *testing.T) {
	p := open(t, 400, 300)
	app, err := filepath.Abs("../../web/app")
	if err != nil {
		t.Fatal(err)
	}
	result := api.Build(api.BuildOptions{
		EntryPoints: []string{filepath.Join(app, "test", "all.ts")}, Bundle: true, Format: api.FormatIIFE, Target: api.ES2022, JSXFactory: "h", JSXFragment: "Fragment",
		JSX: api.JSXTransform, TsconfigRaw: `{}`,
		Alias: map[string]string{
			"preact":       filepath.Join(app, "vendor/preact/src/index.js"),
			"preact/hooks": filepath.Join(app, "vendor/preact/hooks/src/index.js"),
			"uplot":        filepath.Join(app, "vendor/uplot/uPlot.esm.js"),
		},
	})
	for _, e := range result.Errors {
		t.Fatal(e.Text)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/all.js" {
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write(result.OutputFiles[0].Contents)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><link rel="icon" href="data:,"><script src="all.js"></script>`))
	}))
	t.Cleanup(server.Close)
	p.visit(server.URL)
	got := eval[struct {
		Ran    int
		Failed []string
	}](p, "quellUnits")
	for _, f := range got.Failed {
		t.Error(f)
	}
	if got.Ran < 15 {
		t.Errorf("%d tests ran", got.Ran)
	}
	p.clean(server.URL)
}

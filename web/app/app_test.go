package app

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

func ExampleAssets() {
	page, err := fs.ReadFile(Assets(), "index.html")
	fmt.Println(strings.HasPrefix(string(page), "<!doctype html>"), err)
	// Output: true <nil>
}

// A page of a binary that stands behind a proxy, with no way out, may name nothing
// but itself: every address in it is relative.
func TestNothingForeign(t *testing.T) {
	err := fs.WalkDir(Assets(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, "licences.txt") || strings.HasSuffix(path, ".woff2") {
			return err
		}
		b, err := fs.ReadFile(Assets(), path)
		if err != nil {
			return err
		}
		text := string(b)
		for _, name := range []string{"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml", "http://www.w3.org/1998/Math/MathML"} {
			text = strings.ReplaceAll(text, name, "") // names of vocabularies, which nobody fetches
		}
		for _, bad := range []string{"http://", "https://", "src=\"/", "href=\"/", "url(/", "eval(", "new Function"} {
			if i := strings.Index(text, bad); i >= 0 {
				t.Errorf("%s has %q: …%s", path, bad, text[max(0, i-40):min(len(text), i+60)])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The policy that the server sends allows no script within the page.
func TestNoInlineScript(t *testing.T) {
	page, err := fs.ReadFile(Assets(), "index.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range strings.Split(string(page), "<script")[1:] {
		if head, body, _ := strings.Cut(tag, ">"); !strings.Contains(head, "src=") || !strings.HasPrefix(body, "</script>") {
			t.Errorf("index.html has a script of its own: <script%s", tag)
		}
	}
	for _, bad := range []string{" style=", " onload=", "<style"} {
		if strings.Contains(string(page), bad) {
			t.Errorf("index.html has %q", bad)
		}
	}
}

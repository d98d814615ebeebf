package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

// pagePolicy is the Content-Security-Policy of the page: it runs what comes from here
// and nothing else, no script within the page either, and draws pictures of its own.
const pagePolicy = "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// asset is a file of the page, which holds no data and needs no token.
type asset struct {
	kind, tag string
	plain     []byte
	packed    []byte // by gzip; nil where it is no smaller
}

// assets adds the files of the page, index.html at the root.
func (c Config) assets(mux *http.ServeMux) error {
	if c.Assets == nil {
		return nil
	}
	all := map[string]*asset{}
	err := fs.WalkDir(c.Assets, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(c.Assets, name)
		if err == nil {
			all[name], err = newAsset(name, b)
		}
		return err
	})
	if err != nil {
		return err
	}
	mux.HandleFunc("GET /{path...}", func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("path")
		if name == "" {
			name = "index.html"
		}
		if a := all[name]; a != nil {
			a.serve(w, r)
			return
		}
		if strings.HasPrefix(name, "api/") {
			noSuchPath(w, r)
			return
		}
		http.NotFound(w, r)
	})
	return nil
}

func newAsset(name string, b []byte) (*asset, error) {
	sum := sha256.Sum256(b)
	a := &asset{kind: mime.TypeByExtension(path.Ext(name)), tag: hex.EncodeToString(sum[:16]), plain: b}
	if a.kind == "" {
		a.kind = http.DetectContentType(b)
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err == nil {
		_, err = z.Write(b)
	}
	if err == nil {
		err = z.Close()
	}
	if packed.Len() < len(b) {
		a.packed = packed.Bytes()
	}
	return a, err
}

// serve answers with the file, or says that the browser has it.
func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	body, tag := a.plain, `"`+a.tag+`"`
	h := w.Header()
	if a.packed != nil {
		h.Set("Vary", "Accept-Encoding")
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			body, tag = a.packed, `"`+a.tag+`-gzip"`
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", tag)
	for _, has := range strings.Split(r.Header.Get("If-None-Match"), ",") {
		if has = strings.TrimPrefix(strings.TrimSpace(has), "W/"); has == tag {
			h.Del("Content-Encoding")
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	_, _ = w.Write(body) // an error means that the client has gone
}

package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed page/*.html page/*.css page/*.js page/*.svg page/uplot/uPlot.esm.js page/uplot/uPlot.min.css page/uplot/LICENSE
var pageFiles embed.FS

// asset is a file of the page, compressed once.
type asset struct {
	kind string
	tag  string
	zip  []byte
	text []byte
}

// assets serves the files of the page; every other path is answered with "not
// found".
func assets(mux *http.ServeMux) error {
	root, err := fs.Sub(pageFiles, "page")
	if err != nil {
		return fmt.Errorf("web: page: %w", err)
	}
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		a, err := newAsset(name, text)
		if err != nil {
			return err
		}
		if name == "index.html" {
			mux.HandleFunc("/{$}", a.serve)
		} else {
			mux.HandleFunc("/"+name, a.serve)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("web: page: %w", err)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "there is nothing at "+r.URL.Path)
	})
	return nil
}

func newAsset(name string, text []byte) (asset, error) {
	kinds := map[string]string{
		".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
		".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", "": "text/plain; charset=utf-8",
	}
	sum := sha256.Sum256(text)
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(text); err != nil {
		return asset{}, err
	}
	if err := z.Close(); err != nil {
		return asset{}, err
	}
	return asset{
		kind: kinds[path.Ext(name)], tag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`,
		zip: b.Bytes(), text: text,
	}, nil
}

// serve answers with the file, or with "you have it already". Browsers ask every
// time, so that page and program always fit together.
func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", a.tag)
	h.Set("Vary", "Accept-Encoding")
	if r.Header.Get("If-None-Match") == a.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := a.text
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = a.zip
	}
	h.Set("Content-Type", a.kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body) //nolint:errcheck // a client that left has nobody to tell
}

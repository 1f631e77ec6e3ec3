package webtest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/web/webtest"
)

// A page is read, waited for, and what it asks for and complains of is kept.
func TestPage(t *testing.T) {
	b := webtest.NeedBrowser(t)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; script-src 'unsafe-inline'")
		if r.URL.Path == "/" {
			_, _ = w.Write([]byte(`<!doctype html><link rel=icon href=data:,><p id=p>begun</p>
<script>setTimeout(() => { p.textContent = "done"; console.error("oh"); fetch("/more"); }, 200)</script>`))
		}
	}))
	defer srv.Close()
	p, err := b.Open(srv.URL+"/", webtest.View{Width: 500, Height: 400, Dark: true})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.WaitText("done", 20*time.Second); err != nil {
		t.Fatal(err)
	}
	err = p.WaitText("never", 300*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "done") {
		t.Errorf("got %v, want an error that tells what the page shows", err)
	}
	if w, err := webtest.Eval[int](p, `matchMedia("(prefers-color-scheme: dark)").matches ? innerWidth : 0`); err != nil || w != 500 {
		t.Errorf("got %d %v, want 500 pixels in the dark", w, err)
	}
	if got := p.Problems(); len(got) != 1 || !strings.Contains(got[0], "oh") {
		t.Errorf("got problems %q, want what was complained of", got)
	}
	if got := p.Requests(); !strings.HasSuffix(strings.Join(got, " "), "/more") {
		t.Errorf("got requests %q, want the last one to be /more", got)
	}
}

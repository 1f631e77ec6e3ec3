package web_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/internal/web"
	"github.com/tcpdoctor/tcpdoctor/internal/web/webtest"
)

var at = time.Date(2026, 3, 4, 14, 2, 11, 0, time.UTC)

// clock is a clock that a test sets.
type clock struct{ now time.Time }

func (c *clock) read() time.Time { return c.now }

func newServer(tb testing.TB, o web.Options) *web.Server {
	tb.Helper()
	s, err := web.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// get asks a server as a client on the same host does.
func get(tb testing.TB, s *web.Server, path string) (*http.Response, string) {
	tb.Helper()
	return do(tb, s, httptest.NewRequestWithContext(tb.Context(), http.MethodGet, "http://localhost"+path, http.NoBody))
}

func do(tb testing.TB, s *web.Server, r *http.Request) (*http.Response, string) {
	tb.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	res := w.Result()
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return res, string(b)
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	now := &clock{at}
	empty := newServer(t, web.Options{Now: now.read})
	full := newServer(t, web.Options{Now: now.read, History: webtest.NewPast(at), Version: "1.2.3"})
	full.Publish(webtest.Scene{At: at, Overflow: true, Leak: 204}.Snapshot())
	broken := newServer(t, web.Options{Now: now.read, History: brokenHistory{}})
	tests := []struct {
		name   string
		server *web.Server
		path   string
		code   int
		want   string
	}{
		{"alive before the first tick", empty, "/healthz", 200, `"ok"`},
		{"not ready before the first judgement", empty, "/readyz", 503, "no judgement yet"},
		{"no report yet", empty, "/api/v1/report", 503, `"error": "no judgement yet"`},
		{"no findings yet", empty, "/api/v1/findings", 503, `"error"`},
		{"no history", empty, "/api/v1/history", 503, `"error": "no history is kept"`},
		{"no series", empty, "/api/v1/series?name=x", 503, `"error": "no history is kept"`},
		{"page while nothing is known", empty, "/api/v1/page", 200, `"waiting for the first look"`},
		{"metrics while nothing is known", empty, "/metrics", 200, "tcpdoctor_ready 0"},
		{"alive", full, "/healthz", 200, `"last_tick_seconds_ago": 0`},
		{"ready", full, "/readyz", 200, `"ready"`},
		{"report", full, "/api/v1/report", 200, `"schema": "tcpdoctor.report/v1"`},
		{"findings", full, "/api/v1/findings", 200, `"schema": "tcpdoctor.findings/v1"`},
		{"open findings", full, "/api/v1/findings?state=open", 200, `"accept-queue-overflow"`},
		{"pending findings", full, "/api/v1/findings?state=pending", 200, `"incidents": []`},
		{"findings in no state", full, "/api/v1/findings?state=shut", 400, `"error": "state: \"shut\" is neither open nor pending"`},
		{"history", full, "/api/v1/history?since=7d", 200, `"schema": "tcpdoctor.history/v1"`},
		{"history of a day", full, "/api/v1/history?since=1d&limit=1", 200, `"accept-queue-overflow"`},
		{"history since a time", full, "/api/v1/history?since=2026-03-04T00:00:00Z", 200, `"past-0-uid-accept-queue-overflow-0"`},
		{"history that ends before it begins", full, "/api/v1/history?since=1h&until=2h", 400, `"error": "until: `},
		{"history of no length of time", full, "/api/v1/history?since=NaNd", 400, `"error": "since: \"NaNd\" is neither`},
		{"history of the future", full, "/api/v1/history?since=-5m", 400, `"error"`},
		{"history of too many", full, "/api/v1/history?limit=1001", 400, `no number from 1 to 1000`},
		{"series", full, "/api/v1/series?name=" + web.SeriesAccepts + "&since=1h&points=10", 200, `"mean": `},
		{"series that is not there", full, "/api/v1/series?name=nothing", 200, `"samples": []`},
		{"names of series", full, "/api/v1/series", 200, `"names": [`},
		{"series of too many points", full, "/api/v1/series?name=x&points=9999", 400, `no number from 1 to 2000`},
		{"too many series", full, "/api/v1/series?" + strings.Repeat("name=x&", 33), 400, "at most 32"},
		{"history that fails", broken, "/api/v1/history", 500, `"error": "disk gone"`},
		{"series that fail", broken, "/api/v1/series?name=x", 500, `"error": "disk gone"`},
		{"nothing there", full, "/api/v2", 404, `"error": "there is nothing at /api/v2"`},
		{"page", full, "/", 200, "<!doctype html>"},
		{"script", full, "/app.js", 200, "import"},
		{"no listing of files", full, "/page/", 404, `"error"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			res, body := get(t, test.server, test.path)
			if res.StatusCode != test.code || !strings.Contains(body, test.want) {
				t.Errorf("got %d %s, want %d and %q", res.StatusCode, body, test.code, test.want)
			}
			if kind := res.Header.Get("Content-Type"); strings.HasPrefix(test.path, "/api/") && (kind != "application/json; charset=utf-8" || !json.Valid([]byte(body))) {
				t.Errorf("got content type %q, body %s", kind, body)
			}
		})
	}
}

// brokenHistory is one whose disk is gone.
type brokenHistory struct{}

var errGone = errors.New("disk gone")

func (brokenHistory) Incidents(_, _ time.Time, _ int) ([]incident.Incident, error) {
	return nil, errGone
}

func (brokenHistory) Series(string, time.Time, time.Time, int) ([]web.Sample, error) {
	return nil, errGone
}

func (brokenHistory) SeriesNames() ([]string, error) { return nil, errGone }

// stuckHistory answers when it is let go.
type stuckHistory struct {
	brokenHistory
	begun chan struct{}
	letGo chan struct{}
}

func (h stuckHistory) SeriesNames() ([]string, error) {
	h.begun <- struct{}{}
	<-h.letGo
	return []string{"a"}, nil
}

// Only so many read the history at once; others are told to come again, and
// metrics and page go on.
func TestManyReaders(t *testing.T) {
	t.Parallel()
	stuck := stuckHistory{begun: make(chan struct{}), letGo: make(chan struct{})}
	s := newServer(t, web.Options{History: stuck})
	s.Publish(webtest.Scene{At: at}.Snapshot())
	const most = 4
	done := make(chan int, most)
	for range most {
		go func() {
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/api/v1/series", http.NoBody))
			done <- w.Code
		}()
		<-stuck.begun
	}
	if res, body := get(t, s, "/api/v1/history"); res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("got %d %s, want 503", res.StatusCode, body)
	}
	for _, path := range []string{"/metrics", "/healthz", "/api/v1/page", "/api/v1/findings"} {
		if res, body := get(t, s, path); res.StatusCode != 200 {
			t.Errorf("%s: got %d %s", path, res.StatusCode, body)
		}
	}
	close(stuck.letGo)
	for range most {
		if code := <-done; code != 200 {
			t.Errorf("got %d, want 200", code)
		}
	}
}

// However many incidents there are, the page shows the most urgent and says how
// many more.
func TestPageOfManyIncidents(t *testing.T) {
	t.Parallel()
	s := newServer(t, web.Options{})
	snap := webtest.Scene{At: at, Overflow: true, Leak: 204}.Snapshot()
	for len(snap.Incidents) < 1000 {
		snap.Incidents = append(snap.Incidents, snap.Incidents[:2]...)
	}
	s.Publish(snap)
	_, body := get(t, s, "/api/v1/page")
	var doc struct {
		Incidents []struct{ Severity string } `json:"incidents"`
		More      int                         `json:"more_incidents"`
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Incidents) != 50 || doc.More != 950 || doc.Incidents[49].Severity != "critical" || len(body) > 200_000 {
		t.Errorf("got %d incidents and %d more in %d bytes", len(doc.Incidents), doc.More, len(body))
	}
}

// The report is the one that `diagnose -o json` writes.
func TestReportFitsTheSchema(t *testing.T) {
	t.Parallel()
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join("..", "..", "docs", "report.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, web.Options{})
	s.Publish(webtest.Scene{At: at, Overflow: true, Leak: 204}.Snapshot())
	_, body := get(t, s, "/api/v1/report")
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(v); err != nil {
		t.Error(err)
	}
}

func TestOnlyReads(t *testing.T) {
	t.Parallel()
	s := newServer(t, web.Options{})
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"} {
		res, body := do(t, s, httptest.NewRequestWithContext(t.Context(), method, "http://localhost/metrics", http.NoBody))
		if res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "GET, HEAD" || !strings.Contains(body, `"error"`) {
			t.Errorf("%s: got %d %v %s, want 405", method, res.StatusCode, res.Header, body)
		}
	}
	res, _ := do(t, s, httptest.NewRequestWithContext(t.Context(), http.MethodHead, "http://localhost/healthz", http.NoBody))
	if res.StatusCode != http.StatusOK {
		t.Errorf("HEAD: got %d, want 200", res.StatusCode)
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	s := newServer(t, web.Options{})
	for _, path := range []string{"/", "/metrics", "/api/v1/page", "/nothing"} {
		res, _ := get(t, s, path)
		policy := res.Header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "script-src 'self'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s: policy %q lacks %q", path, policy, part)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q allows what is unsafe", path, policy)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"X-Frame-Options": "DENY", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s: got %s %q, want %q", path, name, got, want)
			}
		}
	}
	res, _ := get(t, s, "/api/v1/page")
	if got := res.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("got Cache-Control %q, want no-store", got)
	}
}

func TestAssetsAreKept(t *testing.T) {
	t.Parallel()
	s := newServer(t, web.Options{})
	res, _ := get(t, s, "/style.css")
	tag := res.Header.Get("ETag")
	again := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/style.css", http.NoBody)
	again.Header.Set("If-None-Match", tag)
	if res, body := do(t, s, again); tag == "" || res.StatusCode != http.StatusNotModified || body != "" {
		t.Errorf("got %d with tag %q and %d bytes, want 304", res.StatusCode, tag, len(body))
	}
	zip := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/uplot/uPlot.esm.js", http.NoBody)
	zip.Header.Set("Accept-Encoding", "gzip")
	if res, body := do(t, s, zip); res.Header.Get("Content-Encoding") != "gzip" || len(body) > 60_000 {
		t.Errorf("got %d bytes of encoding %q, want it compressed", len(body), res.Header.Get("Content-Encoding"))
	}
}

// A page of somebody else whose name was made to mean this host is refused.
func TestNamesOnLoopback(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(newServer(t, web.Options{Hosts: []string{"Metrics.example"}}).Handler())
	defer srv.Close()
	for host, want := range map[string]int{
		"localhost:9737": 200, "LOCALHOST": 200, "127.0.0.1:9737": 200, "[::1]:9737": 200, "192.0.2.7": 200,
		"agent.localhost": 200, "metrics.example:443": 200, "localhost.": 200,
		"rebound.example": 421, "rebound.example:9737": 421, "localhost.rebound.example": 421, "127.0.0.1.rebound.example": 421,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/api/v1/page", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		res, err := srv.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s: got %d, want %d", host, res.StatusCode, want)
		}
	}
}

// The loop is alive as long as it ticks, whatever the clock on the wall says.
func TestHealth(t *testing.T) {
	t.Parallel()
	now := &clock{at}
	s := newServer(t, web.Options{Now: now.read})
	check := func(after time.Duration, want int) {
		t.Helper()
		now.now = now.now.Add(after)
		if res, body := get(t, s, "/healthz"); res.StatusCode != want {
			t.Errorf("at %s: got %d %s, want %d", now.now.Sub(at), res.StatusCode, body, want)
		}
	}
	check(29*time.Second, 200)
	check(2*time.Second, 503) // nothing was ever published
	snap := webtest.Scene{At: at.Add(-time.Hour)}.Snapshot()
	snap.Pace.Interval = 20 * time.Second
	s.Publish(snap)
	check(0, 200)
	check(79*time.Second, 200)
	check(2*time.Second, 503)
	s.Publish(snap)
	check(0, 200)
}

func TestOptionsCheck(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "web.yml")
	if err := os.WriteFile(bad, []byte("tls_server_confg: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := web.New(web.Options{Listen: []string{"127.0.0.1:9737", "nowhere:http:1", "[::1]:99999"}, ConfigFile: bad})
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{"nowhere:http:1", "[::1]:99999", "tls_server_confg"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to name %s too", err, want)
		}
	}
}

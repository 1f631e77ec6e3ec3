package notify

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// hasty is the time limit where attempts are to fail for taking too long.
const hasty = 400 * time.Millisecond

// rude is a server that misbehaves towards its first visitors, and then takes
// messages as it ought to.
type rude struct {
	addr    string
	behave  func(ctx context.Context, conn net.Conn) // answers badly
	patient int32                                    // how many visitors it misbehaves to

	visits  atomic.Int32
	written atomic.Int64 // bytes, to those
	mu      sync.Mutex
	got     []string
	all     sync.WaitGroup
}

// open listens until the test ends.
func (r *rude) open(t *testing.T, addr string) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	r.addr = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	r.all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r.all.Go(func() {
				defer conn.Close()
				stop := context.AfterFunc(ctx, func() { conn.Close() })
				defer stop()
				r.serve(ctx, conn)
			})
		}
	})
	t.Cleanup(func() {
		cancel()
		l.Close()
		r.all.Wait()
	})
}

func (r *rude) serve(ctx context.Context, conn net.Conn) {
	if r.visits.Add(1) <= r.patient {
		r.behave(ctx, counted{conn, &r.written})
		return
	}
	in := bufio.NewReader(conn)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.got = append(r.got, messages(req, body)...)
		r.mu.Unlock()
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"); err != nil {
			return
		}
	}
}

// messages names what came in a request to a webhook or an Alertmanager.
func messages(req *http.Request, body []byte) []string {
	if k := req.Header.Get("Idempotency-Key"); k != "" {
		return []string{k}
	}
	var alerts []postable
	if err := json.Unmarshal(body, &alerts); err != nil {
		return []string{err.Error()}
	}
	var all []string
	for _, a := range alerts {
		status := "firing"
		if a.EndsAt.Before(time.Now()) {
			status = "resolved"
		}
		all = append(all, status)
	}
	return all
}

func (r *rude) received() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.got...)
}

// counted counts what is written.
type counted struct {
	net.Conn
	n *atomic.Int64
}

func (c counted) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.n.Add(int64(n))
	return n, err
}

// answers reads the request and answers with a text.
func answers(text string) func(context.Context, net.Conn) {
	return func(_ context.Context, conn net.Conn) {
		if req, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			_, _ = io.Copy(io.Discard, req.Body)
		}
		_, _ = io.WriteString(conn, text)
	}
}

// endlessly answers with a text, and then with another one without end, in
// pieces with a pause between.
func endlessly(first, then string, pause time.Duration) func(context.Context, net.Conn) {
	return func(ctx context.Context, conn net.Conn) {
		answers(first)(ctx, conn)
		for ctx.Err() == nil {
			if _, err := io.WriteString(conn, then); err != nil {
				return
			}
			if pause > 0 {
				<-time.After(pause)
			}
		}
	}
}

func silently(ctx context.Context, _ net.Conn) { <-ctx.Done() }

// TestMisbehavingServers: whatever a server does, what it would not take is
// sent again, in order, nobody else has to wait, and it costs little.
func TestMisbehavingServers(t *testing.T) {
	noneLeft(t)
	kib := strings.Repeat("x", 1<<10)
	page := "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>"
	cases := []struct {
		name     string
		behave   func(context.Context, net.Conn)
		patience int32
		kinds    string        // alertmanager, webhook; empty for both
		least    time.Duration // until it is delivered
		taken    bool          // the first answer says that it has the message
	}{
		{name: "500", behave: answers("HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops"), patience: 2},
		{name: "503 with retry-after", behave: answers("HTTP/1.1 503 Later\r\nRetry-After: 3\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), patience: 1, least: 3 * time.Second},
		{name: "429 with retry-after", behave: answers("HTTP/1.1 429 Slow down\r\nRetry-After: 3\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), patience: 1, least: 3 * time.Second},
		{name: "slow header", behave: endlessly("HTTP/1.1 200 OK\r\nX-Slow: ", "x", 20*time.Millisecond), patience: 2},
		{name: "endless header", behave: endlessly("HTTP/1.1 200 OK\r\nX-Long: ", kib, 0), patience: 2},
		{name: "endless headers", behave: endlessly("HTTP/1.1 200 OK\r\n", "X-"+kib+": 1\r\n", 0), patience: 2},
		{name: "endless promises", behave: endlessly("", "HTTP/1.1 103 Early Hints\r\n\r\n", 0), patience: 2},
		{name: "slow error", behave: endlessly("HTTP/1.1 500 Oops\r\n\r\n", "x", 20*time.Millisecond), patience: 2},
		{name: "endless error", behave: endlessly("HTTP/1.1 500 Oops\r\n\r\n", kib, 0), patience: 2},
		{name: "endless success", behave: endlessly("HTTP/1.1 200 OK\r\n\r\n", kib, 0), patience: 1, taken: true},
		{name: "slow success", behave: endlessly("HTTP/1.1 200 OK\r\n\r\n", "x", 20*time.Millisecond), patience: 1, taken: true},
		{name: "success cut short", behave: answers("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx"), patience: 1, taken: true},
		{name: "garbage", behave: answers("\x00\xff\x17SSH-2.0-OpenSSH_9.2\r\n"), patience: 2},
		{name: "header cut short", behave: answers("HTTP/1.1 200 O"), patience: 2},
		{name: "hangs up", behave: func(context.Context, net.Conn) {}, patience: 2},
		{name: "never answers", behave: silently, patience: 2},
		{name: "redirects in circles", behave: answers("HTTP/1.1 307 There\r\nLocation: /\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), patience: 2},
		{name: "page to log in", behave: answers(page), patience: 2, kinds: "alertmanager"},
		{name: "page to say thanks", behave: answers(page), patience: 1, kinds: "webhook", taken: true},
	}
	// All are under way at once, as most of the time they wait.
	var trials []*trial
	var check []func(*testing.T, *trial)
	for _, c := range cases {
		for _, kind := range []string{"webhook", "alertmanager"} {
			if c.kinds != "" && c.kinds != kind {
				continue
			}
			r := &rude{behave: c.behave, patient: c.patience}
			r.open(t, "127.0.0.1:0")
			limit := hasty
			if c.taken {
				limit = patience // no attempt is to fail, on however slow a machine
			}
			trials = append(trials, begin(t, c.name+" to "+kind, r, kind, limit))
			check = append(check, func(t *testing.T, tr *trial) {
				want := expected(kind)
				if c.taken {
					want = want[1:] // the first went to where it was not written down
				}
				s := tr.finish(t, want)
				if took := s.LastSuccess.Sub(tr.begun); took < c.least {
					t.Errorf("delivered after %s, although asked for %s", took, c.least)
				}
				if s.Failed == 0 != c.taken {
					t.Errorf("got %+v", s)
				}
				if n := r.written.Load(); n > 64<<20 {
					t.Errorf("%d bytes of the answer were taken", n)
				}
			})
		}
	}
	for i, tr := range trials {
		t.Run(tr.name, func(t *testing.T) { check[i](t, tr) })
	}
}

// expected lists what a server of a kind receives of an alert that fires and
// is over.
func expected(kind string) []string {
	if kind == "webhook" {
		return []string{"a1-firing-0", "a1-resolved-0"}
	}
	return []string{"firing", "resolved"}
}

// trial is the delivery of two messages to a server and, beside it, to one that
// behaves.
type trial struct {
	name  string
	begun time.Time
	rude  *rude
	d     *Dispatcher
	stop  func()
}

func begin(t *testing.T, name string, r *rude, kind string, limit time.Duration) *trial {
	t.Helper()
	polite := newInbox(t, nil)
	common := Common{Name: "rude", Timeout: limit}
	config := Config{Webhook: []WebhookConfig{{Common: Common{Name: "polite"}, URL: polite.URL}}}
	if kind == "webhook" {
		config.Webhook = append(config.Webhook, WebhookConfig{Common: common, URL: "http://" + r.addr})
	} else {
		config.Alertmanager = []AlertmanagerConfig{{Common: common, URL: "http://" + r.addr}}
	}
	q := queueFor(config.Names(), sample(1), over(sample(1)))
	d, err := New(config, q, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &trial{name: name, begun: time.Now(), rude: r, d: d, stop: start(t, d)}
}

func (tr *trial) of(name string) Stats {
	for _, s := range tr.d.Stats() {
		if s.Receiver == name {
			return s
		}
	}
	return Stats{}
}

// finish waits for the delivery and returns the figures of the server that
// misbehaves.
func (tr *trial) finish(t *testing.T, want []string) Stats {
	t.Helper()
	await(t, "delivery to the other receiver", func() bool { return tr.of("polite").Sent == 2 })
	await(t, "delivery", func() bool { return tr.of("rude").Sent == 2 })
	tr.stop()
	if diff := cmp.Diff(want, tr.rude.received()); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	s := tr.of("rude")
	if len(want) == 2 && !tr.of("polite").LastSuccess.Before(s.LastSuccess) {
		t.Error("the misbehaving server had everything first")
	}
	return s
}

// TestServerDown: nobody listens for a while, and then somebody does.
func TestServerDown(t *testing.T) {
	noneLeft(t)
	var trials []*trial
	for _, kind := range []string{"webhook", "alertmanager"} {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		trials = append(trials, begin(t, kind, &rude{addr: l.Addr().String()}, kind, hasty))
	}
	for _, tr := range trials {
		await(t, "second attempt", func() bool { return tr.of("rude").Failed >= 2 })
		tr.rude.open(t, tr.rude.addr)
		if s := tr.finish(t, expected(tr.name)); !strings.Contains(s.LastError, "connection refused") {
			t.Errorf("got %+v", s)
		}
	}
}

// TestErrorsKeepSecrets: the path of an URL may be a secret; nothing that is
// told or logged has it.
func TestErrorsKeepSecrets(t *testing.T) {
	for name, c := range map[string]struct {
		url   string
		limit time.Duration
	}{
		"refused": {"http://127.0.0.1:1/hooks/T0KEN?key=T0KEN", time.Second},
		"timeout": {newInbox(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }).URL + "/T0KEN", 100 * time.Millisecond},
		"404":     {newInbox(t, http.NotFound).URL + "/T0KEN", time.Second},
		"no host": {"http://no-such-host.invalid/T0KEN", time.Second},
	} {
		w := newWebhook("hook", WebhookConfig{URL: c.url, Common: Common{Timeout: c.limit}}, Options{Now: time.Now})
		err := w.Send(t.Context(), sample(1))
		w.close()
		if err == nil || strings.Contains(fmt.Sprint(err), "T0KEN") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTriesAfterStatus(t *testing.T) {
	for status, want := range map[int]int{
		400: triesRefused, 413: triesRefused, 422: triesRefused,
		301: triesUndecided, 401: triesUndecided, 403: triesUndecided, 404: triesUndecided, 451: triesUndecided,
		500: triesBroken, 501: triesBroken, 599: triesBroken,
		408: triesUnlimited, 429: triesUnlimited, 502: triesUnlimited, 503: triesUnlimited, 504: triesUnlimited,
	} {
		if got := triesAfter(status); got != want {
			t.Errorf("%d: got %d tries, want %d", status, got, want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	p := newPoster(Access{}, time.Second, Options{Now: func() time.Time { return now }})
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, "-7": 0, "soon": 0, "7.5": 0, "99999999999999": 0,
		"86400":                         askedAtMost,
		"Fri, 02 Jan 2026 03:05:05 GMT": time.Minute,
		"Fri, 02 Jan 2026 03:03:05 GMT": 0,
		"Sat, 03 Jan 2026 03:05:05 GMT": askedAtMost,
	} {
		if got := p.retryAfter(&http.Response{Header: http.Header{"Retry-After": {value}}}); got != want {
			t.Errorf("%q: got %s, want %s", value, got, want)
		}
	}
}

package web_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/web"
	"github.com/tcpdoctor/tcpdoctor/internal/web/webtest"
)

// soon is how long a page may take to show what was published: it asks once a
// tick, and the machine may be busy.
const soon = 30 * time.Second

// opened serves a scene and opens the page in a browser.
func opened(t *testing.T, b *webtest.Browser, o web.Options, v webtest.View, snaps ...web.Snapshot) (*web.Server, *webtest.Page) {
	t.Helper()
	s, addr := serving(t, o)
	for _, snap := range snaps {
		s.Publish(snap)
	}
	p, err := b.Open("http://"+addr+"/", v)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	t.Cleanup(func() {
		for _, problem := range p.Problems() {
			t.Errorf("the page complains: %s", problem)
		}
		for _, url := range p.Requests() {
			if !strings.HasPrefix(url, "http://"+addr+"/") {
				t.Errorf("the page asks for %s, which is not its own", url)
			}
		}
	})
	return s, p
}

func see(t *testing.T, p *webtest.Page, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := p.WaitText(text, soon); err != nil {
			t.Fatal(err)
		}
	}
}

func until(t *testing.T, p *webtest.Page, expression string) {
	t.Helper()
	if err := p.WaitFor(expression, soon); err != nil {
		text, _ := p.Text()
		t.Fatalf("%v; the page shows:\n%s", err, text)
	}
}

func eval[T any](t *testing.T, p *webtest.Page, expression string) T {
	t.Helper()
	v, err := webtest.Eval[T](p, expression)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// quick makes the page ask again soon.
func quick(s web.Snapshot) web.Snapshot {
	s.Pace.Interval = time.Second
	return s
}

// The browser is shared: starting one takes longer than most tests.
func TestPage(t *testing.T) {
	b := webtest.NeedBrowser(t)
	t.Run("tells what, who, why, what now", func(t *testing.T) { testTells(t, b) })
	t.Run("follows without reload", func(t *testing.T) { testFollows(t, b) })
	t.Run("escapes hostile names", func(t *testing.T) { testHostile(t, b) })
	t.Run("says when it is old", func(t *testing.T) { testOld(t, b) })
	t.Run("works without history", func(t *testing.T) { testNoHistory(t, b) })
	t.Run("fits every width", func(t *testing.T) { testWidths(t, b) })
	t.Run("can be walked with keys", func(t *testing.T) { testKeys(t, b) })
	t.Run("has a name for everything", func(t *testing.T) { testNames(t, b) })
	t.Run("can be read in both schemes", func(t *testing.T) { testContrast(t, b) })
	t.Run("spares who wants no motion", func(t *testing.T) { testStill(t, b) })
}

func testTells(t *testing.T, b *webtest.Browser) {
	_, p := opened(t, b, web.Options{History: webtest.NewPast(time.Now())}, webtest.View{}, webtest.Scene{At: time.Now(), Overflow: true, Leak: 204}.Snapshot())
	see(t, p,
		"1 critical, 1 warning", "nginx[812] drops 37 connections/s: its accept queue on *:443 is full",
		"a kernel limit · nginx[812] · listening on *:443", "sysctl -w net.core.somaxconn=4096", "queue would peak at",
		"not: net.ipv4.tcp_max_syn_backlog", "ListenOverflows", "/proc/net/netstat",
		"java[4410] (orders.service) holds 200 connections its peers closed",
		"could not read: kernel log (no permission)", "Do connections wait to be accepted?", "nginx on *:443 held 129 of 128",
		"204 wait for this host to close", "for 3 h 20 min", "0.31 % of one core, of 1 % that it may",
	)
	until(t, p, `document.querySelectorAll(".chart canvas").length === 8`)
	if got := eval[string](t, p, "document.title"); got != "✕ 1 critical, 1 warning · web-1 · tcpdoctor" {
		t.Errorf("got title %q", got)
	}
	// The same as a table.
	until(t, p, `(() => { const d = document.querySelector(".chart details"); d.open = true; return d.querySelectorAll("tbody tr").length > 10; })()`)
	// The span can be changed.
	eval[bool](t, p, `document.querySelector("[value='7d']").click() ?? true`)
	until(t, p, `performance.getEntriesByType("resource").some((e) => e.name.includes("since=7d&points"))`)
}

func testFollows(t *testing.T, b *webtest.Browser) {
	now := time.Now()
	s, p := opened(t, b, web.Options{}, webtest.View{}, quick(webtest.Scene{At: now}.Snapshot()))
	see(t, p, "No problem found", "Listeners, the fullest queue first")
	eval[bool](t, p, `(window.same = true) && Boolean(window.calm = document.getElementById("calm"))`)

	pending := webtest.Scene{At: now.Add(time.Second), Overflow: true, Pending: true}
	s.Publish(quick(pending.Snapshot()))
	see(t, p, "Being watched", "its accept queue on *:443 is full", "1 more is being watched")
	if eval[string](t, p, `document.getElementById("alarm").textContent`) != "" {
		t.Error("what is pending was announced")
	}

	open := webtest.Scene{At: now.Add(2 * time.Second), Overflow: true, Leak: 204}
	s.Publish(quick(open.Snapshot()))
	see(t, p, "1 critical, 1 warning")
	until(t, p, `document.getElementById("alarm").textContent.startsWith("Critical: nginx[812] drops")`)
	until(t, p, `document.getElementById("news").textContent.startsWith("New warning: java[4410]")`)
	until(t, p, `document.getElementById("watched-section").hidden`)

	// What somebody opened stays open, and where it was, while figures change.
	eval[bool](t, p, `(() => { window.card = document.querySelector(".finding"); card.querySelector("details").open = true; card.querySelector("summary").focus(); return true; })()`)
	more := quick(webtest.Scene{At: now.Add(3 * time.Second), Overflow: true, Leak: 304}.Snapshot())
	more.Incidents[0].LastSeen = now
	s.Publish(more)
	see(t, p, "holds 300 connections", "not seen since ")
	if !eval[bool](t, p, `card === document.querySelector(".finding") && card.querySelector("details").open && document.activeElement === card.querySelector("summary")`) {
		t.Error("the card that was open was drawn anew")
	}

	s.Publish(quick(webtest.Scene{At: now.Add(4 * time.Second)}.Snapshot()))
	see(t, p, "No problem found")
	until(t, p, `document.getElementById("news").textContent.startsWith("Over: ")`)
	if !eval[bool](t, p, "window.same") {
		t.Error("the page was loaded again")
	}
}

func testHostile(t *testing.T, b *webtest.Browser) {
	for _, comm := range []string{
		`<img src=x onerror=alert(1)>`, `"><script>alert(1)</script>`, `javascript:alert(1)`, "</title>\u202e\x1b]0;x\x07\n",
		`'"onmouseover=alert(1) x="`, "{{constructor.constructor('alert(1)')()}}",
	} {
		snap := webtest.Scene{At: time.Now(), Overflow: true, Comm: comm}.Snapshot()
		snap.Report.Host.Hostname = comm
		snap.Receivers[0].Name, snap.Receivers[0].LastError = comm, comm
		snap.Store.Problem = comm
		for i := range snap.Incidents {
			snap.Incidents[i].UID = `uid"` + comm
			snap.Incidents[i].Recording = comm
			snap.Incidents[i].Finding.Explanation += comm
			snap.Incidents[i].Finding.Cause = comm
		}
		past := webtest.NewPast(time.Now())
		for i := range past.Ended {
			past.Ended[i].Worst.Summary, past.Ended[i].EndReason = comm, comm
		}
		_, p := opened(t, b, web.Options{History: past, Version: comm}, webtest.View{}, snap)
		see(t, p, "1 critical", "drops 37 connections/s", "for 3 h 20 min")
		if n := eval[int](t, p, `document.querySelectorAll("img, main script, [onerror], [onmouseover], a[href^=javascript]").length`); n != 0 {
			t.Errorf("%q became %d elements", comm, n)
		}
		if text := eval[string](t, p, "document.body.textContent"); strings.ContainsAny(text, "\u202e\x1b\x07") {
			t.Errorf("%q: controls reached the page", comm)
		}
		p.Close()
	}
}

func testOld(t *testing.T, b *webtest.Browser) {
	now := &clock{time.Now()}
	s := newServer(t, web.Options{Now: now.read})
	s.Publish(quick(webtest.Scene{At: now.now}.Snapshot()))
	now.now = now.now.Add(5 * time.Minute)
	front := newFront(t, s.Handler())
	p, err := b.Open(front.url, webtest.View{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	see(t, p, "The agent has not finished a look since", "looked 5 min ago")
	front.fail(true)
	see(t, p, "The agent cannot be reached since", "This is what it said last.")
	front.fail(false)
	now.now = now.now.Add(time.Second)
	s.Publish(quick(webtest.Scene{At: now.now}.Snapshot()))
	until(t, p, `document.getElementById("notice").hidden`)
}

func testNoHistory(t *testing.T, b *webtest.Browser) {
	s, p := opened(t, b, web.Options{}, webtest.View{}, quick(webtest.Scene{At: time.Now()}.Snapshot()))
	see(t, p, "The past is not there (no history is kept); the charts begin when this page was opened.")
	for range 3 {
		before := eval[string](t, p, `String(document.querySelector(".chart .plot").getAttribute("aria-label"))`)
		if !strings.Contains(before, "now 0.27 %, peak 0.27 %") {
			t.Errorf("got %q, want the newest value", before)
		}
	}
	_ = s
}

func testWidths(t *testing.T, b *webtest.Browser) {
	_, p := opened(t, b, web.Options{History: webtest.NewPast(time.Now())}, webtest.View{Width: 360, Height: 780, Mobile: true},
		webtest.Scene{At: time.Now(), Overflow: true, Leak: 204, Comm: strings.Repeat("verylongname", 20)}.Snapshot())
	see(t, p, "1 critical, 1 warning")
	for _, v := range []webtest.View{
		{Width: 320, Height: 700}, {Width: 360, Height: 780, Mobile: true}, {Width: 768, Height: 1024}, {Width: 1280, Height: 900}, {Width: 2560, Height: 1300},
	} {
		if err := p.Look(v); err != nil {
			t.Fatal(err)
		}
		const fits = `document.documentElement.scrollWidth <= document.documentElement.clientWidth`
		if err := p.WaitFor(fmt.Sprintf(`window.innerWidth <= %d && %s`, v.Width, fits), 5*time.Second); err != nil {
			who := eval[[]string](t, p, `[...document.querySelectorAll("*")].filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth).map((e) => e.tagName + "." + e.className + " " + e.textContent.trim().slice(0, 40))`)
			t.Errorf("at %d pixels the page is too wide, for %q", v.Width, who)
		}
	}
}

func testStill(t *testing.T, b *webtest.Browser) {
	_, p := opened(t, b, web.Options{}, webtest.View{Still: true}, webtest.Scene{At: time.Now(), Overflow: true}.Snapshot())
	see(t, p, "1 critical")
	if n := eval[int](t, p, `[...document.querySelectorAll("*")].filter((e) => { const s = getComputedStyle(e); return parseFloat(s.transitionDuration) > 0 || s.animationName !== "none"; }).length`); n != 0 {
		t.Errorf("%d elements move", n)
	}
}

// The files of the charts are those that their README names.
func TestVendored(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("page", "uplot")
	readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"uPlot.esm.js", "uPlot.min.css", "LICENSE"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		if !strings.Contains(string(readme), hex.EncodeToString(sum[:])) {
			t.Errorf("%s: the README has another sum than %x", name, sum)
		}
	}
}

package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/tcpdoctor/tcpdoctor/internal/web"
	"github.com/tcpdoctor/tcpdoctor/internal/web/webtest"
)

// front stands before a server and can be made to fail.
type front struct {
	url  string
	down atomic.Bool
}

func newFront(t *testing.T, h http.Handler) *front {
	t.Helper()
	f := &front{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.down.Load() {
			panic(http.ErrAbortHandler) // the connection ends without an answer
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	f.url = srv.URL + "/"
	return f
}

func (f *front) fail(down bool) { f.down.Store(down) }

// Every control is reached with the tab key, in the order in which it is read,
// can be seen to have the focus, and does with the keys what it does with the
// mouse.
func testKeys(t *testing.T, b *webtest.Browser) {
	_, p := opened(t, b, web.Options{History: webtest.NewPast(time.Now())}, webtest.View{}, webtest.Scene{At: time.Now(), Overflow: true}.Snapshot())
	see(t, p, "1 critical", "for 3 h 20 min")
	press := func(keys string) {
		t.Helper()
		if err := chromedp.Do(p.Ctx, chromedp.KeyEvent(keys)); err != nil {
			t.Fatal(err)
		}
	}
	type focus struct {
		What    string  `json:"what"`
		Outline string  `json:"outline"`
		Top     float64 `json:"top"`
	}
	const where = `(() => {
		const e = document.activeElement, r = e.getBoundingClientRect();
		const s = getComputedStyle(e.matches("input") ? e.nextElementSibling : e);
		return { what: (e.getAttribute("aria-label") || e.value || e.textContent).trim(), outline: s.outlineStyle + " " + s.outlineWidth, top: r.top + scrollY };
	})()`
	var walked []string
	var last float64
	for range 40 {
		press(kb.Tab)
		if eval[bool](t, p, "document.activeElement === document.body") {
			break
		}
		f := eval[focus](t, p, where)
		if len(walked) > 0 && f.What == walked[0] || f.What == "" {
			break
		}
		if !strings.HasPrefix(f.Outline, "solid ") || f.Outline == "solid 0px" {
			t.Errorf("%q has the focus and an outline of %q", f.What, f.Outline)
		}
		if f.Top < last-200 { // columns stand side by side
			t.Errorf("%q comes after something far below it", f.What)
		}
		last = max(last, f.Top)
		walked = append(walked, f.What)
	}
	for _, want := range []string{
		"Skip to what was found", "Colours: auto", "The 7 figures it rests on", "1h",
		"As a table: Do connections wait to be accepted?", "Listeners, the fullest queue first", "Report as JSON", "Metrics",
	} {
		if !slices.Contains(walked, want) {
			t.Errorf("%q was not reached; were: %q", want, walked)
		}
	}

	// The skip link skips, arrows choose the span, space changes the colours.
	eval[bool](t, p, `document.querySelector(".skip").focus() ?? true`)
	press(kb.Enter)
	until(t, p, `document.activeElement.id === "main"`)
	eval[bool](t, p, `document.querySelector("[value='1h']").focus() ?? true`)
	press(kb.ArrowRight)
	until(t, p, `document.querySelector("[value='6h']").checked`)
	eval[bool](t, p, `document.getElementById("theme").focus() ?? true`)
	press(" ")
	until(t, p, `document.documentElement.dataset.theme === "light"`)
	press(" ")
	until(t, p, `document.documentElement.dataset.theme === "dark" && document.getElementById("theme").textContent === "Colours: dark"`)
	eval[bool](t, p, `document.querySelector(".chart summary").focus() ?? true`)
	press(kb.Enter)
	until(t, p, `document.querySelector(".chart details").open`)
	press(kb.Tab)
	until(t, p, `document.activeElement.matches(".chart .scroll")`)
}

// What a screen reader is told: landmarks, headings in order, a name for every
// control and picture.
func testNames(t *testing.T, b *webtest.Browser) {
	_, p := opened(t, b, web.Options{History: webtest.NewPast(time.Now())}, webtest.View{},
		webtest.Scene{At: time.Now(), Overflow: true, Leak: 204}.Snapshot())
	see(t, p, "1 critical, 1 warning", "for 3 h 20 min")
	eval[bool](t, p, `document.querySelectorAll("details").forEach((d) => { d.open = true; }) ?? true`)
	until(t, p, `document.querySelectorAll(".chart table").length === 8`)
	tree, err := chromedp.Call(p.Ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		t.Fatal(err)
	}
	named := []string{"button", "link", "radio", "image", "img", "region", "article", "heading", "navigation", "DisclosureTriangle", "columnheader"}
	seen := make(map[string][]string)
	for _, n := range tree.Nodes {
		if n.Ignored || n.Role == nil {
			continue
		}
		role, name := axText(n.Role), axText(n.Name)
		seen[role] = append(seen[role], name)
		if slices.Contains(named, role) && strings.TrimSpace(name) == "" {
			t.Errorf("a %s has no name", role)
		}
	}
	for role, least := range map[string]int{
		"banner": 1, "main": 1, "contentinfo": 1, "navigation": 1, "heading": 15, "article": 10, "radio": 4, "button": 1,
		"table": 8, "status": 1, "alert": 1, "term": 6, "time": 3,
	} {
		if len(seen[role]) < least {
			t.Errorf("got %d of role %s, want at least %d", len(seen[role]), role, least)
		}
	}
	pictures := slices.Concat(seen["image"], seen["img"])
	if !slices.ContainsFunc(pictures, func(s string) bool {
		return strings.HasPrefix(s, "Do connections wait to be accepted? Yes, beyond what fits") && strings.Contains(s, "now 101 %, peak")
	}) {
		t.Errorf("got pictures %q, want one that tells its question, the answer and the figures", pictures)
	}
	levels := eval[[]int](t, p, `[...document.querySelectorAll("h1,h2,h3")].filter((h) => h.checkVisibility()).map((h) => Number(h.tagName[1]))`)
	for i, level := range levels {
		if i == 0 && level != 1 || i > 0 && level > levels[i-1]+1 {
			t.Errorf("got headings of levels %v", levels)
			break
		}
	}
	if ids := eval[int](t, p, `(() => { const ids = [...document.querySelectorAll("[id]")].map((e) => e.id); return ids.length - new Set(ids).size; })()`); ids != 0 {
		t.Errorf("%d identifiers are used twice", ids)
	}
}

func axText(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	var text string
	if err := json.Unmarshal([]byte(v.Value), &text); err != nil {
		return string(v.Value)
	}
	return text
}

// contrast computes, for every text that is seen, its contrast with what is
// behind it (WCAG 2, relative luminance), and returns those below 4.5, or below
// 3 for large text.
const contrast = `(() => {
	const parse = (c) => { const m = c.match(/[\d.]+/g).map(Number); return { r: m[0], g: m[1], b: m[2], a: m[3] ?? 1 }; };
	const over = (f, b) => ({ r: f.r * f.a + b.r * (1 - f.a), g: f.g * f.a + b.g * (1 - f.a), b: f.b * f.a + b.b * (1 - f.a), a: 1 });
	const lin = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
	const lum = (c) => 0.2126 * lin(c.r) + 0.7152 * lin(c.g) + 0.0722 * lin(c.b);
	const behind = (e) => {
		const all = [];
		for (; e; e = e.parentElement) all.unshift(parse(getComputedStyle(e).backgroundColor));
		return all.reduce((b, f) => over(f, b), { r: 255, g: 255, b: 255, a: 1 });
	};
	const out = [];
	let checked = 0;
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n; (n = walker.nextNode());) {
		const e = n.parentElement;
		if (!n.textContent.trim() || !e.checkVisibility() || e.closest(".hidden, noscript, .skip")) continue;
		checked++;
		const s = getComputedStyle(e), back = behind(e);
		const a = lum(over(parse(s.color), back)), b = lum(back);
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		const size = parseFloat(s.fontSize), large = size >= 24 || (size >= 18.66 && Number(s.fontWeight) >= 700);
		if (ratio < (large ? 3 : 4.5)) out.push(ratio.toFixed(2) + " " + n.textContent.trim().slice(0, 40));
	}
	const root = getComputedStyle(document.documentElement);
	const named = (v) => { const p = document.createElement("i"); p.style.color = root.getPropertyValue(v); document.body.append(p); const c = parse(getComputedStyle(p).color); p.remove(); return c; };
	const card = lum(named("--card"));
	for (const v of ["--line-1", "--line-2", "--line-3", "--edge", "--focus", "--bad", "--warn", "--good"]) {
		const l = lum(named(v)), ratio = (Math.max(l, card) + 0.05) / (Math.min(l, card) + 0.05);
		if (ratio < 3) out.push(ratio.toFixed(2) + " " + v);
	}
	return { checked, out };
})()`

func testContrast(t *testing.T, b *webtest.Browser) {
	for _, scene := range []webtest.Scene{{Overflow: true, Leak: 204}, {Leak: 204}, {}} {
		scene.At = time.Now()
		_, p := opened(t, b, web.Options{History: webtest.NewPast(time.Now())}, webtest.View{Still: true}, scene.Snapshot())
		see(t, p, "looked", "for 3 h 20 min")
		eval[bool](t, p, `document.querySelectorAll("details").forEach((d) => { d.open = true; }) ?? true`)
		var grounds []string
		for _, dark := range []bool{false, true} {
			if err := p.Look(webtest.View{Dark: dark, Still: true}); err != nil {
				t.Fatal(err)
			}
			until(t, p, fmt.Sprintf(`matchMedia("(prefers-color-scheme: dark)").matches === %t`, dark))
			found := eval[struct {
				Checked int      `json:"checked"`
				Out     []string `json:"out"`
			}](t, p, contrast)
			if found.Checked < 100 {
				t.Errorf("only %d texts were seen", found.Checked)
			}
			for _, x := range found.Out {
				t.Errorf("dark %t: contrast %s", dark, x)
			}
			grounds = append(grounds, eval[string](t, p, `getComputedStyle(document.body).backgroundColor`))
		}
		if grounds[0] == grounds[1] {
			t.Errorf("got the ground %s in both schemes", grounds[0])
		}
		// The choice on the page wins over the system's.
		eval[bool](t, p, `document.getElementById("theme").click() ?? true`)
		if got := eval[string](t, p, `getComputedStyle(document.body).backgroundColor`); got != grounds[0] {
			t.Errorf("got %s after choosing light, want %s", got, grounds[0])
		}
		p.Close()
	}
}

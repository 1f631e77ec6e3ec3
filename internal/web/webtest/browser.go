package webtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// ErrNoBrowser tells that there is no Chromium on this machine.
var ErrNoBrowser = errors.New("webtest: no chromium, chromium-browser or google-chrome in PATH")

// FindBrowser returns the path of a Chromium, or [ErrNoBrowser].
func FindBrowser() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNoBrowser
}

// Browser is a running browser.
type Browser struct {
	ctx  context.Context
	stop []context.CancelFunc
}

// Start starts a browser. It ends with Close or with the context.
func Start(ctx context.Context) (*Browser, error) {
	path, err := FindBrowser()
	if err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-lcd-text", true), // pictures look the same everywhere
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses to run as root with it
	}
	b := &Browser{}
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	b.stop = append(b.stop, stop)
	ctx, stop = chromedp.NewContext(ctx)
	b.stop = append(b.stop, stop)
	b.ctx = ctx
	if err := chromedp.Do(ctx); err != nil {
		b.Close()
		return nil, fmt.Errorf("webtest: start %s: %w", path, err)
	}
	return b, nil
}

// Close ends the browser.
func (b *Browser) Close() {
	for _, stop := range slices.Backward(b.stop) {
		stop()
	}
	b.stop = nil
}

// View says how a page is looked at. The zero value is a wide light screen.
type View struct {
	// Width and Height are in CSS pixels (default 1280 by 900), Scale is how
	// many pixels of the screen one is (default 1).
	Width, Height int64
	Scale         float64
	// Dark prefers dark colours, Still no motion. Mobile acts like a telephone.
	Dark, Still, Mobile bool
}

// Page is an open page.
type Page struct {
	// Ctx is the tab, for actions of chromedp.
	Ctx  context.Context
	stop context.CancelFunc

	mu       sync.Mutex
	requests []string
	problems []string
}

// Open opens a page in a tab of its own and waits until it has loaded.
func (b *Browser) Open(url string, v View) (*Page, error) {
	ctx, stop := chromedp.NewContext(b.ctx)
	p := &Page{Ctx: ctx, stop: stop}
	err := chromedp.Listen(ctx, p.note)
	if err == nil {
		err = p.Look(v)
	}
	if err == nil {
		err = chromedp.Do(ctx, chromedp.Navigate(url))
	}
	if err != nil {
		stop()
		return nil, fmt.Errorf("webtest: open %s: %w", url, err)
	}
	return p, nil
}

// Close closes the tab.
func (p *Page) Close() { p.stop() }

// Look changes how the page is looked at.
func (p *Page) Look(v View) error {
	if v.Width == 0 {
		v.Width, v.Height = 1280, 900
	}
	if v.Scale == 0 {
		v.Scale = 1
	}
	scheme, motion := "light", "no-preference"
	if v.Dark {
		scheme = "dark"
	}
	if v.Still {
		motion = "reduce"
	}
	_, err := chromedp.Call(p.Ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: v.Width, Height: v.Height, DeviceScaleFactor: v.Scale, Mobile: v.Mobile,
	})
	if err == nil {
		_, err = chromedp.Call(p.Ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: motion},
			},
		})
	}
	if err != nil {
		return fmt.Errorf("webtest: look: %w", err)
	}
	return nil
}

// note keeps what the page asked for and what went wrong in it.
func (p *Page) note(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
	case *runtime.EventExceptionThrown:
		p.problems = append(p.problems, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			var words []string
			for _, a := range e.Args {
				words = append(words, fmt.Sprintf("%s%s", a.Value, a.Description))
			}
			p.problems = append(p.problems, strings.Join(words, " "))
		}
	}
}

// Requests returns the addresses that the page has asked for.
func (p *Page) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.requests...)
}

// Problems returns the errors of scripts and the warnings on the console.
func (p *Page) Problems() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.problems...)
}

// Text returns the text of the page as it is seen.
func (p *Page) Text() (string, error) { return Eval[string](p, "document.body.innerText") }

// Eval computes an expression in the page; promises are waited for.
func Eval[T any](p *Page, expression string) (T, error) {
	v, err := chromedp.Run(p.Ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		return v, fmt.Errorf("webtest: evaluate %s: %w", expression, err)
	}
	return v, nil
}

// WaitText waits until the page shows a text, up to a time. The error tells what
// it shows instead.
func (p *Page) WaitText(text string, most time.Duration) error {
	err := p.WaitFor("document.body.innerText.includes("+quote(text)+")", most)
	if err == nil {
		return nil
	}
	seen, err2 := p.Text()
	return fmt.Errorf("webtest: %q was not seen within %s: %w; the page shows:\n%s", text, most, errors.Join(err, err2), seen)
}

// quote writes a text as a script has it.
func quote(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		return `""` // no text fails
	}
	return string(b)
}

// WaitFor waits until an expression is true, up to a time.
func (p *Page) WaitFor(expression string, most time.Duration) error {
	const often = 50 * time.Millisecond
	ctx, cancel := context.WithTimeout(p.Ctx, most)
	defer cancel()
	again := time.NewTicker(often)
	defer again.Stop()
	for {
		// Not the waiting of chromedp: it compiles text in the page, which the
		// page's policy forbids.
		yes, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if err == nil && yes {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("webtest: wait for %s: %w", expression, errors.Join(ctx.Err(), err))
		case <-again.C:
		}
	}
}

// Replace shows a text as another wherever it is seen, until the page writes it
// again.
func (p *Page) Replace(from, to string) error {
	_, err := Eval[bool](p, fmt.Sprintf(`(() => {
		const all = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
		for (let n; (n = all.nextNode());) if (n.data.includes(%[1]s)) n.data = n.data.replaceAll(%[1]s, %[2]s);
		return true;
	})()`, quote(from), quote(to)))
	return err
}

// Screenshot writes the whole page, however long, as a picture (PNG).
func (p *Page) Screenshot(path string) error {
	const quality = 100 // of PNG: there is no other
	picture, err := chromedp.Run(p.Ctx, chromedp.FullScreenshot(quality))
	if err != nil {
		return fmt.Errorf("webtest: picture: %w", err)
	}
	if err := os.WriteFile(path, picture, 0o644); err != nil {
		return fmt.Errorf("webtest: picture: %w", err)
	}
	return nil
}

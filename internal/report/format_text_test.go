package report

import (
	"fmt"
	"strings"
	"testing"
	"unicode"

	"charm.land/lipgloss/v2"
	"pgregory.net/rapid"

	"github.com/tcpdoctor/tcpdoctor/rules"
)

func TestTextKeepsToTheWidth(t *testing.T) {
	t.Parallel()
	for _, c := range situations() {
		r := judged(c.window).Report
		for width := 40; width <= 200; width++ {
			for _, color := range []bool{false, true} {
				for line := range strings.SplitSeq(rendered(t, "text", r, Options{Width: width, Color: color}), "\n") {
					if w := lipgloss.Width(line); w > width {
						t.Errorf("%s at %d columns: got a line of %d: %q", c.name, width, w, line)
					}
					if strings.TrimRight(line, " ") != line {
						t.Errorf("%s at %d columns: white space at the end of %q", c.name, width, line)
					}
				}
			}
		}
	}
}

// TestOneProblemFitsTheScreen: 24 lines, one of them the prompt that follows.
func TestOneProblemFitsTheScreen(t *testing.T) {
	t.Parallel()
	for _, c := range situations() {
		r := judged(c.window).Report
		if len(r.Findings) > 1 {
			continue
		}
		for _, width := range []int{80, 100, 120, 200} {
			if n := strings.Count(rendered(t, "text", r, Options{Width: width}), "\n"); n > screen {
				t.Errorf("%s at %d columns: got %d lines, want at most %d", c.name, width, n, screen)
			}
		}
	}
}

// TestTextOrder: what, why, who, what now, what was seen.
func TestTextOrder(t *testing.T) {
	t.Parallel()
	for _, c := range situations() {
		r := judged(c.window).Report
		text := rendered(t, "text", r, Options{Width: 100})
		if len(r.Findings) != 1 {
			continue
		}
		at := -1
		for _, label := range []string{strings.ToUpper(string(r.Findings[0].Severity)), "\n  why ", "\n  who ", "\n  now ", "\n  seen "} {
			next := strings.Index(text, label)
			if next <= at {
				t.Errorf("%s: %q is missing or out of order in:\n%s", c.name, label, text)
			}
			at = next
		}
	}
}

func TestColorOnlyAddsEscapeSequences(t *testing.T) {
	t.Parallel()
	for _, c := range situations() {
		r := judged(c.window).Report
		plain, colored := rendered(t, "text", r, Options{Width: 80}), rendered(t, "text", r, Options{Width: 80, Color: true})
		if strings.Contains(plain, "\x1b") {
			t.Errorf("%s: escape sequences without colour", c.name)
		}
		if !strings.Contains(colored, "\x1b[") {
			t.Errorf("%s: no colour", c.name)
		}
		if got := withoutEscapes(colored); got != plain {
			t.Errorf("%s: coloured text says something else:\n%s\nwant\n%s", c.name, got, plain)
		}
	}
}

// withoutEscapes removes the sequences that set colours, and no others.
func withoutEscapes(s string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "\x1b[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		end := strings.IndexFunc(after, func(r rune) bool { return r != ';' && !unicode.IsDigit(r) })
		if end < 0 || after[end] != 'm' {
			return "no colour: " + after
		}
		s = after[end+1:]
	}
}

// TestNothingRawReachesTheReader: whatever names are made of, no renderer
// passes on a control character.
func TestNothingRawReachesTheReader(t *testing.T) {
	t.Parallel()
	check := func(t interface{ Errorf(string, ...any) }, format, text string) {
		for _, r := range text {
			if r != '\n' && !unicode.IsPrint(r) && (format == "text" || format == "nagios" || unicode.IsControl(r)) {
				t.Errorf("%s passes on %U: %q", format, r, text)
				return
			}
		}
	}
	r := judged(hostileNames()).Report
	for _, format := range FormatNames() {
		check(t, format, rendered(t, format, r, Options{}))
	}
	html := rendered(t, "html", r, Options{})
	if strings.Contains(html, "<script") {
		t.Errorf("the page holds a script: %s", html)
	}
	tabbed := acceptWindow()
	tabbed.Host.Hostname = "\t\n" // once a raw block in YAML
	for _, format := range FormatNames() {
		check(t, format, rendered(t, format, judged(tabbed).Report, Options{}))
	}
	rapid.Check(t, func(rt *rapid.T) {
		w := acceptWindow()
		w.Processes[0].Comm = string(rapid.SliceOf(rapid.Byte()).Draw(rt, "comm"))
		w.Host.Hostname = rapid.String().Draw(rt, "hostname")
		r := judged(w).Report
		for _, format := range FormatNames() {
			check(rt, format, rendered(t, format, r, Options{}))
		}
	})
}

func TestSameWindowSameBytes(t *testing.T) {
	t.Parallel()
	for _, c := range situations() {
		for _, format := range FormatNames() {
			first := rendered(t, format, judged(c.window).Report, Options{})
			for range 20 {
				if rendered(t, format, judged(c.window).Report, Options{}) != first {
					t.Errorf("%s as %s: another run gives other bytes", c.name, format)
					break
				}
			}
		}
	}
}

func TestMinSeverityHidesButKeepsTheVerdict(t *testing.T) {
	t.Parallel()
	r := judged(closeWaitWindow()).Report
	o := Options{Width: 80, MinSeverity: rules.Critical}
	text := rendered(t, "text", r, o)
	if !strings.HasPrefix(text, "! 1 warning") || !strings.Contains(text, "1 finding below critical not shown") || strings.Contains(text, "java") {
		t.Errorf("got\n%s", text)
	}
	if !strings.Contains(rendered(t, "json", r, o), `"findings": []`) {
		t.Error("JSON shows a finding below the severity")
	}
	if !strings.HasPrefix(rendered(t, "nagios", r, o), "TCPDOCTOR WARNING - 1 warning |") {
		t.Errorf("got %s", rendered(t, "nagios", r, o))
	}
}

func TestFill(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.StringMatching(`[a-z0-9·→界]{1,30}`)).Draw(t, "words")
		width := rapid.IntRange(8, 40).Draw(t, "width")
		first := rapid.IntRange(8, 40).Draw(t, "first")
		lines := fill(words, first, width)
		for i, l := range lines {
			most := width
			if i == 0 {
				most = first
			}
			if w := displayWidth(l); w > most {
				t.Fatalf("line %d is %d wide, want at most %d: %q", i, w, most, l)
			}
		}
		if got, want := strings.ReplaceAll(strings.Join(lines, ""), " ", ""), strings.Join(words, ""); got != want {
			t.Fatalf("got text %q, want %q", got, want)
		}
	})
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{
		0: "0", 7: "7", 999: "999", 1000: "1,000", 15000: "15,000", 1234567: "1,234,567", -12345: "-12,345",
		0.5: "0.5", 3.14159: "3.1", 37.2: "37.2", 249.6: "250", 0.001234: "0.0012", 1e30: "1e+30",
	} {
		if got := number(v); got != want {
			t.Errorf("number(%v): got %q, want %q", v, got, want)
		}
	}
}

func Example() {
	r := judged(healthyWindow()).Report
	fmt.Println(r.Worst() == "", r.LookedAt.Checks)
	// Output: true 5
}

package report

import (
	"fmt"
	"image/color"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"charm.land/lipgloss/v2"
)

// tone is what a piece of text is to look like.
type tone int

const (
	plain tone = iota
	strong
	faint
	good
	warn
	bad
	command
)

// page collects lines of at most width columns.
type page struct {
	b     strings.Builder
	lines int
	width int
	color bool
	squeeze
}

// squeeze is what gives way where one problem must fit a screen. The zero
// value leaves out nothing.
type squeeze struct {
	// seenLines bounds the lines of evidence of a finding; 0 does not.
	seenLines int
	// terse leaves out effects that are no figures, and shortens what could
	// not be looked at.
	terse bool
}

// squeezes go from mild to harsh.
func squeezes() []squeeze {
	return []squeeze{{seenLines: 3}, {seenLines: 2}, {seenLines: 2, terse: true}, {seenLines: 1, terse: true}}
}

func newPage(o Options) *page {
	p := &page{width: o.Width, color: o.Color}
	if p.width <= 0 {
		p.width = widthUsual
	}
	p.width = min(max(p.width, widthLeast), widthMost)
	return p
}

// Columns of a page: unless told otherwise, at least, and at most, because
// nobody reads longer lines gladly.
const (
	widthUsual = 80
	widthLeast = 40
	widthMost  = 120
)

// paint applies a tone where colour is allowed. Only the sixteen basic colours
// are used, which every terminal maps to its own theme.
func (p *page) paint(t tone, s string) string {
	if !p.color || s == "" {
		return s
	}
	style := lipgloss.NewStyle()
	basic := func(c color.Color) lipgloss.Style { return style.Bold(true).Foreground(c) }
	switch t {
	case strong:
		style = style.Bold(true)
	case faint:
		style = style.Faint(true)
	case good:
		style = basic(lipgloss.Green)
	case warn:
		style = basic(lipgloss.Yellow)
	case bad:
		style = basic(lipgloss.Red)
	case command:
		style = style.Foreground(lipgloss.Cyan)
	default:
		return s
	}
	return style.Render(s)
}

// line writes one finished line, without white space at its end.
func (p *page) line(parts ...string) {
	p.b.WriteString(strings.TrimRight(strings.Join(parts, ""), " "))
	p.b.WriteByte('\n')
	p.lines++
}

// sides writes one text at the left edge and one at the right, on two lines
// where they do not fit on one.
func (p *page) sides(left string, lt tone, right string, rt tone) {
	lines := wrap(left, p.width)
	for i, l := range lines {
		gap := p.width - displayWidth(l) - displayWidth(right)
		if i == len(lines)-1 && gap >= 2 {
			p.line(p.paint(lt, l), strings.Repeat(" ", gap), p.paint(rt, right))
			return
		}
		p.line(p.paint(lt, l))
	}
	p.block("  ", "  ", right, rt)
}

// block writes wrapped text with one lead before its first line and another
// before all others. Leads may hold escape sequences, the text may not.
func (p *page) block(first, other, text string, t tone) {
	p.flow(first, other, strings.Fields(text), t)
}

// list is block for text made of items that are better not broken.
func (p *page) list(first, other string, items []string, t tone) {
	p.flow(first, other, p.words(other, items), t)
}

// words turns items into what [fill] puts together: whole where they fit.
func (p *page) words(other string, items []string) []string {
	var words []string
	for i, item := range items {
		if i < len(items)-1 {
			item += " ·"
		}
		if displayWidth(item) <= p.width-displayWidth(other) {
			words = append(words, item)
		} else {
			words = append(words, strings.Fields(item)...)
		}
	}
	return words
}

func (p *page) flow(first, other string, words []string, t tone) {
	lead := first
	for _, l := range fill(words, p.width-displayWidth(first), p.width-displayWidth(other)) {
		p.line(lead, p.paint(t, l))
		lead = other
	}
}

// wrap breaks text into lines of at most width columns.
func wrap(text string, width int) []string { return fill(strings.Fields(text), width, width) }

// fill puts words into lines: the first of at most first columns, the others
// of at most other. A word is broken only where it is wider than a line.
func fill(words []string, first, other int) []string {
	var lines []string
	line, used, width := "", 0, max(first, 8)
	flush := func() {
		lines = append(lines, line)
		line, used, width = "", 0, max(other, 8)
	}
	for _, word := range words {
		w := displayWidth(word)
		if used > 0 && used+1+w > width {
			flush()
		}
		if used > 0 {
			line += " "
			used++
		}
		for w > width {
			line = cut(word, width)
			word = word[len(line):]
			flush()
			w = displayWidth(word)
		}
		line += word
		used += w
	}
	if used > 0 || len(lines) == 0 {
		flush()
	}
	return lines
}

func displayWidth(s string) int { return lipgloss.Width(s) }

// cut returns as much of the beginning of a word as fits, one rune at least.
func cut(word string, width int) string {
	end := 0
	for i, r := range word {
		next := i + utf8.RuneLen(r)
		if end > 0 && displayWidth(word[:next]) > width {
			break
		}
		end = next
	}
	return word[:end]
}

// grouped prints a whole number with separators: 15,000.
func grouped(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// number prints a figure as people read it: whole numbers as they are, others
// with as many digits as matter.
func number(v float64) string {
	sign, a := "", math.Abs(v)
	if v < 0 {
		sign = "-"
	}
	switch {
	case a >= 1<<63:
		return strconv.FormatFloat(v, 'g', 3, 64)
	case a == math.Trunc(a) || a >= 100:
		return sign + grouped(uint64(math.Round(a)))
	case a >= 10:
		return sign + strconv.FormatFloat(a, 'f', 1, 64)
	}
	return sign + strconv.FormatFloat(a, 'g', 2, 64)
}

// many prints a count with its noun.
func many(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%s %s", grouped(uint64(n)), more)
}

package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/internal/conformance"
	"github.com/tcpdoctor/tcpdoctor/internal/report"
	"github.com/tcpdoctor/tcpdoctor/internal/selftest"
)

// Widths of the columns of the table of faults.
const (
	foundWidth   = 7 // as wide as "skipped"
	culpritWidth = 7
	secondsWidth = 7
	titleLeast   = 40 // below it the cause is left out: a title nearly says it
)

// faultTable writes what came of the faults in the order of the lab, each as soon
// as all before it are known.
type faultTable struct {
	out     io.Writer
	ink     ink
	title   int // widths; cause is 0 where it is left out
	cause   int
	room    int
	family  bool // rows must say which
	rows    []*selftest.Row
	written int
	err     error
}

func newFaultTable(io streams, cases []selftest.Case) *faultTable {
	t := &faultTable{out: io.Out, ink: ink(io.Color), room: max(io.Width, leastWidth), rows: make([]*selftest.Row, len(cases))}
	for _, c := range cases {
		t.family = t.family || c.Family != cases[0].Family
	}
	for _, c := range cases {
		t.title = max(t.title, columns(t.name(selftest.Row{Title: c.Fault.Title, Family: c.Family.String()})))
		t.cause = max(t.cause, columns(c.Fault.Expect.Cause))
	}
	rest := foundWidth + culpritWidth + secondsWidth + 3*2
	if room := t.room - rest - t.cause - 2; room < min(t.title, titleLeast) {
		t.cause = 0
		t.title = min(t.title, t.room-rest)
	} else {
		t.title = min(t.title, room)
	}
	t.title = max(t.title, 12)
	return t
}

func (t *faultTable) name(r selftest.Row) string {
	if t.family {
		return r.Title + " (" + r.Family + ")"
	}
	return r.Title
}

// add takes a row and writes all that can be written in order.
func (t *faultTable) add(index int, r selftest.Row) {
	t.rows[index] = &r
	for t.written < len(t.rows) && t.rows[t.written] != nil {
		t.write(*t.rows[t.written])
		t.written++
	}
}

// rest writes the rows that were waiting for others before them.
func (t *faultTable) rest() error {
	for ; t.written < len(t.rows); t.written++ {
		if r := t.rows[t.written]; r != nil {
			t.write(*r)
		}
	}
	return t.err
}

// end writes the line below the table.
func (t *faultTable) end(r selftest.Report) error {
	if t.err = t.rest(); t.err != nil {
		return t.err
	}
	text := fmt.Sprintf("%d of %d as expected", r.Expected, r.Total)
	if r.Kernel != "" {
		text += " on Linux " + r.Kernel
	}
	text += fmt.Sprintf(" in %.0f s", r.WallSeconds)
	if n := r.Skipped(); n > 0 {
		text += fmt.Sprintf(" · %d cannot be made here", n)
	}
	paint := t.ink.good
	if !r.Agrees() || r.Total == 0 {
		paint = t.ink.bad
	}
	return writeText(t.out, paint(report.Clean(text))+"\n")
}

func (t *faultTable) write(r selftest.Row) {
	var b strings.Builder
	if t.written == 0 {
		t.line(&b, strings.Clone, "fault", "found", "culprit", "cause", "seconds")
	}
	mark := func(ok bool) string {
		if ok {
			return "✔"
		}
		return "✖"
	}
	paint := t.ink.good
	found, culprit, cause := mark(r.Found), mark(r.Culprit), r.Cause
	switch {
	case r.Skipped != "":
		found, culprit, paint = "skipped", "", t.ink.faint
	case r.Harmless && r.AsExpected:
		found, culprit = "silent", ""
	case r.Harmless:
		found, culprit = "✖", ""
	}
	if !r.AsExpected && r.Skipped == "" {
		paint = t.ink.bad
	}
	lines := folded(t.name(r), t.title)
	t.line(&b, paint, lines[0], found, culprit, cause, fmt.Sprintf("%.1f", r.Seconds))
	for _, l := range lines[1:] {
		b.WriteString("  " + l + "\n")
	}
	problems := r.Problems
	if r.Skipped != "" {
		problems = []string{r.Skipped}
	}
	for _, p := range problems {
		for i, l := range folded(p, t.room-6) {
			lead := "    ↳ "
			if i > 0 {
				lead = "      "
			}
			b.WriteString(lead + l + "\n")
		}
	}
	if t.err == nil {
		t.err = writeText(t.out, b.String())
	}
}

// line writes one line of the table; what was found is painted.
func (t *faultTable) line(b *strings.Builder, paint func(string) string, title, found, culprit, cause, seconds string) {
	b.WriteString(padded(title, t.title) + "  ")
	b.WriteString(paint(centred(found, foundWidth)) + "  " + paint(centred(culprit, culpritWidth)) + "  ")
	if t.cause > 0 {
		b.WriteString(padded(cause, t.cause) + "  ")
	}
	fmt.Fprintf(b, "%*s\n", secondsWidth, seconds)
}

// centred puts text in the middle of a column.
func centred(s string, width int) string {
	left := max(0, width-columns(s)) / 2
	return padded(strings.Repeat(" ", left)+s, width)
}

// writeConformance writes what the suite says, with a verdict as its last line.
func (o *selftestOptions) writeConformance(r conformance.Report) error {
	if err := r.WriteText(o.io.Out); err != nil {
		return err
	}
	total := r.Total()
	text := fmt.Sprintf("the model and Linux %s agree in %d of %d", r.Kernel, total.Agree, total.Comparisons)
	if total.Listed > 0 {
		text += fmt.Sprintf(", differ in %d for a known reason", total.Listed)
	}
	if total.Unlisted > 0 {
		text += fmt.Sprintf(", in %d for none that is known", total.Unlisted)
	}
	if n := len(r.Failures); n > 0 {
		text += fmt.Sprintf("; %d not brought to their end", n)
	}
	paint := ink(o.io.Color).good
	if !r.Agrees() {
		paint = ink(o.io.Color).bad
	}
	return writeText(o.io.Out, "\n"+paint(report.Clean(text))+"\n")
}

// ticker draws one line on a terminal that says how far a long run is. Its
// methods are called one at a time.
type ticker struct {
	w     io.Writer
	width int
}

// newTicker returns a ticker that shows itself only on a terminal.
func newTicker(io streams) *ticker { return &ticker{w: io.Err, width: io.ErrWidth} }

func (t *ticker) show(done, total int, what string) {
	if t.width <= 0 {
		return
	}
	const cells = 20
	filled := 0
	if total > 0 {
		filled = cells * done / total
	}
	line := []rune(fmt.Sprintf("%s%s  %d of %d  %s", strings.Repeat("█", filled), strings.Repeat("░", cells-filled), done, total, report.Clean(what)))
	fmt.Fprint(t.w, "\r\x1b[K"+string(line[:min(len(line), max(t.width-1, 0))]))
}

func (t *ticker) clear() {
	if t.width > 0 {
		fmt.Fprint(t.w, "\r\x1b[K")
	}
}

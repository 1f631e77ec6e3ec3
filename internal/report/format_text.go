package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/rules"
)

var formatText = Format{Name: "text", Doc: "for people: what, who, why, what now", Render: renderText}

// labelWidth is how far the text of a finding is indented.
const (
	labelWidth       = 10
	labelWidthNarrow = 6
	narrow           = 56
)

// screen is how many lines one problem may take: a terminal of 24 with the
// prompt below.
const screen = 23

func renderText(w io.Writer, r *Report, o Options) error {
	shown := r.filtered(o)
	p := newPage(o)
	p.write(r, shown, o)
	if len(shown.Findings) == 1 {
		// More of the evidence is in JSON; the first line must not scroll away.
		for _, less := range squeezes() {
			if p.lines <= screen {
				break
			}
			p = newPage(o)
			p.squeeze = less
			p.write(r, shown, o)
		}
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

func (p *page) write(r, shown *Report, o Options) {
	p.verdict(r)
	for _, f := range shown.Findings {
		p.line()
		p.finding(r, f)
	}
	if len(shown.Findings) > 0 {
		p.line()
	}
	if hidden := len(r.Findings) - len(shown.Findings); hidden > 0 {
		p.block("", "  ", fmt.Sprintf("%s below %s not shown", many(hidden, "finding", "findings"), o.MinSeverity), faint)
	}
	p.lookedAt(r)
	p.baseline(r.Baseline)
	p.foot(r, shown)
}

// verdict writes the first line: what is the matter, and on which host when.
func (p *page) verdict(r *Report) {
	text, t := r.verdict()
	p.sides(Clean(text), t, Clean(r.where()), faint)
}

func (r *Report) verdict() (string, tone) {
	remarks := ""
	if n := r.count(rules.Info); n > 0 {
		remarks = ", " + many(n, "remark", "remarks")
	}
	critical, warnings := r.count(rules.Critical), r.count(rules.Warning)
	judged := r.LookedAt.Checks - len(r.Unknown)
	switch {
	case critical > 0 && warnings > 0:
		return fmt.Sprintf("✖ %d critical, %s%s", critical, many(warnings, "warning", "warnings"), remarks), bad
	case critical > 0:
		return fmt.Sprintf("✖ %d critical%s", critical, remarks), bad
	case warnings > 0:
		return fmt.Sprintf("! %s%s", many(warnings, "warning", "warnings"), remarks), warn
	case len(r.Namespaces) == 0:
		return "? nothing was looked at", warn
	case r.LookedAt.Checks > 0 && judged <= 0:
		return "? nothing could be judged" + remarks, warn
	case len(r.Unknown) > 0:
		return fmt.Sprintf("✔ no problem found by %d of %d checks%s", judged, r.LookedAt.Checks, remarks), good
	}
	return "✔ no problem found" + remarks, good
}

func (p *page) indent() int {
	if p.width < narrow {
		return labelWidthNarrow
	}
	return labelWidth
}

func (p *page) finding(r *Report, f rules.Finding) {
	indent := strings.Repeat(" ", p.indent())
	t := map[rules.Severity]tone{rules.Critical: bad, rules.Warning: warn}[f.Severity]
	name := strings.ToUpper(string(f.Severity))
	head := fmt.Sprintf("%-*s", p.indent(), name+" ")
	lines := wrap(Clean(f.Summary), p.width-len(head))
	p.heading(p.paint(t, head), indent, len(head), lines, f.ID)

	why := f.Explanation
	if f.Since != nil {
		why += "; since " + f.Since.Format("2006-01-02 15:04:05")
	}
	if f.Confidence != rules.Certain && f.Confidence != "" {
		why += fmt.Sprintf(" (%s)", f.Confidence)
	}
	p.labelled("why", why)
	p.listed("who", r.whoWords(f))
	p.remedies(r, f)
	if len(f.Evidence) > 0 {
		p.seen(cleanAll(evidenceWords(f.Evidence)))
	}
}

// heading writes the summary with the finding's ID at the right edge, behind
// its last line or below it.
func (p *page) heading(head, indent string, headWidth int, lines []string, id string) {
	for i, l := range lines {
		lead, leadWidth := indent, len(indent)
		if i == 0 {
			lead, leadWidth = head, headWidth
		}
		gap := p.width - leadWidth - displayWidth(l) - displayWidth(id)
		if i == len(lines)-1 && gap >= 2 {
			p.line(lead, p.paint(strong, l), strings.Repeat(" ", gap), p.paint(faint, id))
			return
		}
		p.line(lead, p.paint(strong, l))
	}
	p.line(strings.Repeat(" ", max(len(indent), p.width-displayWidth(id))), p.paint(faint, id))
}

// lead is the label column: the label on its first line, blank on the others.
func (p *page) lead(label string) (first, other string) {
	edge := min(2, p.indent()-5)
	first = fmt.Sprintf("%*s%-*s", edge, "", p.indent()-edge, label)
	return p.paint(faint, first), strings.Repeat(" ", p.indent())
}

func (p *page) labelled(label, text string) {
	first, other := p.lead(label)
	p.block(first, other, Clean(text), plain)
}

func (p *page) listed(label string, items []string) {
	first, other := p.lead(label)
	p.list(first, other, cleanAll(items), plain)
}

// seen writes the evidence, or as much as there is room for.
func (p *page) seen(items []string) {
	first, other := p.lead("seen")
	width := p.width - displayWidth(other)
	fits := func(some []string) bool {
		return p.seenLines == 0 || len(fill(p.words(other, some), width, width)) <= p.seenLines
	}
	kept := items
	for n := len(items) - 1; n > 0 && !fits(kept); n-- {
		kept = append(slices.Clone(items[:n]), fmt.Sprintf("%d more (-o json)", len(items)-n))
	}
	p.list(first, other, kept, plain)
}

// remedies writes what to do, in order, and what not to bother with.
func (p *page) remedies(r *Report, f rules.Finding) {
	first, other := p.lead("now")
	lead := first
	number := 0
	for _, x := range f.Prescriptions {
		if x.Kind == rules.PrescribeNone {
			continue
		}
		number++
		mark := strconv.Itoa(number) + " "
		t := plain
		if x.Kind == rules.PrescribeSysctl {
			t = command
		}
		effect := Clean(effectWords(x.Effect))
		if p.terse && x.Effect.Predicted == "" {
			effect = ""
		}
		p.remedy(lead+mark, other+strings.Repeat(" ", len(mark)), Clean(r.remedyWords(f, x)), effect, t)
		lead = other
	}
	if useless := uselessWords(f.Prescriptions); len(useless) > 0 {
		p.flow(lead+"not: ", other+"     ", cleanAll(useless), faint)
	}
}

// remedy writes what to do and what comes of it, on one line where both fit.
func (p *page) remedy(first, other, text, effect string, t tone) {
	lines := wrap(text, p.width-displayWidth(other))
	for i, l := range lines {
		lead := other
		if i == 0 {
			lead = first
		}
		room := p.width - displayWidth(other) - displayWidth(l)
		if i == len(lines)-1 && effect != "" && displayWidth(effect)+4 <= room {
			p.line(lead, p.paint(t, l), "  ", p.paint(faint, "↳ "+effect))
			return
		}
		p.line(lead, p.paint(t, l))
	}
	if effect != "" {
		p.block(other+p.paint(faint, "↳ "), other+"  ", effect, faint)
	}
}

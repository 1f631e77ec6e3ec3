package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/fix"
	"github.com/tcpdoctor/tcpdoctor/internal/report"
	"github.com/tcpdoctor/tcpdoctor/rules"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// showProposal writes what is wrong, what the model says of each remedy, and the
// plans.
func (w *fixWork) showProposal(r *report.Report) error {
	s := w.o.sheet()
	if len(w.attempts) == 0 && len(w.hopeless) == 0 {
		return nil // said at the end
	}
	s.line(0, fmt.Sprintf("%s in %s, measured over %v", count(len(w.findings()), "problem"), w.s.name,
		(time.Duration(r.WindowSeconds*float64(time.Second))).Round(100*time.Millisecond)))
	for _, t := range w.attempts {
		for _, c := range t.attempt.Cases {
			w.showCase(s, c)
		}
		if err := s.end(); err != nil {
			return err
		}
		if err := w.o.showPlan(w.s, t.plan); err != nil {
			return err
		}
	}
	return s.end()
}

// headline is a finding in one line.
func headline(f rules.Finding) string {
	return strings.ToUpper(string(f.Severity)) + "  " + f.Summary + "  [" + f.ID + "]"
}

// showCase writes a finding and what is predicted of its cures.
func (w *fixWork) showCase(s *sheet, c fix.Case) {
	s.line(0, "")
	s.line(0, headline(c.Finding))
	s.labelled("why", c.Finding.Explanation)
	for _, e := range c.Expected {
		b := fix.Comparison{Name: e.Name, Unit: e.Unit, Expected: &e}
		for _, r := range c.Before {
			if r.Name == e.Name {
				b.Before = &r.Value
			}
		}
		s.labelled("model", predicted(b))
	}
	if a := c.Acting(); a != nil {
		s.labelled("then", a.What)
	}
}

// predicted says what the model expects of one figure: "drops 37/s → 0/s, range 0/s
// to 3.7/s".
func predicted(c fix.Comparison) string {
	e := c.Expected
	text := strings.ReplaceAll(c.Name, "-", " ") + " "
	if c.Before != nil {
		text += fix.Span(*c.Before, " → ", e.Predicted, c.Unit)
	} else {
		text += fix.Amount(e.Predicted, c.Unit)
	}
	text += ", " + rangeText(c)
	if e.Note != "" {
		text += " (" + e.Note + ")"
	}
	return text
}

// rangeText is the range of a prediction in words.
func rangeText(c fix.Comparison) string {
	return "range " + fix.Span(c.Expected.Low, " to ", c.Expected.High, c.Unit)
}

// showOutcome writes what came of it all.
func (w *fixWork) showOutcome() error {
	s := w.o.sheet()
	if len(w.attempts) == 0 && len(w.hopeless) == 0 {
		s.line(0, w.nothingWrong())
	}
	if w.declined {
		s.line(0, "nothing changed: declined")
	}
	for _, t := range w.attempts {
		w.showTry(s, t)
	}
	for _, h := range w.hopeless {
		showHopeless(s, h)
	}
	for _, f := range w.fresh {
		s.line(0, "")
		s.line(0, "new since the change: "+f)
	}
	return s.end()
}

func (w *fixWork) nothingWrong() string {
	if len(w.o.ids) > 0 {
		return "nothing to fix: not found in " + w.s.name + ": " + strings.Join(w.o.ids, ", ")
	}
	return "nothing to fix: no problem found in " + w.s.name
}

// showTry writes what came of one change.
func (w *fixWork) showTry(s *sheet, t *fixTry) {
	switch {
	case t.refused != "":
		s.line(0, "")
		s.line(0, "refused  "+t.attempt.Title()+": "+t.refused)
		return
	case w.o.dryRun:
		s.line(0, "dry run: nothing was changed")
		return
	}
	for i, j := range t.judged {
		c := t.attempt.Cases[i]
		s.line(0, "")
		s.line(0, fmt.Sprintf("%s  %s: %s", strings.ToUpper(string(j.Outcome)), c.About(), j.Why))
		for _, f := range j.Figures {
			if f.After != nil {
				s.line(2, comparisonText(f))
			}
		}
		if a := c.Acting(); a != nil && j.Outcome == fix.Waiting {
			s.labelled("next", a.What)
		}
	}
	if t.judged != nil {
		s.labelled("change", w.fate(t))
	}
	for _, l := range t.left {
		s.line(4, "↳ not put back: "+l)
	}
}

// fate says what became of a change, and which command goes on.
func (w *fixWork) fate(t *fixTry) string {
	id := t.result.ChangeID
	by := ""
	if !t.result.Deadline.IsZero() {
		by = fmt.Sprintf("; undone at %s otherwise", t.result.Deadline.Local().Format(time.TimeOnly))
	}
	switch {
	case t.result.Phase == sysctl.PhaseUndone:
		return id + " is undone"
	case t.has(fix.Waiting):
		return fmt.Sprintf("%s stays; then: tcpdoctor fix --resume %s%s", id, id, by)
	case t.result.Phase == sysctl.PhasePending:
		return fmt.Sprintf("%s is not proven; under load again: tcpdoctor fix --resume %s%s", id, id, by)
	case t.has(fix.Unproven) && !t.has(fix.Cured, fix.Better):
		return fmt.Sprintf("%s stays and is not proven; under load again: tcpdoctor fix --resume %s", id, id)
	}
	return fmt.Sprintf("%s is confirmed. To undo it: tcpdoctor change rollback %s", id, id)
}

// comparisonText is one figure before and after, beside what was predicted.
func comparisonText(c fix.Comparison) string {
	text := fmt.Sprintf("%-14s", strings.ReplaceAll(c.Name, "-", " "))
	switch {
	case c.Before == nil && c.After == nil:
		text += "not measured"
	case c.Before == nil:
		text += "not measured → " + fix.Amount(*c.After, c.Unit)
	case c.After == nil:
		text += fix.Amount(*c.Before, c.Unit) + " → not measured"
	default:
		text += fix.Span(*c.Before, " → ", *c.After, c.Unit)
	}
	if c.Expected == nil {
		return text
	}
	text += " · predicted " + fix.Amount(c.Expected.Predicted, c.Unit) + ", " + rangeText(c)
	switch {
	case c.Within == nil:
	case *c.Within:
		text += " ✔"
	default:
		text += " ✖"
	}
	return text
}

// showHopeless writes a finding that no setting helps against, and who must do what.
func showHopeless(s *sheet, h fix.Hopeless) {
	s.line(0, "")
	s.line(0, headline(h.Finding))
	s.labelled("why", h.Finding.Explanation)
	s.line(2, "no setting helps: "+fix.Whose(h.Finding.Actor)+" must act"+ofWhom(h.Finding.Subject))
	for _, p := range h.Instead {
		s.line(4, "↳ "+p.Text)
	}
	for _, p := range h.Useless {
		s.line(4, "not: "+p.Text+because(p.Effect.Reason))
	}
}

// ofWhom names the process that a finding is about.
func ofWhom(s rules.Subject) string {
	if s.PID == 0 {
		return ""
	}
	return " · " + s.Who()
}

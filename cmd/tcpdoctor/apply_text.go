package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/tcpdoctor/tcpdoctor/internal/report"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// applyFormat is the value of --output of a command that changes settings.
type applyFormat string

// String prints the name of the format.
func (f *applyFormat) String() string { return string(*f) }

// Type names the value in help texts.
func (f *applyFormat) Type() string { return "format" }

// Set checks that there is such a format.
func (f *applyFormat) Set(text string) error {
	if text != "text" && text != "json" {
		return fmt.Errorf("no format %q (there are: json, text)", text)
	}
	*f = applyFormat(text)
	return nil
}

// asks says whether somebody at a terminal can be shown something and asked.
func (s streams) asks() bool {
	for _, end := range []any{s.In, s.Out} {
		f, ok := end.(*os.File)
		if !ok || !term.IsTerminal(int(f.Fd())) {
			return false
		}
	}
	return true
}

// consent asks a question and wants a "y".
func (o *applyOptions) consent(ctx context.Context, question string) (bool, error) {
	fmt.Fprintf(o.io.Err, "%s [y/N] ", question)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(o.io.In).ReadString('\n')
		answer <- line
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(o.io.Err)
		return false, fmt.Errorf("interrupted: nothing was changed")
	case line := <-answer:
		line = strings.ToLower(strings.TrimSpace(line))
		return line == "y" || line == "yes", nil
	}
}

// sheet collects lines and remembers the first failure to write them.
type sheet struct {
	w     io.Writer
	width int
	err   error
}

func (o *applyOptions) sheet() *sheet { return &sheet{w: o.io.Out, width: max(o.io.Width, 40)} }

// hang is how far what follows a break stands in from where the line began.
const hang = 2

// labelWidth is the width of the column that labels stand in.
const labelWidth = 9

// line writes text after an indent, broken at the width.
func (s *sheet) line(indent int, text string) { s.broken(indent, indent+hang, text) }

// labelled writes text beside a label.
func (s *sheet) labelled(label, text string) {
	s.broken(2, 2+labelWidth, fmt.Sprintf("%-*s", labelWidth, label)+text)
}

// broken writes text after an indent; what follows a break has another.
func (s *sheet) broken(indent, later int, text string) {
	var out strings.Builder
	at, gap := 0, indent
	for i, word := range strings.Split(report.Clean(text), " ") {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case word != "" && at > later && at+gap+1+n > s.width:
			out.WriteByte('\n')
			at, gap = 0, later
		default:
			gap++
		}
		if word == "" {
			continue
		}
		out.WriteString(strings.Repeat(" ", gap) + word)
		at, gap = at+gap+n, 0
	}
	if s.err == nil {
		_, s.err = fmt.Fprintln(s.w, out.String())
	}
}

// end returns the first failure.
func (s *sheet) end() error {
	if s.err != nil {
		return fmt.Errorf("write the result: %w", s.err)
	}
	return nil
}

// count is "1 change", "2 changes".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// showPlan writes what is going to be done.
func (o *applyOptions) showPlan(site *applySite, p *applyPlan) error {
	s := o.sheet()
	refused := len(p.Refused) + len(p.Conflicts)
	head := fmt.Sprintf("plan for %s · %s, %d already as wanted", site.name, count(len(p.Changes), "change"), len(p.Already))
	if refused > 0 {
		head += fmt.Sprintf(", %d refused", refused)
	}
	if left := len(p.request.left); left > 0 {
		head += fmt.Sprintf(", %d left out", left)
	}
	s.line(0, head)
	wide := 0
	for _, c := range p.Changes {
		wide = max(wide, len(c.Key))
	}
	for _, c := range p.Changes {
		text := fmt.Sprintf("%-*s  %s → %s", wide, c.Key, value(c.Key, c.Before), value(c.Key, c.After))
		if c.Risk > sysctl.RiskSafe {
			text += "  (" + c.Risk.String()
			if c.Why != "" {
				text += ": " + c.Why
			}
			text += ")"
		}
		s.line(2, text)
		if p.request.note != nil {
			for _, n := range p.request.note(c) {
				s.line(4, "↳ "+n)
			}
		}
	}
	for _, r := range p.rows {
		if r.Action == actionRefused || r.Action == actionLeft {
			s.labelled(omitted(r))
		}
	}
	if p.file != nil {
		o.showFile(s, p.fileResult(), p.writesFile())
	}
	return s.end()
}

// omitted says what is left out and why. Most reasons begin with the parameter.
func omitted(r applyRow) (label, text string) {
	label = r.Action
	if r.Action == actionLeft {
		label = "left out"
	}
	if strings.HasPrefix(r.Reason, string(r.Key)) {
		return label, r.Reason
	}
	name := string(r.Key)
	if r.Field != "" {
		name += "[" + r.Field + "]"
	}
	return label, name + ": " + r.Reason
}

// value is a value for people; an empty one could be overlooked.
func value(k sysctl.Key, v string) string {
	if v == "" {
		return `""`
	}
	return sysctl.Shown(k, v)
}

// showFile tells what becomes of the file for the next boot.
func (o *applyOptions) showFile(s *sheet, f *applyFile, written bool) {
	text := f.Path
	if !written {
		text += " stays as it is"
	} else if f.After == nil {
		text += " is removed"
	}
	s.labelled("file", text)
	for _, over := range f.harmful() {
		s.line(4, "↳ but "+over.String())
	}
	if !o.diff || !written {
		return
	}
	before, after := linesOf(f.Before), linesOf(f.After)
	for _, l := range before {
		if !slices.Contains(after, l) {
			s.line(4, "- "+l)
		}
	}
	for _, l := range after {
		if !slices.Contains(before, l) {
			s.line(4, "+ "+l)
		}
	}
}

// linesOf returns the lines of a file that say something.
func linesOf(text *string) []string {
	if text == nil {
		return nil
	}
	return slices.DeleteFunc(strings.Split(*text, "\n"), func(l string) bool { return l == "" })
}

// showResult says what came of the plan.
func (o *applyOptions) showResult(d applyResult) error {
	s := o.sheet()
	switch {
	case d.Refused != "" && d.Phase == sysctl.PhaseUndone:
		s.line(0, "undone: "+d.Refused)
	case d.Refused != "":
		s.line(0, "nothing changed: "+d.Refused)
	case !d.Changed && d.Phase == sysctl.PhasePending:
		s.line(0, fmt.Sprintf("nothing to do: it is as change %s made it, which is undone at %s unless: tcpdoctor change confirm %s",
			d.ChangeID, d.Deadline.Local().Format(time.TimeOnly), d.ChangeID))
	case !d.Changed:
		s.line(0, "nothing to do: nothing was changed")
	case d.DryRun:
		s.line(0, "dry run: nothing was changed")
		if d.Obstacle != "" {
			s.line(2, "it would fail here: "+d.Obstacle)
		}
	case d.Phase == sysctl.PhasePending:
		s.line(0, fmt.Sprintf("applied and read back. Undone at %s unless: tcpdoctor change confirm %s",
			d.Deadline.Local().Format(time.TimeOnly), d.ChangeID))
	default:
		s.line(0, "applied and read back. To undo it: tcpdoctor change rollback "+d.ChangeID)
	}
	for _, w := range d.Warnings {
		s.line(2, "warning: "+w)
	}
	return s.end()
}

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/report"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// originText says in words who most probably set the running value.
func originText(w sysctl.Why) string {
	switch o := w.Origin; o.Kind {
	case sysctl.OriginUs:
		return "change " + o.Name + " of tcpdoctor"
	case sysctl.OriginWriter:
		return o.Name
	case sysctl.OriginFile:
		return fmt.Sprintf("%s line %d, at boot", o.Name, o.Line)
	case sysctl.OriginByHand:
		return fmt.Sprintf("%s line %d, by sysctl --system", o.Name, o.Line)
	case sysctl.OriginDefault:
		return "nobody: it is the kernel's own default"
	case sysctl.OriginInherit:
		return "nobody here: the namespace took it over from the host when it was made"
	case sysctl.OriginAbsent:
		if errors.Is(w.Err, fs.ErrNotExist) {
			return "nobody: this kernel, or this namespace, does not have it"
		}
		return "not known: it cannot be read"
	case sysctl.OriginUnknown:
		if !w.HasDefault {
			return "not known: it may be the kernel's own default, or somebody at a prompt, or a program that leaves no trace"
		}
	}
	return "somebody at a prompt, or a program that leaves no trace: no file and no change of tcpdoctor has this value"
}

// text writes the explanation for people.
func (o whyOptions) text(w sysctl.Why, s *applySite) string {
	var b strings.Builder
	paint := ink(o.io.Color)
	width := max(o.io.Width, leastWidth)
	row := func(name, text string) {
		for i, line := range folded(text, width-12) {
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(&b, "  %s%s\n", paint.faint(padded(name, 10)), line)
		}
	}
	head := string(w.Key)
	if w.Err == nil {
		head += " = " + quotedIfEmpty(w.Running)
	}
	fmt.Fprintln(&b, paint.strong(report.Clean(head)))
	if w.Known {
		row("is", w.Spec.About())
	}
	if w.Err != nil {
		row("running", message(w.Err))
	}
	row("set by", originText(w))
	if w.Known && w.Spec.Instead != "" {
		row("instead", w.Spec.Instead)
	} else {
		row("default", defaultText(w))
	}
	if !s.keepsFiles && o.root == "" {
		row("files", "are not read for "+s.name+": whoever starts the container sets it, or it keeps the default")
	} else {
		row("at boot", endText(w.Boot))
		row("by hand", endText(w.ByHand))
	}
	o.lines(&b, w)
	for _, c := range w.Claims {
		row("others", claimText(c))
	}
	for _, c := range w.Changes {
		text := fmt.Sprintf("%s %s %s: %s → %s (%s)", c.ID, c.Created.Local().Format(time.DateTime), c.Title, quotedIfEmpty(c.Before), quotedIfEmpty(c.After), c.Phase)
		if c.SideEffect {
			text += ", because the kernel changes it with another parameter"
		}
		row("changes", text)
	}
	for _, d := range w.Drift {
		row("drift", string(d.Class)+": "+d.Text)
	}
	if len(w.Drift) == 0 && w.Err == nil {
		fmt.Fprintln(&b, paint.good("  ✔ what runs and what is configured agree"))
	}
	return b.String()
}

// quotedIfEmpty keeps an empty value from being overlooked.
func quotedIfEmpty(v string) string {
	if v == "" {
		return `""`
	}
	return v
}

func defaultText(w sysctl.Why) string {
	switch {
	case !w.Known:
		return "not known: not a parameter of TCP"
	case !w.HasDefault:
		return w.Spec.Default.Text
	case w.Default.Value == w.Spec.Default.Text:
		return w.Default.Value
	case !w.Default.Exact:
		return fmt.Sprintf("about %s (%s)", w.Default.Value, w.Spec.Default.Text)
	}
	return fmt.Sprintf("%s (%s)", quotedIfEmpty(w.Default.Value), w.Spec.Default.Text)
}

func endText(e sysctl.Expectation) string {
	if !e.Set {
		return fmt.Sprintf("no file sets it (%s)", e.Reader)
	}
	return fmt.Sprintf("%s, from %s line %d (%s)", e.Value, e.File, e.Line, e.Reader)
}

func claimText(c sysctl.Claim) string {
	text := c.Name + " (" + c.Evidence + ")"
	switch {
	case c.Value != "":
		text += fmt.Sprintf(" sets it to %s, %s line %d", c.Value, c.File, c.Line)
	case c.File != "":
		text += fmt.Sprintf(" computes it, %s line %d", c.File, c.Line)
	default:
		text += " may set it"
	}
	if c.Note != "" && c.Active {
		text += "; " + c.Note
	}
	return text
}

// lines writes a table of the lines that concern the parameter.
func (o whyOptions) lines(b *strings.Builder, w sysctl.Why) {
	type row struct{ place, value, boot, hand string }
	rows := []row{{"in the order in which they count", "", "at boot", "by hand"}}
	for _, l := range w.Lines() {
		value := l.Value
		if l.Exclude {
			value = "(taken out of patterns)"
		}
		if p := patternOf(l.Assignment); p != "" {
			value += "  (" + p + ")"
		}
		rows = append(rows, row{fmt.Sprintf("%s:%d", l.File, l.Line), value, usedText(l.Boot), usedText(l.ByHand)})
	}
	for _, l := range w.Hidden {
		rows = append(rows, row{fmt.Sprintf("%s:%d", l.File, l.Line), l.Value, "hidden by " + l.By, ""})
	}
	if len(rows) == 1 {
		return
	}
	var wide [3]int
	for _, r := range rows {
		for i, text := range []string{r.place, r.value, r.boot} {
			if i < 2 || !strings.HasPrefix(text, "hidden") {
				wide[i] = max(wide[i], columns(text))
			}
		}
	}
	paint := ink(o.io.Color)
	for i, r := range rows {
		line := strings.TrimRight(padded(r.place, wide[0])+"  "+padded(r.value, wide[1])+"  "+padded(r.boot, wide[2])+"  "+r.hand, " ")
		line = report.Clean(line)
		switch {
		case i == 0:
			line = paint.faint(line)
		case r.boot == string(sysctl.UsedCounts):
			line = paint.strong(line)
		}
		fmt.Fprintf(b, "    %s\n", line)
	}
}

func usedText(u sysctl.Used) string {
	if u == "" {
		return "not read"
	}
	return string(u)
}

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/internal/report"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// unseenLong is after how long without a word about an open incident it is said
// when the last was: more than what is kept may lag behind.
const unseenLong = 20 * time.Minute

// leaf collects the lines of a text.
type leaf struct {
	b     strings.Builder
	width int
	ink   ink
}

func (o *historyOptions) leaf() *leaf {
	return &leaf{width: max(o.io.Width, leastWidth), ink: ink(o.io.Color)}
}

// column is how wide the labels are.
const column = 10

// sides writes a text at the left edge and one at the right, on two lines where
// they do not fit on one.
func (l *leaf) sides(left, right string, paint func(string) string) {
	gap := l.width - columns(left) - columns(right)
	if gap < 2 {
		fmt.Fprintf(&l.b, "%s\n  %s\n", paint(left), l.ink.faint(right))
		return
	}
	fmt.Fprintf(&l.b, "%s%s%s\n", paint(left), strings.Repeat(" ", gap), l.ink.faint(right))
}

// heading writes what was found, with its UID at the right edge.
func (l *leaf) heading(in *incident.Incident) {
	label := padded(strings.ToUpper(string(in.Peak)), column)
	paint := l.ink.strong
	switch in.Peak {
	case rules.Critical:
		paint = l.ink.bad
	case rules.Warning:
		paint = l.ink.warn
	case rules.Info:
	}
	uid := report.Clean(in.UID)
	lines := folded(in.Worst.Summary, l.width-column)
	for i, line := range lines {
		text := paint(label) + l.ink.strong(line)
		gap := l.width - column - columns(line) - columns(uid)
		if i == len(lines)-1 && gap >= 2 {
			text += strings.Repeat(" ", gap) + l.ink.faint(uid)
			uid = ""
		}
		fmt.Fprintln(&l.b, text)
		label, paint = strings.Repeat(" ", column), func(s string) string { return s }
	}
	if uid != "" {
		fmt.Fprintln(&l.b, strings.Repeat(" ", max(column, l.width-columns(uid)))+l.ink.faint(uid))
	}
}

// row writes lines beside a label.
func (l *leaf) row(label string, lines []string) {
	for _, line := range lines {
		fmt.Fprintf(&l.b, "  %s%s\n", l.ink.faint(padded(label, column-2)), line)
		label = ""
	}
}

// text writes text beside a label.
func (l *leaf) text(label, text string) {
	if text != "" {
		l.row(label, folded(text, l.width-column))
	}
}

// listText is the list for people: what is open, then what was.
func (o *historyOptions) listText(d historyDocument) string {
	l := o.leaf()
	open, critical := 0, 0
	for i := range d.Incidents {
		if in := &d.Incidents[i]; in.State == incident.Open {
			open++
			if in.Peak == rules.Critical {
				critical++
			}
		}
	}
	verdict, paint := o.verdict(open, critical, len(d.Incidents)-open)
	l.sides(verdict, spanWords(d.Since, d.Until, o.now), func(s string) string { return paint(l.ink, s) })
	if !d.LastTick.IsZero() && o.now.Sub(d.LastTick) > unseenLong {
		for _, line := range folded("no agent has looked since "+stamp(d.LastTick), l.width) {
			fmt.Fprintln(&l.b, l.ink.warn(line))
		}
	}
	for _, state := range []bool{true, false} {
		for i := range d.Incidents {
			if in := &d.Incidents[i].Incident; (in.State == incident.Open) == state {
				fmt.Fprintln(&l.b)
				l.heading(in)
				l.text("", strings.Join(slices.Concat([]string{o.when(in)}, o.marks(in)), " · "))
			}
		}
	}
	if d.Unreadable > 0 {
		fmt.Fprintf(&l.b, "\n%s\n", l.ink.warn(count(d.Unreadable, "more")+" could not be read: damaged on the disk"))
	}
	if len(d.Incidents) > 0 {
		fmt.Fprintln(&l.b)
		for _, line := range foldedItems([]string{"more: tcpdoctor history show UID", "tcpdoctor explain ID", "-o json"}, l.width) {
			fmt.Fprintln(&l.b, l.ink.faint(line))
		}
	}
	return l.b.String()
}

// verdict is the first line.
func (o *historyOptions) verdict(open, critical, ended int) (string, func(ink, string) string) {
	past := ""
	if ended > 0 && !o.open {
		past = fmt.Sprintf(", %d ended", ended)
	}
	switch {
	case critical > 0:
		return fmt.Sprintf("✖ %d open%s", open, past), ink.bad
	case open > 0:
		return fmt.Sprintf("! %d open%s", open, past), ink.warn
	case o.open:
		return "✔ nothing is open", ink.good
	case ended > 0:
		return "✔ nothing is open" + past, ink.good
	}
	return "✔ nothing was found", ink.good
}

// spanWords says which time is looked at.
func spanWords(since, until, now time.Time) string {
	if until.Equal(now) {
		return "since " + stamp(since)
	}
	return stamp(since) + " to " + stamp(until)
}

// stamp is a time as people write it, of where they are.
func stamp(t time.Time) string { return t.Local().Format(time.DateTime) }

// when says when it began and how long it took.
func (o *historyOptions) when(in *incident.Incident) string {
	if in.State == incident.Ended {
		text := fmt.Sprintf("%s, for %s", stamp(in.Since), lasting(in.EndedAt.Sub(in.Since)))
		if in.EndReason != "" {
			text += " (" + in.EndReason + ")"
		}
		return text
	}
	if o.now.Sub(in.LastSeen) > unseenLong {
		return fmt.Sprintf("open since %s, last seen %s", stamp(in.Since), stamp(in.LastSeen))
	}
	return fmt.Sprintf("open since %s, for %s so far", stamp(in.Since), lasting(o.now.Sub(in.Since)))
}

// marks are what tells an incident from others, in pieces.
func (o *historyOptions) marks(in *incident.Incident) []string {
	items := []string{in.Key.ID}
	if in.Netns != "" {
		items = append(items, in.Netns)
	}
	if in.Reopened > 0 {
		items = append(items, "came back "+times(in.Reopened))
	}
	if in.CausedBy != "" {
		items = append(items, "caused by "+in.CausedBy)
	}
	return items
}

// times is "once", "twice", "3 times".
func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

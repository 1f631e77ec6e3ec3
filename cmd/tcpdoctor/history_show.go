package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tcpdoctor/tcpdoctor/internal/history"
	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
	"github.com/tcpdoctor/tcpdoctor/internal/report"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

func newHistoryShowCmd(o *historyOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "show UID",
		Short: "one incident with all its evidence, and how to look at what was recorded",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("want the UID of one incident, or its beginning; tcpdoctor history shows them at the right edge")
			}
			return nil
		},
		ValidArgsFunction: func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			var uids []string
			if o.configure(cmd) == nil {
				if r, found, _ := o.reader(); found {
					all, _, _ := r.Incidents(history.Query{Limit: 100})
					for _, in := range all {
						uids = append(uids, in.UID+"\t"+in.Worst.Summary)
					}
				}
			}
			return uids, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.configure(cmd); err != nil {
				return err
			}
			return runHistoryShow(*o, args[0])
		},
	}
}

func runHistoryShow(o historyOptions, uid string) error {
	r, found, err := o.reader()
	switch {
	case err != nil:
		return err
	case !found:
		return errors.New(strings.TrimSpace(o.none()))
	}
	in, err := findIncident(r, uid)
	if err != nil {
		return err
	}
	past := pastOf(in)
	if past.Recordings, err = o.recordingsOf(&in); err != nil {
		fmt.Fprintf(o.io.Err, "tcpdoctor: recordings: %s\n", message(err))
	}
	d := historyDocument{Schema: historySchema, StateDir: o.stateDir, Incidents: []pastIncident{past}}
	return o.write(d, func(historyDocument) string { return o.showText(r, &past) })
}

// findIncident finds an incident by its UID or by what only its UID begins with.
func findIncident(r *history.Reader, uid string) (incident.Incident, error) {
	in, ok, err := r.Incident(uid)
	if err != nil || ok {
		return in, err
	}
	var known []string
	some, _, err := r.Incidents(history.Query{Match: func(in *incident.Incident) bool {
		known = append(known, in.UID)
		return uid != "" && strings.HasPrefix(in.UID, uid)
	}})
	switch {
	case err != nil:
		return in, err
	case len(some) == 1:
		return some[0], nil
	case len(some) > 1:
		return in, fmt.Errorf("%q is the beginning of %d incidents, such as %s and %s", uid, len(some), some[0].UID, some[1].UID)
	}
	slices.Sort(known)
	return in, fmt.Errorf("no incident %q%s", uid, suggestion(uid, slices.Compact(known)))
}

// recordingsOf lists the windows that were recorded, as far as they are still
// there.
func (o *historyOptions) recordingsOf(in *incident.Incident) ([]pastRecording, error) {
	if in.Recording == "" {
		return nil, nil
	}
	dir := filepath.Join(o.stateDir, history.RecordingFolder)
	all, err := history.Recordings(dir)
	if err != nil {
		return nil, err
	}
	var out []pastRecording
	for _, r := range all {
		if r.Name != in.Recording || r.At.IsZero() {
			continue
		}
		out = append(out, pastRecording{filepath.Join(dir, r.Name), r.At})
		for _, e := range r.Earlier {
			out = append(out, pastRecording{filepath.Join(dir, e.Name), e.At})
		}
	}
	return out, nil
}

// showText is one incident for people, in the order of a finding: what, why, who,
// what to do, and on what it rests.
func (o *historyOptions) showText(r *history.Reader, past *pastIncident) string {
	in := &past.Incident
	l := o.leaf()
	l.heading(in)
	l.text("when", o.when(in))
	f := in.Worst
	why := f.Explanation
	if f.Confidence != rules.Certain && f.Confidence != "" {
		why += fmt.Sprintf(" (%s)", f.Confidence)
	}
	l.text("why", why)
	told := here(f.Netns).Tell(f)
	l.row("who", foldedItems(told.Who, l.width-column))
	l.remedies(told)
	l.row("seen", foldedItems(seenItems(told.Evidence), l.width-column))
	l.text("course", strings.Join(o.course(r, in), "; "))
	switch {
	case len(past.Recordings) > 0:
		l.text("windows", "what was seen when it opened, and in the minutes before:")
		for _, w := range past.Recordings {
			// A command is better not broken: it is there to be copied.
			fmt.Fprintf(&l.b, "%s%s %s\n", strings.Repeat(" ", column), l.ink.faint(w.At.Local().Format("15:04:05")), "tcpdoctor diagnose --from "+quoted(w.Path))
		}
	case in.Recording != "":
		l.text("windows", "the recording is gone: only so many are kept")
	}
	fmt.Fprintf(&l.b, "\n%s\n", l.ink.faint("more: tcpdoctor explain "+report.Clean(in.Key.ID)+" · -o json"))
	return l.b.String()
}

// here is a report that knows which namespace is that of whoever reads.
func here(n rules.Netns) *report.Report {
	r := &report.Report{}
	self, err := netns.Self()
	if err != nil {
		return r // all namespaces are named then
	}
	defer self.Close()
	if self.ID().Inode == n.Inode {
		r.Namespaces = []report.Namespace{{Cookie: n.Cookie, Inode: n.Inode, Name: n.Name, Container: n.Container, Self: true}}
	}
	return r
}

// remedies writes what to do, and what not to bother with.
func (l *leaf) remedies(told report.Told) {
	label := "now"
	for i, x := range told.Remedies {
		lines := folded(x.Text, l.width-column-2)
		if last := &lines[len(lines)-1]; x.Effect != "" {
			effect := "↳ " + x.Effect
			if columns(*last)+2+columns(effect) <= l.width-column-2 {
				*last += "  " + effect
			} else {
				lines = append(lines, folded(effect, l.width-column-2)...)
			}
		}
		for j := range lines {
			lead := "  "
			if j == 0 {
				lead = fmt.Sprintf("%d ", i+1)
			}
			lines[j] = lead + lines[j]
		}
		l.row(label, lines)
		label = ""
	}
	if told.Useless != "" {
		l.text(label, "not: "+told.Useless)
	}
}

// seenItems is the evidence, each source named once, behind the last of its
// figures.
func seenItems(all []report.ToldEvidence) []string {
	var order []string
	by := make(map[string][]string)
	for _, e := range all {
		if by[e.Source] == nil {
			order = append(order, e.Source)
		}
		by[e.Source] = append(by[e.Source], e.Name+" "+e.Figure)
	}
	var out []string
	for _, source := range order {
		figures := by[source]
		figures[len(figures)-1] += " [" + source + "]"
		out = append(out, figures...)
	}
	return out
}

// course says what became of an incident, in pieces.
func (o *historyOptions) course(r *history.Reader, in *incident.Incident) []string {
	var items []string
	if !in.Opened.IsZero() && !in.Opened.Equal(in.Since) {
		items = append(items, fmt.Sprintf("it had held for %s when people were told of it", lasting(in.Opened.Sub(in.Since))))
	}
	if in.Reopened > 0 {
		items = append(items, "it came back "+times(in.Reopened))
	}
	if in.Severity != in.Peak && in.State == incident.Open {
		items = append(items, "by now it is "+string(in.Severity))
	}
	if in.Finding.Summary != in.Worst.Summary {
		items = append(items, "last: "+in.Finding.Summary)
	}
	if in.CausedBy != "" {
		cause := "caused by " + in.CausedBy
		if c, ok, err := r.Incident(in.CausedBy); ok && err == nil {
			cause += " (" + c.Worst.Summary + ")"
		}
		items = append(items, cause)
	}
	return items
}

// quoted is a path as a shell takes it.
func quoted(path string) string {
	path = report.Clean(path)
	if strings.ContainsAny(path, " \t\"'`$&|;<>()*?[]#~\\!{}") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}

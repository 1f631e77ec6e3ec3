package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tcpdoctor/tcpdoctor/internal/report"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// changeOptions are what the commands about changes can be told.
type changeOptions struct {
	applyOptions
	id string
}

func newChangeCmd(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "change",
		Short: "the journal of what was changed: list, show, confirm, rollback",
		Args:  func(cmd *cobra.Command, args []string) error { return unknownCommand(cmd, args) },
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, c := range []changeCommand{
		{use: "list", short: "all changes, the oldest first", run: runChangeList},
		{use: "show", id: true, short: "what one change did, and what became of it", run: runChangeShow},
		{use: "confirm", id: true, short: "keep a change that would undo itself", writes: true, run: runChangeConfirm},
		{use: "rollback", id: true, short: "undo a change, except what somebody else has changed since", writes: true, run: runChangeRollback},
	} {
		cmd.AddCommand(c.make(io))
	}
	return cmd
}

// changeCommand is one of the commands about changes.
type changeCommand struct {
	use, short string
	id, writes bool // whether it takes an ID, and whether it takes --dry-run
	run        func(context.Context, *changeOptions) error
}

func (c changeCommand) make(io streams) *cobra.Command {
	o := &changeOptions{applyOptions: applyOptions{io: io, command: "tcpdoctor change " + c.use, output: "text", netns: "self"}}
	cmd := &cobra.Command{
		Use:   c.use,
		Short: c.short,
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if c.id {
				o.id = args[0]
			}
			if err := o.configure(cmd); err != nil {
				return err
			}
			if o.id == latestChange {
				if err := o.findLatest(cmd.Context()); err != nil {
					return err
				}
			}
			return c.run(cmd.Context(), o)
		},
	}
	if c.id {
		cmd.Use += " ID"
		cmd.Args = func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("want the ID of one change, or latest; tcpdoctor change list shows them")
			}
			return nil
		}
		cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			all, _ := o.journal().List()
			var ids []string
			for _, e := range all {
				ids = append(ids, e.ID+"\t"+e.Title)
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		}
	}
	f := cmd.Flags()
	f.VarP(&o.output, "output", "o", "`format`: json, text")
	if c.id {
		f.StringVar(&o.netns, "netns", o.netns, "network `namespace` in which the change named latest was made: self, or a name, a process ID, a path")
	}
	if c.writes {
		f.BoolVarP(&o.dryRun, "dry-run", "n", false, "show what would be done and change nothing")
	}
	o.applyPlaces.declare(cmd)
	return cmd
}

// settle brings to an end what was left open, as every command does that changes
// something.
func (o *changeOptions) settle(ctx context.Context, tree *sysctl.Dir) error {
	s := &applySite{o: &o.applyOptions, journal: o.journal(), tree: tree}
	return s.recover(ctx)
}

func runChangeList(_ context.Context, o *changeOptions) error {
	all, err := o.journal().List()
	if err != nil && len(all) == 0 {
		return err
	}
	if err != nil {
		fmt.Fprintf(o.io.Err, "tcpdoctor: %s\n", message(err))
	}
	if o.output == "json" {
		changes := []sysctl.Entry{}
		for _, e := range all {
			changes = append(changes, e.Redacted())
		}
		return writeJSON(o.io.Out, struct {
			Schema  string         `json:"schema"`
			Changes []sysctl.Entry `json:"changes"`
		}{"tcpdoctor.changes/v1", changes})
	}
	var b strings.Builder
	for _, e := range all {
		fmt.Fprintln(&b, report.Clean(o.summary(e)))
	}
	if len(all) == 0 {
		b.WriteString("nothing was changed\n")
	}
	return writeText(o.io.Out, b.String())
}

// summary is a change in one line.
func (o *changeOptions) summary(e sysctl.Entry) string {
	parameters := 0
	for _, r := range e.Rows {
		if !r.SideEffect {
			parameters++
		}
	}
	text := fmt.Sprintf("%s  %s  %-8s  %s, %s", e.ID, e.Created.Local().Format(time.DateTime), e.Phase, e.Title, count(parameters, "parameter"))
	switch {
	case e.Identity.Name != "":
		text += ", namespace " + e.Identity.Name
	case !e.Identity.Initial:
		text += ", a namespace of its own"
	}
	if e.Phase == sysctl.PhasePending {
		text += ", undone at " + e.Deadline.Local().Format(time.TimeOnly) + " unless confirmed"
	}
	return text
}

func runChangeShow(_ context.Context, o *changeOptions) error {
	e, err := o.journal().Get(o.id)
	if err != nil {
		return err
	}
	if o.output == "json" {
		return writeJSON(o.io.Out, e.Redacted())
	}
	return o.show(e)
}

// show writes a change for people.
func (o *changeOptions) show(e sysctl.Entry) error {
	e = e.Redacted()
	s := o.sheet()
	s.line(0, o.summary(e))
	s.line(2, fmt.Sprintf("made by   process %d (%s) on Linux %s", e.Writer.PID, e.Writer.Command, e.Kernel))
	for _, r := range e.Rows {
		text := fmt.Sprintf("%s  %s → %s", r.Key, quotedIfEmpty(strings.Join(strings.Fields(r.Before), " ")), quotedIfEmpty(r.After))
		if r.SideEffect {
			text += "  (by the kernel, with another parameter)"
		}
		s.line(2, text)
		for line := range strings.SplitSeq(r.Reason, "\n") {
			if line != "" {
				s.line(4, "↳ "+line)
			}
		}
	}
	if e.File != nil {
		what := "is written"
		if e.File.After == nil {
			what = "is removed"
		}
		s.line(2, fmt.Sprintf("file     %s %s", e.File.Path, what))
	}
	if e.Failure != "" {
		s.line(2, "undone because: "+e.Failure)
	}
	o.outcomes(s, e)
	return s.end()
}

// outcomes writes what came of an undo.
func (o *changeOptions) outcomes(s *sheet, e sysctl.Entry) {
	for _, x := range e.Outcomes {
		name := x.Path
		if x.Key != "" {
			name = string(x.Key)
		}
		text := fmt.Sprintf("%-8s  %s", x.Result, name)
		if x.Key != "" && x.Result != sysctl.ResultAbsent {
			text += fmt.Sprintf("  it was %s, the original is %s", quotedIfEmpty(x.Found), quotedIfEmpty(x.Original))
		}
		if x.Text != "" {
			text += "; " + x.Text
		}
		s.line(2, text)
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tcpdoctor/tcpdoctor/internal/fix"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
	"github.com/tcpdoctor/tcpdoctor/internal/report"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/rules"
	"github.com/tcpdoctor/tcpdoctor/sockdiag"
)

// settle is how long a change is left alone before it is measured, so that what was
// under way does not count.
const settle = time.Second

// fixOptions are what `fix` can be told.
type fixOptions struct {
	applyOptions
	// ids are the findings to fix; none stands for all at warning or above.
	ids    []string
	window duration
	// resume is an earlier change to measure again.
	resume string
	// bounded says that --confirm-within was given: what waits for the application
	// is then undone at the deadline too.
	bounded bool
}

func newFixCmd(io streams) *cobra.Command {
	o := fixOptions{applyOptions: applyOptions{io: io, command: "tcpdoctor fix", confirmWithin: duration(10 * time.Minute)}, window: duration(5 * time.Second)}
	cmd := &cobra.Command{
		Use:   "fix [ID...]",
		Short: "change the settings that help against what is wrong, and prove that they did",
		Long: `Diagnose one namespace, show which settings the model says would help against what
was found, ask, change them, measure again, and undo what did not help. A change
is undone by itself if this program dies before it has measured.

What takes effect only when the application calls listen() again stays, and is
measured later: tcpdoctor fix --resume ID

Exit codes: 0 nothing wrong, or cured; 1 refused, undone, waiting, or no setting
helps; 3 error.`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return findingIDs(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.ids = args
			if err := o.configure(cmd); err != nil {
				return err
			}
			if o.resume != "" {
				return runResume(cmd.Context(), &o)
			}
			return runFix(cmd.Context(), &o)
		},
	}
	o.declare(cmd)
	f := cmd.Flags()
	f.Lookup("confirm-within").Usage = "undo the change after this time if it is not proven by then"
	f.Var(&o.window, "window", "how long to measure, before and after")
	f.StringVar(&o.resume, "resume", "", "measure change `ID` again, now that the application has acted, and keep or undo it")
	return cmd
}

// findingIDs lists what can be found.
func findingIDs() []string {
	var out []string
	for _, r := range rules.All() {
		out = append(out, r.ID)
	}
	slices.Sort(out)
	return out
}

// configure fills in what was set elsewhere, and refuses what does not go together.
func (o *fixOptions) configure(cmd *cobra.Command) error {
	if err := o.applyOptions.configure(cmd); err != nil {
		return err
	}
	o.bounded = cmd.Flags().Changed("confirm-within")
	for _, id := range o.ids {
		if known := findingIDs(); !slices.Contains(known, id) {
			return fmt.Errorf("no finding %q%s", id, suggestion(id, known))
		}
	}
	switch {
	case time.Duration(o.window) < time.Second:
		return fmt.Errorf("--window %v is too short to prove anything; at least 1s", &o.window)
	case o.resume != "" && len(o.ids) > 0:
		return fmt.Errorf("--resume %s is about one change: no finding can be named beside it", o.resume)
	case o.resume != "" && (o.dryRun || cmd.Flags().Changed("netns") || o.persist):
		return fmt.Errorf("--resume %s goes without --dry-run, --netns and --persist: the change says all that", o.resume)
	case o.resume == "" && time.Duration(o.confirmWithin) < time.Duration(o.window)+2*settle:
		return fmt.Errorf("--confirm-within %v leaves no time to measure for %v", &o.confirmWithin, &o.window)
	}
	return nil
}

// seen is one measurement: what was found, and what it rests on.
type seen struct {
	view     *model.View
	findings []rules.Finding
	report   *report.Report
}

// measure samples the namespace of a site and judges it.
func (o *fixOptions) measure(ctx context.Context, s *applySite) (*seen, error) {
	bar := newProgress(o.io)
	w, err := sockdiag.Collect(ctx, sockdiag.Options{
		Window: time.Duration(o.window), Namespaces: []*netns.Handle{s.handle}, Progress: bar.update,
	})
	bar.done()
	if ctx.Err() != nil {
		return nil, errors.New("interrupted")
	}
	if err != nil {
		return nil, err
	}
	v := model.NewView(w)
	res := rules.Eval(v, rules.Options{Thresholds: o.settings.thresholds()})
	return &seen{view: v, findings: res.Findings, report: report.New(v, res, version())}, nil
}

// wanted are the findings to be fixed: those named, or all at warning or above.
func (o *fixOptions) wanted(all []rules.Finding) []rules.Finding {
	return slices.DeleteFunc(slices.Clone(all), func(f rules.Finding) bool {
		if len(o.ids) > 0 {
			return !slices.Contains(o.ids, f.ID)
		}
		return f.Severity.Rank() < rules.Warning.Rank()
	})
}

func runFix(ctx context.Context, o *fixOptions) error {
	if err := o.mayAsk(); err != nil {
		return err
	}
	s, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if s.handle.PIDCount() == 0 {
		_ = s.handle.LoadPIDs() // members are told to the reader; not vital
	}
	before, err := o.measure(ctx, s)
	if ctx.Err() != nil {
		return errors.New("interrupted: nothing was changed")
	}
	if err != nil {
		return err
	}
	if !before.report.Judged() {
		return errors.New("nothing could be judged; tcpdoctor diagnose says why")
	}
	w := newFixWork(o, s)
	cases, hopeless := fix.Choose(before.view, o.wanted(before.findings))
	w.hopeless = hopeless
	if err := w.propose(fix.Group(cases, o.persist)); err != nil {
		return err
	}
	if o.output == "text" {
		if err := w.showProposal(before.report); err != nil {
			return err
		}
	}
	if err := w.carryOut(ctx, before); err != nil {
		return err
	}
	return w.finish()
}

// runResume measures an earlier change again, keeps or undoes it.
func runResume(ctx context.Context, o *fixOptions) error {
	j := o.journal()
	rec, err := readFixRecord(j.Dir(), o.resume)
	if err != nil {
		return err
	}
	e, err := j.Get(o.resume)
	if err != nil {
		return err
	}
	h, err := namespaceOfChange(e.Identity)
	if err != nil {
		return fmt.Errorf("change %s: %w", e.ID, err)
	}
	s, err := o.enter(ctx, h, nameOf(h, firstPID(h)))
	if err != nil {
		return err
	}
	defer s.close()
	if e, err = j.Get(o.resume); err != nil { // recovery may have undone it
		return err
	}
	if !inForce(e) {
		return o.refuse("change %s is not in force any more: it is %s%s; run fix again", e.ID, e.Phase, because(e.Failure))
	}
	if rec.WindowSeconds > time.Duration(o.window).Seconds() {
		o.window = duration(rec.WindowSeconds * float64(time.Second))
	}
	after, err := o.measure(ctx, s)
	if err != nil {
		return err
	}
	w := newFixWork(o, s)
	w.resumed = true
	w.attempts = []*fixTry{resumedTry(s, rec, e)}
	if err := w.decide(ctx, after); err != nil {
		return err
	}
	return w.finish()
}

// because appends a reason.
func because(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}

// unread says that a rule could not judge: silence of it proves nothing then.
func (m *seen) unread(id string) (string, bool) {
	for _, u := range m.report.Unknown {
		if u.Rule == id {
			return u.Reason, true
		}
	}
	return "", false
}

// fresh names findings that were not there before, for the reader to know.
func (m *seen) fresh(before []rules.Finding) []string {
	var out []string
	for _, f := range m.findings {
		if f.Severity.Rank() >= rules.Warning.Rank() && !slices.ContainsFunc(before, func(g rules.Finding) bool { return g.ID == f.ID }) {
			out = append(out, strings.ToUpper(string(f.Severity))+" "+f.Summary+" ("+f.ID+")")
		}
	}
	return out
}

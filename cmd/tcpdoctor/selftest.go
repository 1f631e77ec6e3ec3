package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tcpdoctor/tcpdoctor/internal/conformance"
	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/internal/selftest"
)

// The schemas of what `selftest -o json` writes.
const (
	selftestSchema    = "tcpdoctor.selftest/v1"
	conformanceSchema = "tcpdoctor.conformance/v1"
)

// selftestOptions are what `selftest` can be told.
type selftestOptions struct {
	io          streams
	conformance bool
	only        string
	family      string
	parallel    wholeNumber
	output      applyFormat
}

func newSelftestCmd(io streams) *cobra.Command {
	o := selftestOptions{io: io, family: "4", parallel: wholeNumber{least: 1, most: 64}, output: "text"}
	cmd := &cobra.Command{
		Use:   "selftest",
		Short: "prove on this kernel that every fault is recognised",
		Long: `Make every fault and every harmless look-alike in network namespaces of its own,
diagnose each, and compare with what must be found: the fault, its culprit and
its cause, and nothing for a look-alike. Nothing outside these namespaces
changes. It takes root, or a user namespace: unshare -rn tcpdoctor selftest

With --conformance the reference model is held against this kernel instead: the
same scenario runs in both, and states, queues, counters and times are compared.
That takes a few minutes, most of them spent waiting for the kernel's timers.

Exit code: 0 if all came out as expected, 1 if not, 3 if it could not run.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.conformance && cmd.Flags().Changed("family") {
				return errors.New("--family is about faults, and --conformance makes none: give one of them")
			}
			return runSelftest(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.conformance, "conformance", false, "compare the reference model with this kernel instead")
	f.StringVar(&o.only, "only", "", "only what has this `text` in its name (tcpdoctor lab list)")
	f.StringVar(&o.family, "family", o.family, "`version` of IP: 4, 6, 46 for IPv4 clients of an IPv6 listener, or all")
	f.Var(&o.parallel, "parallel", "how many to run at a time (default: 4 faults, 12 scenarios)")
	f.VarP(&o.output, "output", "o", "`format`: json, text")
	complete(cmd, "only", faultNames)
	complete(cmd, "family", func() []string { return []string{"4", "6", "46", "all"} })
	complete(cmd, "output", func() []string { return []string{"json", "text"} })
	return cmd
}

func runSelftest(ctx context.Context, o selftestOptions) error {
	if o.conformance {
		return o.conform(ctx)
	}
	families, err := o.families()
	if err != nil {
		return err
	}
	run := selftest.Options{Only: o.only, Families: families, Parallel: o.parallel.value}
	cases := run.Cases()
	if len(cases) == 0 {
		names := faultNames()
		for _, f := range lab.All() {
			names = append(names, f.Expect.ID) // several faults may share one
		}
		return o.nothing(names, "fault")
	}
	bar := newTicker(o.io)
	table := newFaultTable(o.io, cases)
	run.Progress = func(p selftest.Progress) {
		bar.clear()
		if o.output == "text" {
			table.add(p.Index, p.Row)
		}
		bar.show(p.Done, p.Total, p.Row.Title)
	}
	bar.show(0, len(cases), "the first faults are being made")
	r, err := selftest.Run(ctx, run)
	bar.clear()
	if err != nil {
		return o.failed(ctx, err, fmt.Sprintf("%d of %d as expected, %d not made", r.Expected, r.Total, len(cases)-len(r.Rows)), table)
	}
	if o.output == "json" {
		err = writeJSON(o.io.Out, struct {
			Schema string   `json:"schema"`
			Tool   toolName `json:"tool"`
			selftest.Report
		}{selftestSchema, toolName{version()}, r})
	} else {
		err = table.end(r)
	}
	switch {
	case err != nil:
		return err
	case r.Total == 0:
		return exit(codeFailed)
	case !r.Agrees():
		return exit(codeWarning)
	}
	return nil
}

// families reads --family.
func (o *selftestOptions) families() ([]lab.Family, error) {
	all := map[string][]lab.Family{
		"4": {lab.IPv4}, "6": {lab.IPv6}, "46": {lab.DualStack}, "all": {lab.IPv4, lab.IPv6, lab.DualStack},
	}
	families, ok := all[o.family]
	if !ok {
		return nil, fmt.Errorf("no family %q (there are: 4, 6, 46, all)", o.family)
	}
	return families, nil
}

// nothing says that --only leaves nothing to do.
func (o *selftestOptions) nothing(names []string, what string) error {
	if slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, o.only) }) {
		return fmt.Errorf("no %s with %q in its name can be made over --family %s", what, o.only, o.family)
	}
	return fmt.Errorf("no %s has %q in its name%s", what, o.only, suggestion(o.only, names))
}

// failed says why a run did not come to its end, behind what it has shown.
func (o *selftestOptions) failed(ctx context.Context, err error, soFar string, table *faultTable) error {
	if ctx.Err() != nil {
		if table != nil && o.output == "text" {
			if failed := table.rest(); failed != nil {
				return failed
			}
		}
		return fmt.Errorf("interrupted: %s", soFar)
	}
	return err
}

// conform holds the model against the kernel.
func (o *selftestOptions) conform(ctx context.Context) error {
	var names []string
	for _, s := range conformance.All() {
		names = append(names, s.Subject+"/"+s.Name)
	}
	if !slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, o.only) }) {
		return o.nothing(names, "scenario")
	}
	bar := newTicker(o.io)
	bar.show(0, len(names), "the first scenarios are being set up")
	r, err := conformance.Run(ctx, conformance.Options{
		Parallel: o.parallel.value, Only: o.only,
		Progress: func(p conformance.Progress) {
			what := fmt.Sprintf("%s/%s: %d compared, %d differ", p.Subject, p.Scenario, p.Comparisons, p.Differences)
			bar.show(p.Done, p.Total, what)
		},
	})
	bar.clear()
	if err != nil {
		total := r.Total()
		return o.failed(ctx, err, fmt.Sprintf("%d compared, %d of them differ", total.Comparisons, total.Unlisted), nil)
	}
	if o.output == "json" {
		err = writeJSON(o.io.Out, struct {
			Schema string   `json:"schema"`
			Tool   toolName `json:"tool"`
			Agrees bool     `json:"agrees"`
			conformance.Report
		}{conformanceSchema, toolName{version()}, r.Agrees(), r})
	} else {
		err = o.writeConformance(r)
	}
	switch {
	case err != nil:
		return err
	case len(r.Comparisons) == 0 && len(r.Failures) == 0:
		return exit(codeFailed) // all of it was skipped
	case !r.Agrees():
		return exit(codeWarning)
	}
	return nil
}

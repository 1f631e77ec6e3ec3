package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func newProfileApplyCmd(io streams) *cobra.Command {
	o := profileOptions{applyOptions: applyOptions{io: io, command: "tcpdoctor profile apply"}, window: defaultProfileWindow}
	cmd := &cobra.Command{
		Use:   "apply PROFILE...",
		Short: "show what a profile changes, ask, and change it",
		Long: `Work out what a profile wants of this host, show it, ask, write it, and read it
back. Everything is recorded first and can be undone: tcpdoctor change rollback

On a host the values are also kept for the next boot; --persist=false does not.
Applying again changes nothing. The profile kernel-defaults takes everything back.

Exit codes: 0 done or nothing to do, 1 refused, declined or undone, 3 error.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.begin(cmd, args); err != nil {
				return err
			}
			return runProfileApply(cmd.Context(), &o)
		},
	}
	o.declare(cmd)
	o.declareInputs(cmd)
	describePersist(cmd)
	takesProfiles(cmd, &o)
	return cmd
}

func newProfileDiffCmd(io streams) *cobra.Command {
	o := profileOptions{applyOptions: applyOptions{io: io, command: "tcpdoctor profile diff", dryRun: true, diff: true, netns: "self", output: "text"}, window: defaultProfileWindow}
	cmd := &cobra.Command{
		Use:   "diff PROFILE...",
		Short: "what applying a profile would change here",
		Long: `Show what applying a profile would change: running values, and the file for the
next boot. Nothing is changed.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.begin(cmd, args); err != nil {
				return err
			}
			return runProfileApply(cmd.Context(), &o)
		},
	}
	o.declareReading(cmd)
	o.declareInputs(cmd)
	takesProfiles(cmd, &o)
	return cmd
}

// describePersist says what the default of --persist is.
func describePersist(cmd *cobra.Command) {
	cmd.Flags().Lookup("persist").DefValue = "" // the text says what it is
	cmd.Flags().Lookup("persist").Usage += " (default: on a host yes, in a namespace of its own no)"
}

// defaultProfileWindow is how long inputs are measured unless told otherwise.
const defaultProfileWindow = duration(1e9)

// declareReading declares the flags of a command that changes nothing.
func (o *profileOptions) declareReading(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.netns, "netns", o.netns, "network `namespace`: self, or a name, a process ID, a path")
	f.BoolVar(&o.persist, "persist", false, "look at what is kept for the next boot as well (default: on a host yes, in a namespace of its own no)")
	f.Lookup("persist").DefValue = "" // the text says what it is
	f.VarP(&o.output, "output", "o", "`format`: json, text")
	o.applyPlaces.declare(cmd)
	complete(cmd, "output", func() []string { return []string{"json", "text"} })
}

// begin takes the arguments and what files and the environment set.
func (o *profileOptions) begin(cmd *cobra.Command, args []string) error {
	o.names = args
	o.mayPersist = !cmd.Flags().Changed("persist")
	return o.configure(cmd)
}

func runProfileApply(ctx context.Context, o *profileOptions) error {
	ps, err := o.chosen()
	if err != nil {
		return err
	}
	if _, err := o.parseInputs(ps); err != nil {
		return err // before anything is measured
	}
	if err := o.mayAsk(); err != nil {
		return err
	}
	return o.plan(ctx, func(s *applySite) (*resolution, error) { return o.resolve(ctx, s, ps) }, o.carryOutPlan)
}

// plan opens the namespace, finds out what is wanted of it, plans that, and hands
// it to what is to be done with it.
func (o *profileOptions) plan(ctx context.Context, find func(*applySite) (*resolution, error),
	do func(context.Context, *applySite, *resolution, *applyPlan) error,
) error {
	s, err := o.enterSite(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	r, err := find(s)
	if err != nil {
		return err
	}
	p, err := s.plan(r.request())
	if err != nil {
		return err
	}
	return do(ctx, s, r, p)
}

// carryOutPlan shows the plan, carries it out and says what came of it.
func (o *profileOptions) carryOutPlan(ctx context.Context, s *applySite, r *resolution, p *applyPlan) error {
	if o.output == "text" {
		if err := o.showInputs(r); err != nil {
			return err
		}
		if err := o.showPlan(s, p); err != nil {
			return err
		}
	}
	d, err := o.carryOut(ctx, s, p)
	if err != nil {
		return err
	}
	d.Profiles, d.Inputs = o.names, r.inputs
	d.Warnings = append(d.Warnings, r.warnings...)
	return o.finish(d)
}

// showInputs says what the profile rests on.
func (o *profileOptions) showInputs(r *resolution) error {
	if len(r.inputs) == 0 {
		return nil
	}
	s := o.sheet()
	var parts []string
	for _, in := range r.inputs {
		parts = append(parts, fmt.Sprintf("%s %s (%s)", in.Name, in.Value, in.Origin))
	}
	s.line(0, r.title()+" with "+strings.Join(parts, ", "))
	return s.end()
}

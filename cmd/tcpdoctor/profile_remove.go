package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tcpdoctor/tcpdoctor/profiles"
)

func newProfileRemoveCmd(io streams) *cobra.Command {
	o := profileOptions{applyOptions: applyOptions{io: io, command: "tcpdoctor profile remove"}}
	cmd := &cobra.Command{
		Use:   "remove PROFILE...",
		Short: "take back what a profile set, and nothing else",
		Long: `Give every parameter that a profile has set the value from before it, and take its
lines out of the file for the next boot. What another profile wants as well stays,
and so does what was changed again since, by tcpdoctor or by somebody else. To take
back everything at once: tcpdoctor profile apply kernel-defaults

Exit codes: 0 done or nothing to do, 1 refused, declined or undone, 3 error.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.begin(cmd, args); err != nil {
				return err
			}
			return runProfileRemove(cmd.Context(), &o)
		},
	}
	o.declare(cmd)
	describePersist(cmd)
	o.declareFiles(cmd)
	takesProfiles(cmd, &o)
	return cmd
}

func runProfileRemove(ctx context.Context, o *profileOptions) error {
	set, err := o.load()
	if err != nil {
		return err
	}
	if err := o.mayAsk(); err != nil {
		return err
	}
	return o.plan(ctx, func(s *applySite) (*resolution, error) { return o.takeBack(s, set) }, o.carryOutPlan)
}

// takeBack finds out what it takes to undo the profiles that were named.
func (o *profileOptions) takeBack(s *applySite, set profiles.Set) (*resolution, error) {
	history, lines := s.history(), s.lines()
	known := profiles.Mentioned(history, lines) // one whose file is gone may still be in force, or have been
	for _, p := range set.All() {
		if p.Restores && slices.Contains(o.names, p.Name) {
			return nil, fmt.Errorf("profile %s sets nothing that could be taken back", p.Name)
		}
		known = append(known, p.Name)
	}
	for _, name := range o.names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("no profile %q%s", name, suggestion(name, known))
		}
	}
	r := &resolution{name: "profile " + strings.Join(o.names, " ") + " removed", restores: true}
	var err error
	if r.state, err = s.target.State(asWants(profiles.Claimed(o.names, history, lines))); err != nil {
		return nil, err
	}
	out := profiles.Remove(o.names, history, lines, r.state)
	r.wants, r.keep, r.forget = out.Wants, out.Keep, out.Forget
	r.left = leftOf(strings.Join(o.names, " "), out.Skipped)
	return r, nil
}

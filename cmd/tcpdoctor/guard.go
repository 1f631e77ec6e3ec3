package main

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// guard returns what starts the process that undoes a change at its deadline.
func (s *applySite) guard() func(context.Context, sysctl.Entry) error {
	dir := s.journal.Dir()
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs // the guard stands in another folder
	}
	return sysctl.StartGuard(s.journal, sysctl.GuardOptions{
		Args: func(e sysctl.Entry) []string { return []string{"guard", "--state-dir", dir, e.ID} },
	})
}

// newGuardCmd makes the command that users do not call: the process that stands
// guard over a change. It reads no settings, so that a mistake in a file cannot
// keep a change from being undone.
func newGuardCmd(io streams) *cobra.Command {
	o := applyOptions{io: io, command: "tcpdoctor guard"}
	cmd := &cobra.Command{
		Use:    "guard ID",
		Short:  "undo a change at its deadline unless it is confirmed",
		Hidden: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("guard: want the ID of one change")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return runGuard(cmd.Context(), o, args[0]) },
	}
	o.applyPlaces.declare(cmd)
	return cmd
}

func runGuard(ctx context.Context, o applyOptions, id string) error {
	tree, err := sysctl.OpenDir("")
	if err != nil {
		return err
	}
	defer tree.Close()
	_, err = o.journal().RunGuard(ctx, id, sysctl.FindTarget(tree))
	return err
}

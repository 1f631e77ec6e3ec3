package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// revertEvery is how often the agent looks for changes whose deadline has passed.
const revertEvery = 10 * time.Second

// applies keeps profiles applied, and undoes changes at their deadline, as far as
// the settings in force ask for it.
func (d *daemon) applies(ctx context.Context) {
	ticker := time.NewTicker(revertEvery)
	defer ticker.Stop()
	var applied time.Time
	for ctx.Err() == nil {
		s := d.now.Load()
		if s.Agent.Apply.Reverts {
			d.revert(ctx)
		}
		if len(s.Agent.Apply.Profiles) == 0 {
			applied = time.Time{} // should there be some later, they are new
		} else if applied.IsZero() || time.Since(applied) >= s.Agent.Apply.Every {
			d.apply(ctx, s)
			applied = time.Now()
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// apply applies the profiles as `profile apply` does; where everything is as
// wanted nothing changes.
func (d *daemon) apply(ctx context.Context, s *settings) {
	args := append([]string{"profile", "apply", "--yes", "-o", "json", "--state-dir", s.stateDir()}, s.Agent.Apply.Profiles...)
	if d.o.config != "" {
		args = append(args, "--config", d.o.config)
	}
	var out, errs bytes.Buffer
	root := newRootCmd(streams{In: &bytes.Buffer{}, Out: &out, Err: &errs})
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var result struct {
		Changed  bool   `json:"changed"`
		ChangeID string `json:"change_id"`
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		why := cmp.Or(message(errors.New(errs.String())), message(err))
		d.log.Error("the profiles could not be applied", "profiles", s.Agent.Apply.Profiles, "error", why)
	case json.Unmarshal(out.Bytes(), &result) != nil || result.Changed:
		d.log.Warn("the profiles were applied", "profiles", s.Agent.Apply.Profiles, "change", result.ChangeID)
	}
}

// revert undoes changes that were not confirmed in time, should the processes
// that stood guard over them be gone.
func (d *daemon) revert(ctx context.Context) {
	tree, err := sysctl.OpenDir("")
	if err != nil {
		d.log.Error("changes could not be looked after", "error", err)
		return
	}
	defer tree.Close()
	journal := sysctl.NewJournal(sysctl.JournalOptions{Dir: d.now.Load().stateDir(), Command: "tcpdoctor agent"})
	done, err := journal.Recover(ctx, sysctl.FindTarget(tree))
	for _, r := range done {
		d.log.Warn("a change was brought to its end", "change", r.Entry.ID, "phase", string(r.Entry.Phase), "error", r.Err)
	}
	// Somebody who is changing parameters right now looks after them as well.
	if _, busy := errors.AsType[*sysctl.LockedError](err); err != nil && !busy && ctx.Err() == nil {
		d.log.Error("changes could not be looked after", "error", err)
	}
}

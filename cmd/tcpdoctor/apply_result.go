package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/tcpdoctor/tcpdoctor/rules"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// applySchema names the form of [applyResult].
const applySchema = "tcpdoctor.change-result/v1"

// applyResult is what came of a plan, as it is written with -o json.
type applyResult struct {
	Schema string      `json:"schema"`
	Title  string      `json:"title"`
	Netns  rules.Netns `json:"netns"`
	// Profiles are those that were asked for, and Inputs what they rest on.
	Profiles []string    `json:"profiles,omitempty"`
	Inputs   []usedInput `json:"inputs,omitempty"`
	// Changed says that something was written, or would be in a dry run.
	Changed  bool         `json:"changed"`
	DryRun   bool         `json:"dry_run,omitempty"`
	ChangeID string       `json:"change_id,omitempty"`
	Phase    sysctl.Phase `json:"phase,omitempty"`
	// Deadline is when an unconfirmed change is undone.
	Deadline time.Time  `json:"deadline,omitzero"`
	Keys     []applyRow `json:"keys"`
	File     *applyFile `json:"file,omitempty"`
	// Refused says why nothing was changed, or why it was undone.
	Refused string `json:"refused,omitempty"`
	// Conflicts are wants that exclude each other.
	Conflicts []string `json:"conflicts,omitempty"`
	// Obstacle says why a dry run would not have gone well.
	Obstacle string   `json:"obstacle,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	// Pending are earlier changes of the namespace that wait for confirmation.
	Pending []pendingChange `json:"pending,omitempty"`
}

// applyFile is what becomes of the file for the next boot. Before and After are
// its whole contents, null where there is no file.
type applyFile struct {
	Path      string          `json:"path"`
	Before    *string         `json:"before"`
	After     *string         `json:"after"`
	Overrides []applyOverride `json:"overrides,omitempty"`
}

// applyOverride is a line of another file that wins over one of ours.
type applyOverride struct {
	Key    sysctl.Key    `json:"key"`
	Reader sysctl.Reader `json:"reader"`
	File   string        `json:"file"`
	Line   int           `json:"line"`
	Value  string        `json:"value"`
	// SameValue says that it does no harm at present.
	SameValue bool `json:"same_value,omitempty"`
}

// result begins the result of a plan.
func (s *applySite) result(p *applyPlan) applyResult {
	id := s.handle.ID()
	d := applyResult{
		Schema: applySchema, Title: p.request.title, DryRun: s.o.dryRun, Keys: p.rows,
		Netns: rules.Netns{Cookie: id.Cookie, Inode: id.Inode, Name: s.handle.Name()},
	}
	if d.Keys == nil {
		d.Keys = []applyRow{}
	}
	d.File = p.fileResult()
	for _, c := range p.Conflicts {
		d.Conflicts = append(d.Conflicts, c.String())
	}
	return d
}

// fileResult is what becomes of the file for the next boot; nil without --persist.
func (p *applyPlan) fileResult() *applyFile {
	if p.file == nil {
		return nil
	}
	f := &applyFile{Path: p.file.Path, Before: p.file.Before, After: p.file.After}
	for _, o := range p.overrides {
		f.Overrides = append(f.Overrides, applyOverride{
			Key: o.Key, Reader: o.Reader, File: o.Winner.File, Line: o.Winner.Line,
			Value: sysctl.Shown(o.Key, o.Winner.Value), SameValue: o.SameValue,
		})
	}
	return f
}

// receipt takes over what was done.
func (d *applyResult) receipt(r *sysctl.Receipt) {
	d.Changed = r.Changed
	d.ChangeID, d.Phase, d.Deadline = r.Entry.ID, r.Entry.Phase, r.Entry.Deadline
	if r.Warning != nil {
		d.Warnings = append(d.Warnings, "the change is made and recorded, but the disk did not promise to keep the record: "+message(r.Warning))
	}
}

// harmful returns the overrides that set something else, one a line of a file.
func (f *applyFile) harmful() []applyOverride {
	var out []applyOverride
	for _, o := range f.Overrides {
		seen := slices.ContainsFunc(out, func(p applyOverride) bool { return p.File == o.File && p.Line == o.Line && p.Key == o.Key })
		if !o.SameValue && !seen {
			out = append(out, o)
		}
	}
	return out
}

// String says the override in words.
func (o applyOverride) String() string {
	return fmt.Sprintf("%s line %d would set %s to %s at boot", o.File, o.Line, o.Key, o.Value)
}

package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// pendingChange is a change that waits for confirmation.
type pendingChange struct {
	ID       string    `json:"id"`
	Title    string    `json:"title"`
	Deadline time.Time `json:"deadline"`
}

// waiting returns the changes of the namespace that wait for confirmation.
func (s *applySite) waiting() []sysctl.Entry {
	return slices.DeleteFunc(s.history(), func(e sysctl.Entry) bool { return e.Phase != sysctl.PhasePending })
}

// pendingOf lists changes for scripts.
func pendingOf(waiting []sysctl.Entry) []pendingChange {
	var out []pendingChange
	for _, e := range waiting {
		out = append(out, pendingChange{e.ID, e.Title, e.Deadline})
	}
	return out
}

// meets says whether a change that waits for confirmation is about a parameter of
// the plan, or both write the file for the next boot: then the one would be undone,
// or could not be confirmed, because of the other.
func (p *applyPlan) meets(e sysctl.Entry) bool {
	keys := p.planned()
	shares := slices.ContainsFunc(e.Rows, func(r sysctl.Row) bool { return !r.SideEffect && slices.Contains(keys, r.Key) })
	return shares || e.File != nil && p.writesFile()
}

// isDoneBy says whether a change that waits for confirmation has done all that the
// plan wants, or will at its confirmation.
func (p *applyPlan) isDoneBy(e sysctl.Entry) bool {
	if len(p.Changes) > 0 || !p.meets(e) {
		return false
	}
	return !p.writesFile() || e.File != nil && sameText(e.File.After, p.file.After)
}

// sameText compares two files, either of which may be missing.
func sameText(a, b *string) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// await looks whether the plan has to wait for the end of an earlier change, or is
// done by it already, and says in the result which.
func (d *applyResult) await(o *applyOptions, p *applyPlan, waiting []sysctl.Entry) (stop bool) {
	d.Pending = pendingOf(waiting)
	for _, e := range waiting {
		if o.confirmWithin > 0 && p.isDoneBy(e) {
			d.ChangeID, d.Phase, d.Deadline = e.ID, e.Phase, e.Deadline
			return true
		}
	}
	for _, e := range waiting {
		if p.meets(e) {
			d.Refused = fmt.Sprintf("change %s (%s) waits for confirmation until %s: confirm it or roll it back first",
				e.ID, e.Title, e.Deadline.Local().Format(time.TimeOnly))
			return true
		}
	}
	return false
}

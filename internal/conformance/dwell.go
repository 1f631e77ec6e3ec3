package conformance

import (
	"context"
	"time"

	"github.com/tcpdoctor/tcpdoctor/model"
)

// Dies waits until the kernel's connection has left its place by a timer, and
// compares how long it stayed, what that counted and where it went. since is what
// armed the timer, and lasts the stay that the model expects.
func (t *Twin) Dies(ctx context.Context, since Stamp, lasts time.Duration) {
	at := t.Conn.Node
	before := t.base
	t.c.Compare("life in "+at.String(), lasts, t.c.Watch(ctx, since, lasts, func() bool { return t.at(at) }))
	wanted := Counts{}
	var told Errno
	next := t.Conn
	for range 1000 {
		if next.Node != at {
			break
		}
		var actions []model.Action
		next, actions = next.Step(model.Event{Kind: model.EvTimer})
		wanted.Take(actions)
		told = errorOf(actions)
	}
	did := t.look()
	t.base = t.c.Server.Counters()
	did.counts = t.c.moved(before, t.base)
	t.c.Compare("end of "+at.String(), t.write(deed{place: next.Node, counts: t.c.countable(wanted), told: told}), t.write(did))
	t.keep(next)
}

// Dwells is Dies with the stay that the model gives for the place.
func (t *Twin) Dwells(ctx context.Context, since Stamp) {
	t.Dies(ctx, since, model.DwellOf(t.Conn.Node, t.c.Server.Settings(), 0).Most)
}

// at reports whether the kernel's connection is at a place now.
func (t *Twin) at(n model.Node) bool {
	found, ok := t.c.Server.Connection(t.line.ends.kernel, t.line.ends.stranger)
	return ok && nodeOf(found) == n
}

// Stays compares whether a connection that no timer ends is still where it was
// after a while.
func (t *Twin) Stays(ctx context.Context, while time.Duration) {
	n := t.Conn.Node
	forever := model.DwellOf(n, t.c.Server.Settings(), 0).Most == model.Forever
	t.c.Pause(ctx, while)
	t.c.Compare("still in "+n.String(), forever, t.at(n))
}

// since stamps a step of a twin.
func (t *Twin) since(step func()) Stamp { return t.c.Do(step) }

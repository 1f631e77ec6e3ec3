package incident

import (
	"time"

	"github.com/tcpdoctor/tcpdoctor/rules"
)

// changes gathers what one tick brings about.
type changes struct {
	tracker   *Tracker
	incidents []Incident
	alerts    []Alert
}

// advance takes a record through its life.
func (c *changes) advance(s *seen, r *record) {
	t := c.tracker
	config := t.options.Config.of(r.Key.ID)
	before := *r
	switch {
	case r.Gone > 0 && r.Gone >= s.grace(config.NamespaceGrace):
		c.end(r, s.gone(r.Key))
		return
	case r.State == Pending && !r.Found && r.Held == [3]time.Duration{}:
		c.end(r, "")
		return
	case r.State == Pending && t.due(r):
		r.Severity = t.severity(r)
		r.State, r.Opened = Open, r.LastSeen
	case r.State == Open && !r.Found && r.Quiet >= config.quietFor(r.Reopened):
		t.memory.remember(r.Key, t.options.Config.MaxIncidents)
		c.end(r, "")
		return
	case r.State == Open:
		r.Severity = t.severity(r)
	}
	if r.State != Open {
		return
	}
	c.tell(r, config)
	now := t.memory.Clock.Elapsed
	if before.State != r.State || before.Severity != r.Severity || before.CausedBy != r.CausedBy ||
		before.Number != r.Number || now-r.ChangedAt >= refreshEvery {
		r.ChangedAt = now
		c.incidents = append(c.incidents, r.Incident)
	}
}

// end ends an incident. One that nobody was told of is forgotten.
func (c *changes) end(r *record, reason string) {
	was := r.State
	r.State, r.EndReason = Ended, reason
	c.resolve(r)
	if was != Open {
		return
	}
	r.EndedAt = c.tracker.later(r.Opened)
	c.incidents = append(c.incidents, r.Incident)
}

// endAll ends every incident there is.
func (c *changes) endAll(reason string) {
	m := &c.tracker.memory
	for i := range m.Records {
		c.end(&m.Records[i], reason)
	}
	m.Records, m.Past = nil, nil
}

// tell makes the alerts of an open incident what they ought to be.
func (c *changes) tell(r *record, config Config) {
	now := c.tracker.memory.Clock.Elapsed
	enough := r.Severity.Rank() >= config.MinSeverity.Rank()
	switch {
	case r.Told == nil:
		if enough && r.CausedBy == "" && r.Wait == 0 {
			c.fire(r)
		}
	case !enough:
		c.resolve(r)
	case rules.Severity(r.Told.Labels["severity"]) != r.Severity:
		c.resolve(r)
		c.fire(r)
	case r.Found && config.Repeat > 0 && now-r.SentAt >= config.Repeat && r.CausedBy == "":
		r.Told.Repeat++
		c.send(r)
	}
}

// fire begins an alert.
func (c *changes) fire(r *record) {
	t := c.tracker
	r.Number++
	r.Told = &Alert{
		UID: alertUID(r.UID, r.Number), Incident: r.UID, Status: Firing, Labels: t.labels(r),
		StartsAt: t.later(r.Opened),
	}
	c.send(r)
}

// send tells of the alert as it is.
func (c *changes) send(r *record) {
	a := *r.Told
	a.Annotations, a.Finding = c.tracker.annotations(r), r.Finding
	r.SentAt = c.tracker.memory.Clock.Elapsed
	c.alerts = append(c.alerts, a)
}

// resolve ends the alert that fires, if there is one.
func (c *changes) resolve(r *record) {
	if r.Told == nil {
		return
	}
	r.Told.Status, r.Told.Repeat = Resolved, 0
	r.Told.EndsAt = c.tracker.later(r.Told.StartsAt)
	c.send(r)
	r.Told = nil
}

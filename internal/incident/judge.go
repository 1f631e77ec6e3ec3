package incident

import (
	"slices"
	"time"

	"github.com/tcpdoctor/tcpdoctor/rules"
)

// judge takes what one tick says of a record: found, looked for in vain, or
// neither, which changes nothing.
func (t *Tracker) judge(s *seen, r *record, g *group, step time.Duration) {
	now := t.memory.Clock.Elapsed
	if g != nil {
		t.foundAgain(r, g, t.span(r, now))
		r.Found, r.JudgedAt, r.Gone = true, now, 0
		return
	}
	if s.gone(r.Key) != "" {
		if step <= t.options.Config.StaleAfter {
			r.Gone += step
		}
		return
	}
	r.Gone = 0
	if s.made(r.Key) {
		t.missed(r, t.span(r, now))
		r.Found, r.JudgedAt = false, now
	}
}

// span is the time since the last judgement that was made; one that is too long
// ago tells nothing of the time between.
func (t *Tracker) span(r *record, now time.Duration) time.Duration {
	if d := now - r.JudgedAt; d <= t.options.Config.StaleAfter {
		return d
	}
	return 0
}

// foundAgain counts the time since the last judgement if that found it as well.
func (t *Tracker) foundAgain(r *record, g *group, span time.Duration) {
	f := g.merged()
	was := r.Finding.Severity
	if !r.Found {
		span = 0
	}
	for i := range r.Held {
		switch {
		case f.Severity.Rank() <= i: // less than info, warning or critical
			r.Held[i] = max(0, r.Held[i]-span)
		case was.Rank() > i:
			r.Held[i] += span
		}
	}
	r.Quiet = 0
	switch {
	case f.Severity.Rank() >= r.Severity.Rank():
		r.Lower = 0
	case was.Rank() < r.Severity.Rank():
		r.Lower += span
	}
	if r.CausedBy == "" {
		r.Wait = max(0, r.Wait-span)
	}
	r.LastSeen = t.later(r.LastSeen)
	t.reword(r, f)
}

// reword keeps the newest finding. A brief look that cannot tell the cause does
// not take back what a thorough one has told a while ago.
func (t *Tracker) reword(r *record, f rules.Finding) {
	now := t.memory.Clock.Elapsed
	old := r.Finding
	worse := f.Severity.Rank() > r.Peak.Rank() || r.Worst.ID == ""
	nobody := f.Subject.Kind == rules.SubjectHost && old.Subject.Kind != rules.SubjectHost
	unsure := f.Confidence == rules.Possible && old.Confidence != rules.Possible
	if old.ID != "" && (nobody || unsure) && now-r.TextAt <= t.options.Config.StaleAfter {
		f.Cause, f.Actor, f.Confidence = old.Cause, old.Actor, old.Confidence
		f.Explanation, f.Prescriptions = old.Explanation, old.Prescriptions
		if nobody || f.Subject.Comm == "" {
			f.Subject = old.Subject
		}
		if nobody {
			f.Summary = old.Summary
		}
	} else {
		r.TextAt = now
		// The worst is told in the better words, too.
		worse = worse || r.Worst.Confidence == rules.Possible && f.Confidence != rules.Possible && f.Severity.Rank() >= r.Worst.Severity.Rank()
	}
	r.Finding = f
	if worse {
		r.Worst = f
	}
	if f.Severity.Rank() > r.Peak.Rank() {
		r.Peak = f.Severity
	}
}

// missed counts the time since the last judgement as quiet if that found nothing
// either.
func (t *Tracker) missed(r *record, span time.Duration) {
	for i := range r.Held {
		r.Held[i] = max(0, r.Held[i]-span)
	}
	if !r.Found {
		r.Quiet += span
	}
}

// later returns the present time, or the given one where the clock was set back
// behind it.
func (t *Tracker) later(than time.Time) time.Time {
	if t.now.Before(than) {
		return than
	}
	return t.now
}

// explain finds for every incident the one that it is a consequence of, which
// may be pending still. Who was told before stays told.
func (t *Tracker) explain() {
	all := t.memory.Records
	findings := make([]*rules.Finding, len(all))
	for i := range all {
		findings[i] = &all[i].Finding
	}
	for i := range all {
		r := &all[i]
		was := r.CausedBy
		r.CausedBy = ""
		if rule := t.rules[r.Key.ID]; rule != nil && len(rule.CausedBy) > 0 {
			if root := rule.ExplainedIn(&r.Finding, findings); root >= 0 && !t.leadsTo(root, r.UID) {
				r.CausedBy = all[root].UID
				r.Wait = t.options.Config.of(r.Key.ID).For
			}
		}
		if r.CausedBy != was {
			r.ChangedAt = t.memory.Clock.Elapsed - refreshEvery
		}
	}
}

// leadsTo reports whether a record is a consequence, at however many removes, of
// the incident of that name: two that explain each other would both be silent.
func (t *Tracker) leadsTo(i int, name string) bool {
	all := t.memory.Records
	for range all {
		root := all[i].CausedBy
		if root == "" || root == name {
			return root != ""
		}
		i = slices.IndexFunc(all, func(r record) bool { return r.UID == root })
		if i < 0 {
			return false
		}
	}
	return false
}

// severity returns what a record is to be called: what it has been for long
// enough, or what it was, until it has been less for long enough.
func (t *Tracker) severity(r *record) rules.Severity {
	c := t.options.Config.of(r.Key.ID)
	for _, s := range []rules.Severity{rules.Critical, rules.Warning, rules.Info} {
		if r.Found && r.Held[s.Rank()-1] >= c.holdFor(s) && r.Finding.Severity.Rank() >= s.Rank() {
			if r.State == Pending || s.Rank() > r.Severity.Rank() {
				return s
			}
			break
		}
	}
	if r.State == Open && r.Found && r.Lower >= c.DeescalateAfter && r.Finding.Severity.Rank() < r.Severity.Rank() {
		return r.Finding.Severity
	}
	return r.Severity
}

// due reports whether a pending record has held for long enough.
func (t *Tracker) due(r *record) bool {
	c := t.options.Config.of(r.Key.ID)
	if !r.Found {
		return false
	}
	for _, s := range []rules.Severity{rules.Critical, rules.Warning, rules.Info} {
		if r.Held[s.Rank()-1] >= c.holdFor(s) && r.Finding.Severity.Rank() >= s.Rank() {
			return true
		}
	}
	return false
}

package incident

import (
	"slices"
	"strings"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/steady"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// refreshEvery is how often an open incident that merely goes on is among the
// changed ones, so that what is kept of it is not too old.
const refreshEvery = 10 * time.Minute

// Options are the particulars of a [Tracker].
type Options struct {
	// Instance is the label of that name: the host.
	Instance string
	Config   Config
	// Rules are those whose findings come; nil means all.
	Rules []rules.Rule
}

// Tracker judges over time. It is not safe for concurrent use.
type Tracker struct {
	options Options
	rules   map[string]*rules.Rule
	memory  Memory
	now     time.Time   // of the observation under way
	at      map[Key]int // positions of its records
}

// New returns a tracker that goes on from what another one knew.
func New(o Options, m Memory) *Tracker {
	t := &Tracker{memory: m}
	t.Configure(o)
	return t
}

// Configure replaces the options; what is known stays.
func (t *Tracker) Configure(o Options) {
	if o.Rules == nil {
		o.Rules = rules.All()
	}
	t.options = o
	t.rules = make(map[string]*rules.Rule, len(o.Rules))
	for i := range o.Rules {
		t.rules[o.Rules[i].ID] = &o.Rules[i]
	}
}

// Memory returns what the tracker knows, to be encoded before the next Observe.
func (t *Tracker) Memory() *Memory { return &t.memory }

// Incidents returns those that are pending or open, in the order they began.
func (t *Tracker) Incidents() []Incident {
	out := make([]Incident, len(t.memory.Records))
	for i := range t.memory.Records {
		out[i] = t.memory.Records[i].Incident
	}
	return out
}

// SetRecording says what the flight recording of an incident is called.
func (t *Tracker) SetRecording(uid, name string) {
	for i := range t.memory.Records {
		if r := &t.memory.Records[i]; r.UID == uid {
			r.Recording = name
		}
	}
}

// Active returns the alerts that fire, with the newest figures: for receivers
// that must be told again and again.
func (t *Tracker) Active() []Alert {
	var out []Alert
	for i := range t.memory.Records {
		if r := &t.memory.Records[i]; r.Told != nil {
			a := *r.Told
			a.Annotations, a.Finding = t.annotations(r), r.Finding
			out = append(out, a)
		}
	}
	return out
}

// Observe takes in one tick and returns the open and ended incidents that
// changed, and what is to be told.
func (t *Tracker) Observe(at steady.Moment, o Observation) (changed []Incident, alerts []Alert) {
	m := &t.memory
	before := m.Clock
	step := m.Clock.Advance(at)
	t.now = m.Clock.Wall
	if len(m.Records) == 0 && len(o.Findings) == 0 && len(m.Past) == 0 {
		m.BootID = o.BootID
		return nil, nil
	}
	if t.stale(before, at, step) {
		m.Records = slices.DeleteFunc(m.Records, func(r record) bool { return r.State == Pending })
		for i := range m.Records {
			m.Records[i].SentAt += step // nobody watched, so nothing is overdue
		}
	}
	m.forget(t.options.Config.Flap.Interval)
	out := &changes{tracker: t}
	if m.BootID != "" && o.BootID != "" && m.BootID != o.BootID {
		out.endAll("the host was started anew")
	}
	if o.BootID != "" {
		m.BootID = o.BootID
	}
	s := newSeen(o)
	found := t.assign(s)
	for i := range m.Records {
		t.judge(s, &m.Records[i], found[i], step)
	}
	t.explain()
	for i := range m.Records {
		out.advance(s, &m.Records[i])
	}
	m.Records = slices.DeleteFunc(m.Records, func(r record) bool { return r.State == Ended })
	return out.incidents, out.alerts
}

// stale reports whether nobody has looked for so long that what was pending
// means nothing any more.
func (t *Tracker) stale(before steady.Clock, at steady.Moment, step time.Duration) bool {
	most := t.options.Config.StaleAfter
	began := at.Mono < before.Mono
	return step > most || began && at.Wall.Sub(before.Wall) > most
}

// least is the lowest severity that makes an incident: warnings are remembered
// also where only what is critical is told.
func (t *Tracker) least() rules.Severity {
	least := t.options.Config.MinSeverity
	for _, o := range t.options.Config.Rules {
		if o.MinSeverity != nil && o.MinSeverity.Rank() < least.Rank() {
			least = *o.MinSeverity
		}
	}
	if least.Rank() > rules.Warning.Rank() {
		return rules.Warning
	}
	return least
}

// assign finds the record that each group of findings belongs to, and begins
// one where there is none and room is left. It returns the groups by record.
func (t *Tracker) assign(s *seen) map[int]*group {
	m := &t.memory
	t.at = make(map[Key]int, len(m.Records))
	for i := range m.Records {
		t.at[m.Records[i].Key] = i
	}
	found := make(map[int]*group)
	left := 0
	take := func(g *group) {
		i := t.find(s, g)
		if i < 0 {
			i = t.begin(g, found)
		}
		switch had := found[i]; {
		case i < 0:
			left += 1 + len(g.others)
		case had != nil:
			had.add(g)
		default:
			found[i] = g
		}
	}
	for _, g := range s.groups(t.least()) {
		take(g)
	}
	if left > 0 {
		g := s.leftOut(left, t.options.Config.MaxIncidents)
		if i := t.find(s, g); i >= 0 {
			found[i] = g
		} else {
			m.Records = append(m.Records, t.fresh(g))
			found[len(m.Records)-1] = g
		}
	}
	return found
}

// find returns the record of a group, or -1: the one of its key; else one that is
// the same fault, seen less well on one of the two occasions; else one of a
// namespace that is gone and whose name the group's now has.
func (t *Tracker) find(s *seen, g *group) int {
	if i, ok := t.at[g.key]; ok {
		return i
	}
	all := t.memory.Records
	if i := t.findBlurred(g); i >= 0 {
		if r := &all[i]; r.State == Pending && !(g.hostwide() && r.Place != hostPlace) && (g.comm != "" || r.Comm == "") {
			t.rename(i, g) // nobody was told yet
		}
		return i
	}
	for i := range all {
		r := &all[i]
		_, there := s.labels[r.Key.Netns]
		if !there && r.Key.ID == g.key.ID && r.Key.Subject == g.key.Subject && r.Netns == g.label {
			t.rekey(i, g.key)
			return i
		}
	}
	return -1
}

// findBlurred returns the record of the same rule and namespace that is the same
// fault although its subject reads otherwise: one of the same place where one of
// the two lacks the program; the only one, where one of the two does not know the
// place; any one, of a fault that a namespace has once at most.
func (t *Tracker) findBlurred(g *group) int {
	all := t.memory.Records
	rule := t.rules[g.key.ID]
	single := rule != nil && rule.Single
	only, count := -1, 0
	for i := range all {
		r := &all[i]
		if r.Key.ID != g.key.ID || r.Key.Netns != g.key.Netns {
			continue
		}
		if single || g.place != "" && r.Place == g.place && (r.Comm == "" || g.comm == "") {
			return i
		}
		if r.Place == hostPlace || g.hostwide() {
			only = i
			count++
		}
	}
	if count == 1 {
		return only
	}
	return -1
}

// labelled reports whether a record has these labels.
func (t *Tracker) labelled(id, netns, subject string) bool {
	for i := range t.memory.Records {
		if r := &t.memory.Records[i]; r.Key.ID == id && r.Netns == netns && r.Subject == subject {
			return true
		}
	}
	return false
}

// rename has a record go by the subject of a group, unless another goes by it.
func (t *Tracker) rename(i int, g *group) {
	r := &t.memory.Records[i]
	if t.labelled(g.key.ID, r.Netns, g.key.Subject) {
		return
	}
	t.rekey(i, g.key)
	r.Subject, r.Place, r.Comm = g.key.Subject, g.place, g.comm
}

// rekey has a record be found by another key.
func (t *Tracker) rekey(i int, k Key) {
	r := &t.memory.Records[i]
	delete(t.at, r.Key)
	r.Key = k
	t.at[k] = i
}

// begin makes room for a group and returns its record, or -1. What is merely
// pending gives way to what is more urgent.
func (t *Tracker) begin(g *group, found map[int]*group) int {
	m := &t.memory
	if n := len(m.Records); n < t.options.Config.MaxIncidents {
		m.Records = append(m.Records, t.fresh(g))
		t.at[g.key] = n
		return n
	}
	for i := range m.Records {
		r := &m.Records[i]
		if found[i] == nil && r.State == Pending && r.Finding.Severity.Rank() < g.finding.Severity.Rank() {
			delete(t.at, r.Key)
			*r = t.fresh(g)
			t.at[g.key] = i
			return i
		}
	}
	return -1
}

// fresh is the record of a group that was never seen before.
func (t *Tracker) fresh(g *group) record {
	m := &t.memory
	m.Seq++
	r := record{
		Incident: Incident{
			Key: g.key, Netns: g.label, Subject: g.key.Subject, State: Pending,
			Severity: g.finding.Severity, Peak: g.finding.Severity, Since: t.now,
			Reopened: m.cameBack(g.key, t.options.Config.Flap.Interval),
		},
		Place: g.place, Comm: g.comm, JudgedAt: m.Clock.Elapsed,
	}
	if t.labelled(r.Key.ID, r.Netns, r.Subject) {
		// Labels are the identity of an alert: two incidents never share them.
		_, id, _ := strings.Cut(g.key.Netns, "/")
		r.Netns += "#" + id
	}
	r.UID = uid(t.options.Instance, g.key, t.now, m.Seq)
	return r
}

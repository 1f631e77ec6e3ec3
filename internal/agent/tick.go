package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/history"
	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/internal/report"
	"github.com/tcpdoctor/tcpdoctor/internal/web"
)

// tick looks once, judges, remembers, and has people told.
func (a *Agent) tick(ctx context.Context) {
	began := time.Now()
	s := &a.snapshot
	a.list(ctx)
	w, err := a.o.Source.Tick(ctx)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		// Nothing was seen, so nothing is concluded: incidents stay as they are.
		a.log.Error("this host cannot be looked at", "error", err)
		a.publish(nil)
		return
	}
	light := a.judge.ask(w)
	v, walked := a.walk(ctx, w, light)
	s.Cost.Collect = time.Since(began)
	s.Cost.Rules = v.took
	s.View, a.walked = v.view, walked
	a.tellGaps(v.view.Window)
	a.remember(v)
	s.Ready = true
	s.Pace.Ticks++
	a.adapt()
	a.publish(&v)
}

// adapt learns from what the tick cost, and says so where that changes how often
// the agent looks.
func (a *Agent) adapt() {
	cost := a.spent()
	if a.snapshot.Pace.Ticks == 1 {
		return // the first one paid for starting
	}
	switch said := a.pace.ticked(cost); {
	case said == "":
	case a.pace.interval == a.pace.wanted:
		a.snapshot.Pace.Widened = ""
		a.log.Info("looking as often as wanted again", "because", said)
	default:
		a.snapshot.Pace.Widened = said
		a.log.Warn("looking more rarely, to stay within the budget", "because", said)
	}
}

// list looks which namespaces there are, as often as that is worth it.
func (a *Agent) list(ctx context.Context) {
	if !a.pace.mayList(time.Now()) {
		return
	}
	before := processorTime()
	if err := a.o.Source.Refresh(ctx); err != nil && ctx.Err() == nil {
		a.log.Warn("which namespaces there are cannot be told", "error", err)
	}
	a.pace.listed(time.Now(), processorTime()-before)
}

// walk completes the window with a walk where one is due or called for and can
// be paid; otherwise the light verdict stands.
func (a *Agent) walk(ctx context.Context, w facts.Window, light verdict) (verdict, bool) {
	why := a.judge.calls(light)
	if !a.pace.mayWalk(time.Now(), why != "") {
		return light, false
	}
	before := processorTime()
	if err := a.o.Source.Walk(ctx, &w); err != nil {
		if ctx.Err() == nil {
			a.log.Warn("the sockets could not be walked over", "error", err)
		}
		return light, false
	}
	cost := processorTime() - before
	a.cpu += cost // so that it does not count as the tick's
	a.pace.walked(time.Now(), cost)
	a.snapshot.Pace.Walks++
	a.snapshot.LastWalk = w.Started.Add(time.Duration(w.Seconds * float64(time.Second)))
	if why == "" {
		why = "it was due"
	}
	a.log.Debug("walked over all sockets", "because", why, "sockets", w.Cost.Sockets, "cpu", cost)
	v := a.judge.ask(w)
	if v.anonymous() && time.Since(a.hurried) >= budgetWindow {
		a.hurried = time.Now()
		a.o.Source.HurryOwners() // the next walk comes while the finding is pending
	}
	return v, true
}

// spent is the processor time used since it was last asked, without walks.
func (a *Agent) spent() time.Duration {
	now := processorTime()
	d := now - a.cpu
	a.cpu = now
	return max(d, 0)
}

// remember adds a verdict to what is known, keeps that, and has people told.
func (a *Agent) remember(v verdict) {
	at := a.o.Clock()
	n, err := a.judge.observe(at, v)
	if err != nil {
		a.log.Error("the trends cannot be kept", "error", err)
	}
	n.drawn = web.Points(v.view)
	a.record(*v.view.Window, n.incidents)
	a.logIncidents(n.incidents)
	a.commit(at.Wall, n)
	if a.o.Outbox != nil {
		a.o.Outbox.SetActive(a.judge.tracker.Active())
		if len(n.alerts) > 0 {
			a.o.Outbox.Wake()
		}
	}
}

// readingsKept bounds the series in the history beside those that the page draws:
// more than the store keeps would displace one another.
const readingsKept = 400

// commit has the store keep what is new, in one piece.
func (a *Agent) commit(at time.Time, n news) {
	t := history.Tick{At: at, Incidents: n.incidents, Alerts: n.alerts}
	for _, p := range n.drawn {
		t.Points = append(t.Points, history.Point(p))
	}
	for i := range n.readings[:min(len(n.readings), readingsKept)] {
		t.Points = append(t.Points, history.Point{Series: n.readings[i].Name(), Value: n.readings[i].Value})
	}
	var err error
	if t.State, err = a.judge.keep(); err != nil {
		a.log.Error("what is known cannot be kept", "error", err)
	}
	t.Incidents, t.Alerts = append(a.refused.Incidents, t.Incidents...), append(a.refused.Alerts, t.Alerts...)
	a.refused = history.Tick{}
	store := &a.snapshot.Store
	switch err := a.o.Store.Commit(t); {
	case err == nil && store.Problem != "":
		a.log.Info("the history is written again")
		store.Problem = ""
	case err == nil:
	default:
		if errors.Is(err, history.ErrRefused) {
			a.refused = t // otherwise the store has it, and writes it when it can
		}
		store.Errors++
		if store.Problem != err.Error() {
			a.log.Error("the history cannot be written; it is held in memory until it can", "error", err)
		}
		store.Problem = err.Error()
	}
}

// record keeps the window of a walk, and writes what was kept when an incident
// opens.
func (a *Agent) record(w facts.Window, changed []incident.Incident) {
	opens := func(c *incident.Incident) bool { return c.State == incident.Open && c.Opened.Equal(c.LastSeen) }
	news := slices.ContainsFunc(changed, func(c incident.Incident) bool { return opens(&c) })
	if a.o.Recorder == nil || !a.walked && !news {
		return
	}
	if err := a.o.Recorder.Add(w); err != nil {
		a.log.Warn("a window could not be kept", "error", err)
	}
	for i := range changed {
		c := &changed[i]
		if !opens(c) || c.Recording != "" {
			continue
		}
		name, err := a.o.Recorder.Write(c.UID)
		if err != nil {
			a.log.Warn("what was seen when an incident opened could not be written", "incident", c.UID, "error", err)
			continue
		}
		c.Recording = name
		a.judge.tracker.SetRecording(c.UID, name)
	}
}

// logIncidents writes a line for what began and what ended.
func (a *Agent) logIncidents(changed []incident.Incident) {
	for i := range changed {
		c := &changed[i]
		switch {
		case c.State == incident.Ended:
			a.log.Info("ended", "id", c.Key.ID, "subject", c.Subject, "netns", c.Netns, "lasted", c.EndedAt.Sub(c.Since).Round(time.Second), "incident", c.UID)
		case c.State == incident.Open && c.Opened.Equal(c.LastSeen):
			a.log.Warn("found", "summary", c.Finding.Summary, "id", c.Key.ID, "severity", string(c.Severity), "netns", c.Netns, "incident", c.UID)
		}
	}
}

// tellGaps logs each source that cannot be read once, not at every tick.
func (a *Agent) tellGaps(w *facts.Window) {
	now := make(map[facts.Source]bool)
	all := slices.Clone(w.Gaps)
	for i := range w.Namespaces {
		all = append(all, w.Namespaces[i].Gaps...)
	}
	for _, g := range all {
		if g.Source == facts.SourceSockets && !a.walked {
			continue // it was not its turn
		}
		if !now[g.Source] && !a.gaps[g.Source] {
			a.log.Info("cannot look", "source", string(g.Source), "reason", g.Reason)
		}
		now[g.Source] = true
	}
	if a.walked { // what only a walk shows is not forgotten in between
		a.gaps = now
	}
}

// publish shows what is known; v is nil where nothing could be seen.
func (a *Agent) publish(v *verdict) {
	s := &a.snapshot
	if v != nil {
		w := v.view.Window
		s.LastTick = w.Started.Add(time.Duration(w.Seconds * float64(time.Second)))
		if a.walked || s.Report == nil {
			// Between two walks most rules cannot judge: the last report that
			// says something stands, with the time it is from.
			s.Report = report.New(v.view, v.result, a.o.Version)
		}
	}
	s.Incidents = a.judge.tracker.Incidents()
	s.Pace.Interval, s.Pace.WalkInterval = a.pace.interval, a.pace.walkEvery()
	s.Pace.BudgetCores = a.pace.budget
	s.Pace.UsedCores = a.pace.load(time.Now()) / budgetWindow.Seconds()
	if a.o.Publish != nil {
		a.o.Publish(*s)
	}
	a.alive(a.status())
}

// status is the agent in one line.
func (a *Agent) status() string {
	open := 0
	for _, i := range a.snapshot.Incidents {
		if i.State == incident.Open {
			open++
		}
	}
	return fmt.Sprintf("%d open, looking every %v, walking every %v", open, a.pace.interval, a.pace.walkEvery().Round(time.Second))
}

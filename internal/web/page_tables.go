package web

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/report"
)

// rowsShown is how many rows of a table the page shows.
const rowsShown = 12

func tables(f *figures) []pageTable {
	out := []pageTable{listenerTable(f), destinationTable(f), stateTable(f)}
	return slices.DeleteFunc(out, func(t pageTable) bool { return len(t.Rows) == 0 })
}

// listenerTable shows the listeners nearest to their limit.
func listenerTable(f *figures) pageTable {
	t := pageTable{
		ID: "listeners", Title: "Listeners, the fullest queue first",
		Columns: []string{"Listener", "Namespace", "Queue", "Limit", "Drops"},
	}
	all := slices.SortedFunc(slices.Values(f.listeners), func(a, b listenerFigure) int {
		return cmp.Or(cmp.Compare(b.share, a.share), cmp.Compare(b.drops, a.drops), a.compare(b.listenerKey))
	})
	shown, rest := split(all, rowsShown)
	t.More = len(rest) + f.dropped["listener_accept_queue"]
	for _, l := range shown {
		drops := "unknown"
		if l.dropsKnown {
			drops = figure(float64(l.drops))
		}
		t.Rows = append(t.Rows, []string{l.who(), l.netns, whole64(l.queue), whole64(l.limit), drops})
	}
	return t
}

// destinationTable shows the destinations nearest to running out of ports.
func destinationTable(f *figures) pageTable {
	t := pageTable{
		ID: "destinations", Title: "Destinations, the fewest free local ports first",
		Columns: []string{"From", "To", "Namespace", "Ports taken", "Share"},
	}
	shown, rest := split(f.destinations, rowsShown)
	t.More = len(rest) + f.dropped["ephemeral_ports_used_ratio"]
	for _, d := range shown {
		to := d.destination
		if strings.Contains(to, ":") {
			to = "[" + to + "]"
		}
		t.Rows = append(t.Rows, []string{
			d.source, fmt.Sprintf("%s:%d", to, d.port), d.netns,
			figure(float64(d.inUse)) + " of " + figure(float64(d.usable)), percent(d.used),
		})
	}
	return t
}

// stateTable shows the sockets of each namespace by state, both families
// together.
func stateTable(f *figures) pageTable {
	states := []facts.State{
		facts.Established, facts.Listen, facts.SynSent, facts.SynRecv, facts.TimeWait, facts.CloseWait,
		facts.FinWait1, facts.FinWait2, facts.LastAck, facts.Closing,
	}
	t := pageTable{ID: "states", Title: "Sockets by namespace and state", Columns: []string{"Namespace"}}
	for _, s := range states {
		t.Columns = append(t.Columns, strings.ToUpper(s.String()))
	}
	shown, rest := split(f.sockets, rowsShown)
	t.More = len(rest)
	for _, s := range shown {
		sum := s.v4
		addStates(&sum, s.v6)
		row := []string{s.netns}
		for _, state := range states {
			row = append(row, figure(float64(sum[state])))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// agentFacts says what the agent itself does and costs.
func agentFacts(p *published) []pageFact {
	out := []pageFact{{Name: "Looks", Text: "every " + span(p.Pace.Interval) + "; walks over all sockets every " + span(p.Pace.WalkInterval)}}
	if p.Pace.Widened != "" {
		out = append(out, pageFact{"Slowed down", report.Clean(p.Pace.Widened), true})
	}
	if p.Pace.BudgetCores > 0 {
		out = append(out, pageFact{
			"Costs", fmt.Sprintf("%s of one core, of %s that it may", percent(p.Pace.UsedCores), percent(p.Pace.BudgetCores)),
			p.Pace.UsedCores > p.Pace.BudgetCores,
		})
	}
	var failed uint64
	for _, n := range p.CollectErrors {
		failed += n
	}
	if failed > 0 {
		out = append(out, pageFact{"Could not read", count(int(min(failed, 1<<31)), "time", "times") + " since it started", false})
	}
	for _, r := range p.Receivers {
		text := count(int(min(r.Sent, 1<<31)), "message", "messages") + " sent"
		if r.Waiting > 0 {
			text += fmt.Sprintf(", %d waiting", r.Waiting)
		}
		if r.Dropped > 0 {
			text += fmt.Sprintf(", %d lost", r.Dropped)
		}
		if r.LastError != "" {
			text += "; the last attempt failed: " + r.LastError
		}
		out = append(out, pageFact{"Tells " + report.Clean(r.Name), report.Clean(text), r.LastError != "" || r.Dropped > 0})
	}
	if p.Store.MaxBytes > 0 {
		text := fmt.Sprintf("%s of %s MiB", figure(float64(p.Store.Bytes)/(1<<20)), figure(float64(p.Store.MaxBytes)/(1<<20)))
		out = append(out, pageFact{"Remembers", text, false})
	}
	if p.Store.Problem != "" {
		out = append(out, pageFact{"Cannot remember", report.Clean(p.Store.Problem), true})
	}
	return out
}

// span prints a duration in whole units: 10 s, 5 min.
func span(d time.Duration) string {
	switch {
	case d <= 0:
		return "now and then"
	case d < 2*time.Minute:
		return figure(d.Seconds()) + " s"
	case d < 2*time.Hour:
		return figure(d.Minutes()) + " min"
	}
	return figure(d.Hours()) + " h"
}

package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// Baseline says what changed since an earlier window.
type Baseline struct {
	Started       time.Time `json:"started"`
	WindowSeconds float64   `json:"window_seconds"`
	Hostname      string    `json:"hostname,omitempty"`
	// OtherHost tells that the earlier window is another machine's, or from
	// before a reboot of it under another name.
	OtherHost bool `json:"other_host,omitempty"`
	// New were not found then, Gone are not found any more, Changed have
	// another severity or cause.
	New     []Change `json:"new"`
	Gone    []Change `json:"gone"`
	Changed []Change `json:"changed"`
	// Rates are the counters whose rate is notably different.
	Rates []RateChange `json:"rates"`
}

// Change is one finding then and now.
type Change struct {
	ID      string      `json:"id"`
	Netns   rules.Netns `json:"netns"`
	Summary string      `json:"summary"`
	Before  *Verdict    `json:"before,omitempty"`
	After   *Verdict    `json:"after,omitempty"`
}

// Verdict is what may change about a finding.
type Verdict struct {
	Severity rules.Severity `json:"severity"`
	Cause    string         `json:"cause,omitempty"`
}

// RateChange is a counter whose rate changed.
type RateChange struct {
	Netns           rules.Netns `json:"netns"`
	Counter         string      `json:"counter"`
	BeforePerSecond float64     `json:"before_per_second"`
	AfterPerSecond  float64     `json:"after_per_second"`
}

// A rate is notably different when it is at least this many times the other
// and their distance at least so much. Windows are short: less says nothing.
const (
	notableFactor   = 2
	notableDistance = 1.0 // per second
	ratesKept       = 12
)

// Judged is a window with what was found in it.
type Judged struct {
	View   *model.View
	Report *Report
}

// Compare says what changed between two judged windows. Findings are the same
// when ID, namespace and subject are; a process may have another pid by now.
func Compare(before, after Judged) *Baseline {
	b := &Baseline{
		Started: before.Report.Started, WindowSeconds: before.Report.WindowSeconds,
		Hostname: before.Report.Host.Hostname, OtherHost: before.Report.Host.Hostname != after.Report.Host.Hostname,
		New: []Change{}, Gone: []Change{}, Changed: []Change{}, Rates: []RateChange{},
	}
	sameBoot := before.Report.Host.BootID == after.Report.Host.BootID && before.Report.Host.BootID != ""
	then := make(map[string]rules.Finding)
	for _, f := range before.Report.Findings {
		then[identity(before.View, f, sameBoot)] = f
	}
	for _, f := range after.Report.Findings {
		key := identity(after.View, f, sameBoot)
		old, was := then[key]
		delete(then, key)
		change := Change{ID: f.ID, Netns: f.Netns, Summary: f.Summary, After: verdictOf(f)}
		switch {
		case !was:
			b.New = append(b.New, change)
		case *verdictOf(old) != *verdictOf(f):
			change.Before = verdictOf(old)
			b.Changed = append(b.Changed, change)
		}
	}
	for _, f := range before.Report.Findings { // in their order, not the map's
		if _, left := then[identity(before.View, f, sameBoot)]; left {
			b.Gone = append(b.Gone, Change{ID: f.ID, Netns: f.Netns, Summary: f.Summary, Before: verdictOf(f)})
		}
	}
	b.Rates = append(b.Rates, rateChanges(before.View, after.View, sameBoot)...)
	return b
}

func verdictOf(f rules.Finding) *Verdict { return &Verdict{Severity: f.Severity, Cause: f.Cause} }

// identity is what makes two findings the same one.
func identity(v *model.View, f rules.Finding, sameBoot bool) string {
	place := ""
	for i := range v.Namespaces {
		if n := &v.Namespaces[i]; n.ID.Cookie == f.Netns.Cookie && n.ID.Inode == f.Netns.Inode {
			place = placeOf(n, sameBoot)
		}
	}
	s := f.Subject
	return fmt.Sprintf("%s\x00%s\x00%s\x00%s\x00%d\x00%s\x00%d\x00%s", f.ID, place, s.Kind, s.Local, s.Port, s.Peer, s.PeerPort, s.Comm)
}

// placeOf is what makes two namespaces the same one: the cookie within one
// boot, across boots the name.
func placeOf(n *model.Namespace, sameBoot bool) string {
	switch {
	case sameBoot && n.ID.Cookie != 0:
		return fmt.Sprintf("cookie %d", n.ID.Cookie)
	case n.ID.Self:
		return "self"
	case n.ID.Name != "":
		return "name " + n.ID.Name
	case n.ID.Container != "":
		return "container " + n.ID.Container
	}
	return fmt.Sprintf("inode %d", n.ID.Inode)
}

func rateChanges(before, after *model.View, sameBoot bool) []RateChange {
	then := make(map[string]*model.Namespace)
	for i := range before.Namespaces {
		n := &before.Namespaces[i]
		then[placeOf(n, sameBoot)] = n
	}
	var out []RateChange
	for i := range after.Namespaces {
		n := &after.Namespaces[i]
		old := then[placeOf(n, sameBoot)]
		if old == nil {
			continue
		}
		for name := range n.End.Counters {
			a, okA := old.Rate(name)
			b, okB := n.Rate(name)
			if okA && okB && notable(a, b) {
				out = append(out, RateChange{Netns: netnsOf(n.ID), Counter: name, BeforePerSecond: a, AfterPerSecond: b})
			}
		}
	}
	slices.SortFunc(out, func(a, b RateChange) int {
		return cmp.Or(cmp.Compare(b.factor(), a.factor()), cmp.Compare(a.Counter, b.Counter), cmp.Compare(a.Netns.Inode, b.Netns.Inode))
	})
	return out[:min(len(out), ratesKept)]
}

// notable reports whether two rates differ by more than windows of a few
// seconds do by chance.
func notable(a, b float64) bool {
	low, high := min(a, b), max(a, b)
	return high-low >= notableDistance && high >= notableFactor*low
}

// factor is how many times larger one rate is than the other, infinite where
// one of them is nothing.
func (c RateChange) factor() float64 {
	low, high := min(c.BeforePerSecond, c.AfterPerSecond), max(c.BeforePerSecond, c.AfterPerSecond)
	if low == 0 {
		return math.Inf(1)
	}
	return high / low
}

// baseline writes what changed.
func (p *page) baseline(b *Baseline) {
	if b == nil {
		return
	}
	p.line()
	since := "since " + b.Started.Format("2006-01-02 15:04:05")
	if b.OtherHost {
		since += " (on another host, " + b.Hostname + ")"
	}
	total := len(b.New) + len(b.Gone) + len(b.Changed)
	if total == 0 && len(b.Rates) == 0 {
		p.block("", "  ", Clean(since)+": the same findings, no notable change of rate", plain)
		return
	}
	p.block("", "  ", fmt.Sprintf("%s: %d new, %d gone, %d changed", Clean(since), len(b.New), len(b.Gone), len(b.Changed)), strong)
	p.changes("new", bad, b.New)
	p.changes("gone", good, b.Gone)
	p.changes("changed", warn, b.Changed)
	var rates []string
	for _, r := range b.Rates {
		rates = append(rates, fmt.Sprintf("%s %s → %s/s", r.Counter, number(r.BeforePerSecond), number(r.AfterPerSecond)))
	}
	if len(rates) > 0 {
		first, other := p.lead("rate")
		p.block(first, other, Clean(strings.Join(rates, " · ")), plain)
	}
}

func (p *page) changes(label string, t tone, all []Change) {
	for _, c := range all {
		text := c.Summary
		if c.Before != nil && c.After != nil {
			text = fmt.Sprintf("%s %s → %s %s: %s", c.Before.Severity, c.Before.Cause, c.After.Severity, c.After.Cause, text)
		}
		p.block("  "+p.paint(t, fmt.Sprintf("%-8s", label)), strings.Repeat(" ", 10), Clean(text), plain)
	}
}

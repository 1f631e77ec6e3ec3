package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/rules"
)

// lookedAt says what the verdict rests on and what it does not cover.
func (p *page) lookedAt(r *Report) {
	if r.Worst().Rank() < rules.Warning.Rank() {
		p.block("  ", "  ", scopeWords(r), plain)
		if items := extremesWords(r); len(items) > 0 {
			p.list("  ", "  ", cleanAll(items), plain)
		}
	}
	p.missing("could not judge: ", unknownWords(r))
	p.missing("could not look: ", gapWords(r))
}

// missing lists what is not known, as much as a screen bears.
func (p *page) missing(label string, all []string) {
	const shown = 4
	if len(all) == 0 {
		return
	}
	if more := len(all) - shown; p.terse && displayWidth(all[0]) > p.width {
		all = []string{many(len(all), "reason", "reasons") + " (-o json)"}
	} else if more > 0 {
		all = append(slices.Clone(all[:shown]), fmt.Sprintf("and %d more (-o json has all)", more))
	}
	p.block("  "+p.paint(warn, label), "    ", Clean(strings.Join(all, "; ")), plain)
}

func scopeWords(r *Report) string {
	l := r.LookedAt
	s := fmt.Sprintf("%s over %s, %s, %s", many(l.Checks, "check", "checks"),
		many(r.sockets(), "socket", "sockets"), many(l.Listeners, "listener", "listeners"),
		many(len(r.Namespaces), "namespace", "namespaces"))
	if l.AcceptedPerSecond != nil && l.ConnectedPerSecond != nil {
		s += fmt.Sprintf("; new connections: %s/s in, %s/s out", number(*l.AcceptedPerSecond), number(*l.ConnectedPerSecond))
	}
	return s
}

// extremesWords names what is nearest to a limit.
func extremesWords(r *Report) []string {
	l := r.LookedAt
	in := func(n rules.Netns) string {
		if len(r.Namespaces) < 2 {
			return ""
		}
		return " in " + r.elsewhere(n)
	}
	var parts []string
	if f := l.FullestListener; f != nil {
		who := ""
		if f.PID != 0 {
			who = fmt.Sprintf(" %s[%d]", f.Comm, f.PID)
		}
		parts = append(parts, fmt.Sprintf("fullest queue: %s%s%s, peak %s of %s", endpoint(f.Local, f.Port), who, in(f.Netns),
			grouped(uint64(f.QueuePeak)), grouped(uint64(f.QueueLimit))))
	}
	if d := l.TightestDestination; d != nil && d.PortsUsable > 0 {
		parts = append(parts, fmt.Sprintf("tightest: local ports from %s to %s%s at %s %%", d.Local, endpoint(d.Peer, d.PeerPort),
			in(d.Netns), number(100*float64(d.PortsUsed)/float64(d.PortsUsable))))
	}
	if t := l.TimeWait; t != nil {
		parts = append(parts, fmt.Sprintf("TIME_WAIT %s of %s", grouped(t.Count), grouped(t.Limit)))
	}
	return parts
}

// unknownWords is what could not be judged, equal reasons together. Where a
// source is missing the gap gives the reason, once.
func unknownWords(r *Report) []string {
	missing := make(map[string]string)
	for _, x := range r.Gaps {
		missing[fmt.Sprintf("%s: %s", x.Source, x.Reason)] = "without " + string(x.Source)
	}
	g := groups{}
	for _, u := range r.Unknown {
		reason := u.Reason
		if short, ok := missing[reason]; ok {
			reason = short
		}
		g.add(reason, u.Rule, u.Netns, r)
	}
	return g.words()
}

func gapWords(r *Report) []string {
	g := groups{}
	for _, x := range r.Gaps {
		g.add(x.Reason, string(x.Source), x.Netns, r)
	}
	return g.words()
}

// groups collects what has the same reason, in the order of first appearance.
type groups struct {
	reasons []string
	names   map[string][]string
	places  map[string][]string
}

func (g *groups) add(reason, name string, id *rules.Netns, r *Report) {
	if g.names == nil {
		g.names, g.places = map[string][]string{}, map[string][]string{}
	}
	if !slices.Contains(g.reasons, reason) {
		g.reasons = append(g.reasons, reason)
	}
	if !slices.Contains(g.names[reason], name) {
		g.names[reason] = append(g.names[reason], name)
	}
	if id == nil || len(r.Namespaces) < 2 {
		return
	}
	if place := r.elsewhere(*id); !slices.Contains(g.places[reason], place) {
		g.places[reason] = append(g.places[reason], place)
	}
}

func (g *groups) words() []string {
	var out []string
	for _, reason := range g.reasons {
		place := ""
		switch places := g.places[reason]; len(places) {
		case 0:
		case 1:
			place = " in " + places[0]
		default:
			place = fmt.Sprintf(" in %d namespaces", len(places))
		}
		out = append(out, fmt.Sprintf("%s%s (%s)", strings.Join(g.names[reason], ", "), place, reason))
	}
	return out
}

// foot says what else was well, and where to read on.
func (p *page) foot(r, shown *Report) {
	var items []string
	if r.Worst().Rank() >= rules.Warning.Rank() {
		items = append(items, many(r.LookedAt.Silent, "other check", "other checks")+" silent")
	}
	label := "more: "
	for _, f := range shown.Findings {
		if c := "tcpdoctor explain " + f.ID; !slices.ContainsFunc(items, func(s string) bool { return strings.HasSuffix(s, c) }) {
			items = append(items, label+c)
			label = ""
		}
	}
	if len(shown.Findings) > 0 {
		items = append(items, "-o json")
	}
	if len(items) > 0 {
		p.list(p.paint(good, "✔ "), "  ", items, faint)
	}
}

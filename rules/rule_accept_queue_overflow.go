package rules

import (
	"fmt"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
)

var acceptQueueOverflow = Rule{
	ID:    "accept-queue-overflow",
	Title: "a listener refuses connections because its accept queue is full",
	Doc: Doc{
		What: "The kernel finished handshakes faster than the application took the connections with accept(). Once more connections wait than the queue's limit, the kernel drops further SYNs and final ACKs: clients hang for one, three, seven seconds, or believe to be connected while the server knows nothing of it.",
		How: "A listener's queue stood above its limit in the polls of the window (INET_DIAG shows LISTEN with Recv-Q above Send-Q), or TcpExt.ListenOverflows rose and one listener dropped. " +
			"The limit is the smaller of the application's backlog and net.core.somaxconn at the moment of listen(); limit + 1 fit. " +
			"The drop counter of a listener alone proves nothing: health checks and repeated SYNs raise it too. Nothing that ended before the window counts.",
		Cost:   "Every refused connection costs its client at least a second; a client whose ACK was dropped may wait for ever.",
		Change: "Make the application accept. Where bursts are the trouble, raise the limit that binds, which is told by the cause, and have the application call listen() again.",
		Worse:  "A longer queue hides a slow application and adds waiting time. tcp_abort_on_overflow turns short bursts into connection resets.",
		Source: "tcp_conn_request, tcp_check_req, sk_acceptq_is_full; listen(2)",
	},
	Causes: []Cause{
		{"somaxconn", "net.core.somaxconn cut the application's backlog"},
		{"stale-somaxconn", "somaxconn was raised, but the listener still has the limit of its last listen() call"},
		{"application-backlog", "the backlog the application passes to listen() is the smaller limit"},
		{"application-not-accepting", "the application takes no connection at all"},
		{"fd-limit", "accept() fails because the process is out of descriptors"},
		{"unknown", "the overflow could not be tied to one limit"},
	},
	Needs:    []facts.Source{facts.SourceListeners, facts.SourceNetstat},
	Counters: []string{"TcpExt.ListenOverflows", "TcpExt.ListenDrops", "Tcp.PassiveOpens"},
	Thresholds: []Threshold{
		{"critical-share", 0.5, "", "share of polls over the limit from which it is critical"},
		{"critical-rate", 5, "/s", "overflows per second from which it is critical"},
	},
	CausedBy: []Origin{
		{ID: "close-wait-leak", Causes: []string{"fd-limit"}, Shares: ShareProcess},
	},
	Wakes: []Wake{{Counter: "TcpExt.ListenOverflows"}},
	Check: checkAcceptQueueOverflow,
}

func checkAcceptQueueOverflow(p *Pass) {
	overflows := p.Ns.Rose("TcpExt.ListenOverflows")
	groups := overflowing(p.Ns, overflows, p.Threshold("critical-share"))
	if len(groups) == 0 && overflows > 0 {
		reportTransientOverflow(p, overflows)
		return
	}
	var drops uint64
	for _, g := range groups {
		drops += g.drops
	}
	for _, g := range groups {
		share := 1 / float64(len(groups))
		if drops > 0 {
			share = float64(g.drops) / float64(drops)
		}
		g.perSecond = share * p.Ns.PerSecond(overflows)
		p.Report(g.finding(p, len(groups)))
	}
}

// acceptGroup is the listeners of one address and port: one, or a group of
// SO_REUSEPORT of which some members overflow.
type acceptGroup struct {
	worst     *model.Listener // the member over its limit most
	members   []*model.Listener
	full      int    // members seen over their limit
	drops     uint64 // rise of the members' own drop counters
	perSecond float64
}

// overflowing returns the listening addresses whose queue was seen over its
// limit while the namespace counted overflows, or at least in the given share
// of the polls: then it is full whether or not somebody knocks.
func overflowing(n *model.Namespace, overflows uint64, share float64) []*acceptGroup {
	groups := listenGroups(n)
	var out []*acceptGroup
	for _, g := range groups {
		if g.full > 0 && (overflows > 0 || g.worst.FullShare() >= share) {
			out = append(out, g)
		}
	}
	return out
}

func listenGroups(n *model.Namespace) []*acceptGroup {
	at := make(map[string]*acceptGroup)
	var out []*acceptGroup
	for i := range n.Listeners {
		l := &n.Listeners[i]
		g := at[l.Local.String()]
		if g == nil {
			g = &acceptGroup{worst: l}
			at[l.Local.String()] = g
			out = append(out, g)
		}
		g.members = append(g.members, l)
		if d, ok := l.Drops(); ok {
			g.drops += d
		}
		if l.FullShare() > 0 {
			g.full++
		}
		if l.FullShare() > g.worst.FullShare() {
			g.worst = l
		}
	}
	return out
}

func (g *acceptGroup) owners() []*facts.Process {
	var out []*facts.Process
	for _, m := range g.members {
		// Where no poll caught it full, g.full says whether it is the culprit.
		if m.FullShare() > 0 || g.full == len(g.members) {
			out = append(out, m.Owners...)
		}
	}
	return distinctProcesses(out)
}

func (g *acceptGroup) finding(p *Pass, groups int) Finding {
	owners := g.owners()
	f := Finding{
		Severity:   Warning,
		Confidence: Likely,
		Subject:    listenerSubject(g.worst.Local, owners),
	}
	if g.worst.FullShare() >= p.Threshold("critical-share") || g.perSecond >= p.Threshold("critical-rate") {
		f.Severity = Critical
	}
	why := causeOfOverflow(p.Ns, g, owners)
	f.Cause, f.Actor, f.Confidence, f.Explanation = why.name, why.actor, why.confidence, why.text
	load := acceptLoad(p.Ns, g)
	f.Prescriptions = prescribeAccept(p.Ns, f.Subject, why.name, load)
	f.Evidence = g.evidence(p.Ns, load)
	if p.Ns.Start == nil {
		f.Confidence = Possible
	}

	what := fmt.Sprintf("drops %s", rate(g.perSecond, "connections"))
	if g.perSecond > 0 && groups > 1 {
		what = fmt.Sprintf("drops about %s", rate(g.perSecond, "connections"))
	}
	if g.perSecond == 0 {
		what = "lets nobody in"
	}
	f.Summary = fmt.Sprintf("%s %s: its accept queue on %s is full", f.Subject.Who(), what, endpoint(g.worst.Local))
	if g.full < len(g.members) {
		f.Summary += fmt.Sprintf(" (%d of %d listeners there)", g.full, len(g.members))
	}
	return f
}

func (g *acceptGroup) evidence(n *model.Namespace, load model.AcceptLoad) []Evidence {
	out := counters(n, "TcpExt.ListenOverflows")
	out = append(out,
		observed("accept queue, highest", float64(g.worst.HighWater()), "connections"),
		observed("accept queue limit", float64(g.worst.Limit), "connections"),
	)
	if g.worst.Watch.Polls > 0 {
		out = append(out, observed("polls over the limit", float64(g.worst.Watch.Full), fmt.Sprintf("of %d", g.worst.Watch.Polls)))
	}
	if d, ok := g.worst.Drops(); ok {
		out = append(out, observed("listener drops", float64(d), ""))
	}
	out = append(out, configured(n, model.KeySomaxconn)...)
	if n.Seconds > 0 {
		out = append(out, observed("accepted", load.AcceptsPerSecond, "/s"))
	}
	return out
}

// reportTransientOverflow reports overflows while no listener was seen over
// its limit: bursts shorter than the polls. The listeners' own drop counters
// rank the candidates; only a single one can be named.
func reportTransientOverflow(p *Pass, overflows uint64) {
	var candidates []*acceptGroup
	for _, g := range listenGroups(p.Ns) {
		if g.drops > 0 {
			candidates = append(candidates, g)
		}
	}
	if len(candidates) == 1 && candidates[0].drops >= overflows {
		g := candidates[0]
		g.perSecond = p.Ns.PerSecond(overflows)
		g.full = len(g.members)
		f := g.finding(p, 1)
		f.Severity, f.Confidence = Warning, Likely
		if g.perSecond >= p.Threshold("critical-rate") {
			f.Severity = Critical
		}
		f.Summary = fmt.Sprintf("%s dropped %s in short bursts: its accept queue on %s overflows", f.Subject.Who(), rate(g.perSecond, "connections"), endpoint(g.worst.Local))
		p.Report(f)
		return
	}
	f := Finding{
		Severity: Warning, Confidence: Possible, Cause: "unknown", Actor: LocalApplication,
		Subject:     Subject{Kind: SubjectHost},
		Summary:     fmt.Sprintf("accept queues overflow in short bursts, %s; which listener's was not seen", rate(p.Ns.PerSecond(overflows), "times")),
		Explanation: "the kernel counted overflows, but no queue was over its limit at any poll, and the counter is the namespace's, not a listener's",
		Evidence:    counters(p.Ns, "TcpExt.ListenOverflows", "TcpExt.ListenDrops"),
	}
	for _, g := range candidates {
		f.Evidence = append(f.Evidence, observed("listener drops on "+endpoint(g.worst.Local), float64(g.drops), ""))
	}
	f.Prescriptions = []Prescription{application("sample for longer while it happens: diagnose --window 60s",
		model.Effect{Verdict: model.Unknown, Reason: "a longer window has more polls to catch the queue in"})}
	p.Report(f)
}

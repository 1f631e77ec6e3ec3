package rules

import (
	"fmt"
	"strconv"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
)

var synFlood = Rule{
	ID:    "syn-flood",
	Title: "SYNs from many sources fill a listener's half-open queue and never complete",
	Doc: Doc{
		What: "Somebody sends SYNs, mostly with forged source addresses, and never answers the SYN-ACKs. Every SYN occupies an entry of the half-open queue for 7 to 63 seconds. Without cookies a full queue refuses real clients too.",
		How: "The half-open entries of a listener stand at its limit, come from many sources, and do not turn into connections: with cookies far more are sent than come back, without them SYNs are dropped. " +
			"A burst of real clients fills the queue as well, but its handshakes complete. Overflows of the accept queue leave the half-open queue short. " +
			"The kernel's log line comes once in a listener's life: its absence proves nothing.",
		Cost:   "With cookies off real clients are refused. With cookies on they get in, but lose TCP options where they have no timestamps.",
		Change: "Keep tcp_syncookies at 1 and tcp_timestamps on; filter at the edge (SYNPROXY, the provider's scrubbing).",
		Worse:  "tcp_syncookies=2 makes every connection go by cookie. tcp_synack_retries below 2 cuts off clients on lossy paths, and in a full queue the kernel prunes to 7 s anyway.",
		Source: "RFC 4987; tcp_conn_request, reqsk_timer_handler, tcp_syn_flood_action",
	},
	Causes: []Cause{
		{"cookies-on", "SYN cookies answer what does not fit: the flood costs CPU and options, clients get in"},
		{"cookies-off", "without SYN cookies the full queue refuses everybody"},
	},
	Needs: []facts.Source{facts.SourceSockets, facts.SourceNetstat, facts.SourceSettings},
	Counters: []string{
		"TcpExt.SyncookiesSent", "TcpExt.SyncookiesRecv", "TcpExt.TCPReqQFullDoCookies",
		"TcpExt.TCPReqQFullDrop", "TcpExt.ListenDrops", "TcpExt.ListenOverflows", "Tcp.PassiveOpens",
	},
	Thresholds: []Threshold{
		{"full", 0.9, "", "share of the half-open limit that counts as full"},
		{"sources", 16, "addresses", "distinct sources from which they are many"},
		{"cookies", 100, "/s", "unanswered cookies per second that tell a flood where no half-open entry is kept"},
		{"critical", 1000, "/s", "unanswered handshakes per second from which it is critical"},
	},
	Wakes: []Wake{
		{Counter: "TcpExt.TCPReqQFullDrop"},
		{Counter: "TcpExt.TCPReqQFullDoCookies", PerSecond: 1},
		{Counter: "TcpExt.SyncookiesSent", PerSecond: 100},
	},
	Check: checkSynFlood,
}

func checkSynFlood(p *Pass) {
	if p.Ns.Start == nil {
		p.Unknown("one instant shows half-open entries, not whether they complete; use a window")
		return
	}
	seen := make(map[string]bool)
	for i := range p.Ns.Listeners {
		l := &p.Ns.Listeners[i]
		if at := l.Local.String(); !seen[at] {
			seen[at] = true
			if fl := floodOn(p, l); fl != nil {
				p.Report(fl.finding(p))
			}
		}
	}
	if p.Ns.Settings.Syncookies == 2 {
		reportCookieFlood(p)
	}
}

// flood is what speaks for a flood on one listening address.
type flood struct {
	l          *model.Listener
	load       model.SynLoad
	owners     []*facts.Process
	capacity   uint64
	unanswered float64 // per second
	refused    float64 // per second, of any origin
}

// floodOn returns the evidence of a flood on a listener, or nil.
func floodOn(p *Pass, l *model.Listener) *flood {
	n := p.Ns
	f := &flood{l: l, load: n.SynLoad(l)}
	for i := range n.Listeners {
		if m := &n.Listeners[i]; m.Local == l.Local {
			f.capacity += uint64(model.HalfOpenCapacity(int(m.Limit), n.Settings.MaxSynBacklog, n.Settings.Syncookies, false, n.Dialect))
			f.owners = append(f.owners, m.Owners...)
		}
	}
	f.owners = distinctProcesses(f.owners)
	half := l.HalfOpen.AtEnd
	if f.capacity == 0 || float64(half) < p.Threshold("full")*float64(f.capacity) {
		return nil
	}
	many := float64(l.HalfOpen.Sources) >= p.Threshold("sources") ||
		float64(f.capacity) < p.Threshold("sources") && 2*l.HalfOpen.Sources >= half
	if !many {
		return nil
	}
	if n.Settings.Syncookies != 0 {
		sent, back := n.Rose("TcpExt.SyncookiesSent"), n.Rose("TcpExt.SyncookiesRecv")
		if sent == 0 || 2*back >= sent {
			return nil
		}
		f.unanswered = n.PerSecond(sent - back)
		return f
	}
	refused := refusedForQueue(n)
	done := n.Rose("Tcp.PassiveOpens")
	if refused == 0 || 2*done >= refused+half {
		return nil
	}
	f.refused = n.PerSecond(refused)
	f.unanswered = f.load.UnansweredPerSecond
	return f
}

// refusedForQueue is how many SYNs were dropped for a full half-open queue or
// for the last quarter of tcp_max_syn_backlog, which has no counter of its own.
func refusedForQueue(n *model.Namespace) uint64 {
	drops, over := n.Rose("TcpExt.ListenDrops"), n.Rose("TcpExt.ListenOverflows")
	if drops < over {
		return 0
	}
	return drops - over
}

func (f *flood) finding(p *Pass) Finding {
	n := p.Ns
	out := Finding{
		Severity: Warning, Confidence: Likely, Cause: "cookies-on", Actor: Attacker,
		Subject: listenerSubject(f.l.Local, f.owners),
	}
	who := out.Subject.Who()
	out.Summary = fmt.Sprintf("SYN flood on %s (%s): %s are never completed; cookies keep it reachable",
		endpoint(f.l.Local), who, rate(f.unanswered, "handshakes"))
	if n.Settings.Syncookies == 0 {
		out.Cause, out.Severity = "cookies-off", Critical
		out.Summary = fmt.Sprintf("SYN flood on %s (%s): its half-open queue is full and %s are refused, real clients' too",
			endpoint(f.l.Local), who, rate(f.refused, "SYNs"))
	}
	if f.unanswered >= p.Threshold("critical") {
		out.Severity = Critical
	}
	out.Explanation = fmt.Sprintf("%s half-open connections of at most %s (%s binds), from about %s sources; %s of them had their SYN-ACK repeated",
		people(f.l.HalfOpen.AtEnd), people(f.capacity),
		model.HalfOpenBinding(int(f.l.Limit), n.Settings.MaxSynBacklog, n.Settings.Syncookies, n.Dialect),
		people(f.l.HalfOpen.Sources), people(f.l.HalfOpen.Retransmitted))
	out.Evidence = floodEvidence(n,
		observed("half-open", float64(f.l.HalfOpen.AtEnd), fmt.Sprintf("of %d", f.capacity)),
		observed("distinct sources", float64(f.l.HalfOpen.Sources), "addresses"),
		observed("accept queue", float64(f.l.Queue), fmt.Sprintf("of %d", f.l.Limit)))
	out.Prescriptions = prescribeFlood(n, f.load)
	return out
}

func floodEvidence(n *model.Namespace, seen ...Evidence) []Evidence {
	out := counters(n, "TcpExt.SyncookiesSent", "TcpExt.SyncookiesRecv", "TcpExt.TCPReqQFullDrop",
		"TcpExt.ListenDrops", "TcpExt.ListenOverflows", "Tcp.PassiveOpens")
	for _, l := range n.Log {
		if l.Kind == "syn-flood" {
			out = append(out, Evidence{Name: "kernel log: SYN flooding", Value: l.AgoSeconds, Unit: "s ago", Source: "/dev/kmsg"})
			break
		}
	}
	return append(append(seen, out...), configured(n, model.KeySyncookies)...)
}

// reportCookieFlood reports a flood where every SYN is answered by a cookie
// (tcp_syncookies=2): no entry tells which listener or how many sources.
func reportCookieFlood(p *Pass) {
	n := p.Ns
	sent, back := n.Rose("TcpExt.SyncookiesSent"), n.Rose("TcpExt.SyncookiesRecv")
	lost := n.PerSecond(sent - min(sent, back))
	if lost < p.Threshold("cookies") || 2*back >= sent {
		return
	}
	f := Finding{
		Severity: Warning, Confidence: Possible, Cause: "cookies-on", Actor: Attacker,
		Subject:       Subject{Kind: SubjectHost},
		Summary:       fmt.Sprintf("%s are never answered: most likely a SYN flood", rate(lost, "SYN cookies")),
		Explanation:   "with tcp_syncookies=2 the kernel keeps no half-open entry, so neither the listener nor the number of sources can be told",
		Evidence:      floodEvidence(n),
		Prescriptions: prescribeFlood(n, n.SynLoad(nil)),
	}
	if lost >= p.Threshold("critical") {
		f.Severity = Critical
	}
	p.Report(f)
}

// prescribeFlood ranks the defences by what the model says of each.
func prescribeFlood(n *model.Namespace, load model.SynLoad) []Prescription {
	predict := func(c model.SynChange) model.Effect { return model.PredictSyn(load, c, n.Dialect) }
	var out []Prescription
	if n.Settings.Syncookies != 1 {
		e := predict(model.SynChange{Syncookies: facts.Some(1)})
		if n.Settings.Syncookies == 2 {
			e = model.Effect{Verdict: model.Helps, Reason: "connections go by cookie, without retransmission and with fewer options, only while the half-open queue is full"}
		}
		out = append(out, setting(n, model.KeySyncookies, "", Exactly, "1", "sysctl -w "+model.KeySyncookies+"=1", e))
	}
	if n.Settings.Timestamps == 0 {
		out = append(out, setting(n, model.KeyTimestamps, "", Exactly, "1", "sysctl -w "+model.KeyTimestamps+"=1",
			model.Effect{Verdict: model.Helps, Reason: "connections made by cookie keep window scaling and selective acknowledgement"}))
	}
	out = append(out, Prescription{
		Kind: PrescribeFirewall, Risk: Caution,
		Text: "filter before this host: SYNPROXY on a gateway, or the provider's scrubbing",
		Effect: model.Effect{Verdict: model.Helps,
			Reason: "only what completes a handshake reaches the listener; forged sources cannot be blocked by address"},
	})
	if n.Settings.Syncookies == 2 {
		return append(out,
			not(model.KeySynackRetries, model.Effect{Verdict: model.NoEffect, Reason: "with cookies always on no half-open entry is kept"}),
			not(model.KeyMaxSynBacklog, model.Effect{Verdict: model.NoEffect, Reason: "with cookies always on no half-open entry is kept"}))
	}
	retries := setting(n, model.KeySynackRetries, "", AtMost, "2", "sysctl -w "+model.KeySynackRetries+"=2",
		predict(model.SynChange{SynackRetries: facts.Some(2)}))
	larger := 4 * max(load.MaxSynBacklog, load.Limit, 1024)
	backlog := setting(n, model.KeyMaxSynBacklog, "", AtLeast, strconv.Itoa(larger),
		fmt.Sprintf("sysctl -w %s=%d", model.KeyMaxSynBacklog, larger),
		predict(model.SynChange{MaxSynBacklog: facts.Some(larger)}))
	return append(out, onlyIfItHelps(retries), onlyIfItHelps(backlog),
		not(model.KeySyncookies+"=2", predict(model.SynChange{Syncookies: facts.Some(2)})))
}

package rules

import (
	"fmt"
	"math/bits"
	"strconv"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
)

var timeWaitOverflow = Rule{
	ID:    "time-wait-overflow",
	Title: "connections skip TIME_WAIT because its table is full",
	Doc: Doc{
		What:   "This side closes connections first and there are already net.ipv4.tcp_max_tw_buckets TIME_WAIT objects in the namespace. Further connections are closed without any: a late segment of an old connection can then reach a new one with the same ports, and a peer whose last FIN was lost is answered by RST.",
		How:    "TcpExt.TCPTimeWaitOverflow rose during the window. Many TIME_WAIT objects alone are harmless and no finding. FIN_WAIT2 objects whose peer does not close share the same budget.",
		Cost:   "Rare corruption or resets that nobody can reproduce.",
		Change: "Put tcp_max_tw_buckets back to the kernel's default, or above what the rate of closes needs: rate × 60 s. Let the peer close first where the protocol allows.",
		Worse:  "Each object costs about 256 bytes. Lowering the limit further makes it worse.",
		Source: "tcp_time_wait, inet_twsk_alloc; ip-sysctl",
	},
	Needs:    []facts.Source{facts.SourceNetstat, facts.SourceSettings},
	Counters: []string{"TcpExt.TCPTimeWaitOverflow", "TcpExt.TW"},
	Thresholds: []Threshold{
		{"critical", 100, "/s", "connections per second that skip TIME_WAIT from which it is critical"},
	},
	Single: true,
	CausedBy: []Origin{
		{ID: "ephemeral-port-exhaustion", RootCauses: []string{"time-wait"}, Shares: ShareSubject},
	},
	Wakes: []Wake{{Counter: "TcpExt.TCPTimeWaitOverflow"}},
	Check: checkTimeWaitOverflow,
}

func checkTimeWaitOverflow(p *Pass) {
	lost := p.Ns.Rose("TcpExt.TCPTimeWaitOverflow")
	if lost == 0 {
		return
	}
	perSecond := p.Ns.PerSecond(lost)
	load := p.Ns.TimeWaitLoad()
	f := Finding{
		Severity: Warning, Confidence: Certain, Actor: KernelLimit,
		Subject: timeWaitSubject(p.Ns),
		Explanation: fmt.Sprintf("the table holds %s of at most %s objects (net.ipv4.tcp_max_tw_buckets); this side closes about %s first",
			people(uint64(load.Count)), people(uint64(max(0, load.MaxBuckets))), rate(load.ClosesPerSecond, "connections")),
		Evidence: append(counters(p.Ns, "TcpExt.TCPTimeWaitOverflow", "TcpExt.TW"),
			Evidence{Name: "TIME_WAIT objects", Value: float64(load.Count), Source: "/proc/net/sockstat"}),
	}
	f.Evidence = append(f.Evidence, configured(p.Ns, model.KeyMaxTWBuckets)...)
	if perSecond >= p.Threshold("critical") {
		f.Severity = Critical
	}
	f.Summary = fmt.Sprintf("%s close without TIME_WAIT: its table is full", rate(perSecond, "connections"))
	if f.Subject.PID != 0 {
		f.Summary = fmt.Sprintf("%s closes %s without TIME_WAIT: the table is full", f.Subject.Who(), rate(perSecond, "connections"))
	}
	f.Prescriptions = prescribeTimeWait(p.Ns, load)
	p.Report(f)
}

// timeWaitSubject names the listener or the destination with most TIME_WAIT
// objects: whoever fills the table.
func timeWaitSubject(n *model.Namespace) Subject {
	best, s := uint64(0), Subject{Kind: SubjectHost}
	for i := range n.Listeners {
		if l := &n.Listeners[i]; l.TimeWait > best {
			best, s = l.TimeWait, listenerSubject(l.Local, l.Owners)
		}
	}
	for i := range n.Destinations {
		if d := &n.Destinations[i]; d.States[facts.TimeWait] > best {
			best, s = d.States[facts.TimeWait], destinationSubject(d)
		}
	}
	return s
}

func prescribeTimeWait(n *model.Namespace, load model.TimeWaitLoad) []Prescription {
	need := max(2*load.MaxBuckets, int(1.25*model.TimeWaitPopulation(load.ClosesPerSecond)))
	need = max(need, model.DefaultSettings(n.Dialect, n.Host.MemoryBytes).MaxTWBuckets)
	need = 1 << bits.Len(uint(need-1))
	value := strconv.Itoa(need)
	return []Prescription{
		setting(n, model.KeyMaxTWBuckets, "", AtLeast, value, "sysctl -w "+model.KeyMaxTWBuckets+"="+value,
			model.PredictTimeWait(load, model.TimeWaitChange{MaxBuckets: facts.Some(need)}, n.Settings)),
		application("let the peer close first, or keep connections open",
			model.Effect{Verdict: model.Helps, Reason: "whoever closes first keeps the TIME_WAIT"}),
		not("net.ipv4.tcp_fin_timeout", model.PredictTimeWait(load, model.TimeWaitChange{FinTimeout: facts.Some(n.Settings.FinTimeout / 2)}, n.Settings)),
		not("net.ipv4.tcp_tw_reuse", model.PredictTimeWait(load, model.TimeWaitChange{TWReuse: facts.Some(1)}, n.Settings)),
	}
}

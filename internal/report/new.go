package report

import (
	"math"
	"slices"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// New makes the report of a judged window. Version is that of the program.
func New(v *model.View, res rules.Result, version string) *Report {
	w := v.Window
	r := &Report{
		Schema:        Schema,
		Tool:          Tool{Version: version},
		Host:          Host{Hostname: w.Host.Hostname, Kernel: w.Host.Kernel, BootID: w.Host.BootID},
		Started:       w.Started,
		WindowSeconds: w.Seconds,
		Namespaces:    make([]Namespace, 0, len(w.Namespaces)),
		Findings:      make([]rules.Finding, 0, len(res.Findings)),
		Unknown:       make([]rules.Unknown, 0, len(res.Unknown)),
		Gaps:          []Gap{},
		LookedAt:      lookedAt(v, res),
		Cost:          w.Cost,
	}
	for _, u := range res.Unknown {
		if u.Netns != nil {
			id := *u.Netns
			u.Netns = &id
		}
		r.Unknown = append(r.Unknown, u)
	}
	for _, g := range w.Gaps {
		r.Gaps = append(r.Gaps, Gap{Source: g.Source, Reason: g.Reason})
	}
	for _, n := range w.Namespaces {
		r.Namespaces = append(r.Namespaces, namespaceOf(n))
		id := netnsOf(n.Namespace)
		for _, g := range n.Gaps {
			r.Gaps = append(r.Gaps, Gap{Source: g.Source, Netns: &id, Reason: g.Reason})
		}
	}
	for _, f := range res.Findings {
		r.Findings = append(r.Findings, complete(f))
	}
	makeUTF8(r)
	return r
}

// complete gives a finding the lists that scripts expect, and takes away rates
// that no number stands for.
func complete(f rules.Finding) rules.Finding {
	f.Evidence = append([]rules.Evidence{}, f.Evidence...)
	f.Prescriptions = append([]rules.Prescription{}, f.Prescriptions...)
	f.Subject.PIDs = slices.Clone(f.Subject.PIDs)
	for i := range f.Evidence {
		if e := &f.Evidence[i]; e.Rate != nil && !finite(*e.Rate) {
			e.Rate = nil
		}
	}
	f.Evidence = slices.DeleteFunc(f.Evidence, func(e rules.Evidence) bool { return !finite(e.Value) })
	return f
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func netnsOf(n facts.Namespace) rules.Netns {
	return rules.Netns{Cookie: n.Cookie, Inode: n.Inode, Name: n.Name, Container: n.Container}
}

func namespaceOf(n facts.NamespaceWindow) Namespace {
	id := n.Namespace
	out := Namespace{Cookie: id.Cookie, Inode: id.Inode, Name: id.Name, Container: id.Container, PIDs: slices.Clone(id.PIDs), Self: id.Self}
	unread := slices.ContainsFunc(n.Gaps, func(g facts.Gap) bool { return g.Source == facts.SourceSockets })
	if unread && n.End.Census.Sockets == 0 {
		return out
	}
	c := n.End.Census.States()
	out.Sockets = &Sockets{
		Established: c[facts.Established], SynSent: c[facts.SynSent], SynRecv: c[facts.SynRecv] + c[facts.NewSynRecv],
		FinWait1: c[facts.FinWait1], FinWait2: c[facts.FinWait2], TimeWait: c[facts.TimeWait],
		Close: c[facts.Close] + c[facts.BoundInactive], CloseWait: c[facts.CloseWait], LastAck: c[facts.LastAck],
		Listen: c[facts.Listen], Closing: c[facts.Closing],
	}
	return out
}

func lookedAt(v *model.View, res rules.Result) LookedAt {
	l := LookedAt{Checks: res.Checks, Silent: res.Checks - speaking(res)}
	for i := range v.Namespaces {
		n := &v.Namespaces[i]
		l.Listeners += len(n.Listeners)
		add(&l.AcceptedPerSecond, n, model.CPassiveOpens)
		add(&l.ConnectedPerSecond, n, model.CActiveOpens)
	}
	l.FullestListener = fullestListener(v)
	l.TightestDestination = tightestDestination(v)
	l.TimeWait = nearestTimeWait(v)
	return l
}

// speaking counts the judgements that gave a finding or could not be made.
func speaking(res rules.Result) int {
	type judgement struct {
		rule  string
		netns rules.Netns
	}
	seen := make(map[judgement]bool)
	for _, f := range res.Findings {
		seen[judgement{f.ID, f.Netns}] = true
	}
	for _, u := range res.Unknown {
		j := judgement{rule: u.Rule}
		if u.Netns != nil {
			j.netns = *u.Netns
		}
		seen[j] = true
	}
	return len(seen)
}

// add adds the rate of a counter in one namespace to a sum.
func add(sum **float64, n *model.Namespace, counter model.Counter) {
	rate, ok := n.Rate(string(counter))
	if !ok {
		return
	}
	if *sum == nil {
		*sum = new(float64)
	}
	**sum += rate
}

func fullestListener(v *model.View) *FullestListener {
	var best *model.Listener
	var in *model.Namespace
	for i := range v.Namespaces {
		n := &v.Namespaces[i]
		for j := range n.Listeners {
			if l := &n.Listeners[j]; best == nil || fuller(l, best) {
				best, in = l, n
			}
		}
	}
	if best == nil {
		return nil
	}
	out := &FullestListener{
		Netns: netnsOf(in.ID), Local: best.Local.Addr().String(), Port: best.Local.Port(),
		QueuePeak: best.HighWater(), QueueLimit: best.Limit,
	}
	if len(best.Owners) > 0 {
		out.PID, out.Comm = best.Owners[0].PID, best.Owners[0].Comm
	}
	return out
}

// fuller orders by share of the limit, then by connections.
func fuller(a, b *model.Listener) bool {
	share := func(l *model.Listener) float64 { return float64(l.HighWater()) / float64(l.Limit+1) }
	if sa, sb := share(a), share(b); sa != sb {
		return sa > sb
	}
	return a.Inbound > b.Inbound
}

func tightestDestination(v *model.View) *TightestDestination {
	var out *TightestDestination
	var most float64
	for i := range v.Namespaces {
		n := &v.Namespaces[i]
		if !n.Settings.Known(model.KeyPortRange) {
			continue
		}
		for j := range n.Destinations {
			d := &n.Destinations[j]
			if used := d.UsedRatio(); used > most {
				most = used
				out = &TightestDestination{
					Netns: netnsOf(n.ID), Local: d.Source.String(), Peer: d.Dest.Addr().String(), PeerPort: d.Dest.Port(),
					PortsUsed: d.InRange, PortsUsable: uint64(max(0, d.Usable)),
				}
			}
		}
	}
	return out
}

func nearestTimeWait(v *model.View) *TimeWait {
	var out *TimeWait
	most := -1.0
	for i := range v.Namespaces {
		n := &v.Namespaces[i]
		load := n.TimeWaitLoad()
		if !n.Settings.Known(model.KeyMaxTWBuckets) || load.MaxBuckets <= 0 {
			continue
		}
		if used := float64(load.Count) / float64(load.MaxBuckets); used > most {
			most = used
			out = &TimeWait{Netns: netnsOf(n.ID), Count: uint64(load.Count), Limit: uint64(load.MaxBuckets)}
		}
	}
	return out
}

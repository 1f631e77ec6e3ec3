package model

import (
	"cmp"
	"hash/fnv"
	"net/netip"
	"slices"
	"strconv"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// The metrics of the series that [Track] follows, besides the names of kernel
// counters, which stand for their rates per second.
const (
	// MetricCloseWait is the connections in CLOSE_WAIT of a program that did not
	// move between two walks and are older than [LongStuck].
	MetricCloseWait = "close_wait"
	// MetricPortsUsed is the ports of the range taken towards a destination.
	MetricPortsUsed = "ports_used"
	// MetricAcceptQueue is the longest accept queue of a listener in the window.
	MetricAcceptQueue = "accept_queue"
	// MetricConnections is the connections in ESTABLISHED and CLOSE_WAIT.
	MetricConnections = "connections"
	// MetricTimeWait is the TIME_WAIT objects.
	MetricTimeWait = "time_wait"
	// MetricSockets, with the name of a state behind it, is the sockets in it.
	MetricSockets = "sockets_"
	// MetricRetransmitted is the share of the segments sent that are repeats.
	MetricRetransmitted = "retransmitted_ratio"
)

// TrendMetrics are the metrics whose trends rules ask for.
func TrendMetrics() []string { return []string{MetricCloseWait, MetricPortsUsed} }

const (
	// trackTop is how many series of one metric are followed in a namespace.
	trackTop = 8
	// trackMost bounds the readings of one window.
	trackMost = 2000
)

// chartCounters are the counters whose rates are always followed.
func chartCounters() []string {
	return []string{
		"Tcp.ActiveOpens", "Tcp.PassiveOpens", "Tcp.RetransSegs", "Tcp.OutRsts", "Tcp.EstabResets",
		"TcpExt.ListenOverflows", "TcpExt.ListenDrops",
	}
}

// chartStates are the states whose sockets are followed.
func chartStates() []facts.State {
	return []facts.State{
		facts.Established, facts.SynSent, facts.SynRecv, facts.FinWait1, facts.FinWait2, facts.CloseWait, facts.LastAck, facts.Closing,
	}
}

// Track returns the figures of a view that are worth remembering: for trends, for
// baselines and to draw. counters are further ones whose rates are wanted. The
// number is bounded whatever the host does, and the series keep their names when
// programs are restarted. Covered are the metrics that were seen completely.
func Track(v *View, counters ...string) (readings []facts.Reading, covered []facts.Covered) {
	wanted := append(chartCounters(), counters...)
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	runs := runsOf(v.Window.Processes)
	for i := range v.Namespaces {
		n := &v.Namespaces[i]
		t := tracking{n: n, runs: runs}
		t.totals()
		t.rates(wanted)
		t.queues()
		if _, missing := n.Missing(facts.SourceSockets); !missing && n.End.Census.Complete {
			t.states()
			t.closeWait()
			t.ports()
		}
		if len(readings)+len(t.out) > trackMost {
			break
		}
		readings, covered = append(readings, t.out...), append(covered, t.covered...)
	}
	return readings, covered
}

// tracking gathers the readings of one namespace.
type tracking struct {
	n       *Namespace
	runs    map[program]*facts.Process
	out     []facts.Reading
	covered []facts.Covered
}

func (t *tracking) add(s facts.Series, value float64) {
	t.out = append(t.out, facts.Reading{Netns: t.n.Label, Series: s, Value: value})
}

func (t *tracking) totals() {
	for _, g := range []struct{ gauge, metric string }{
		{"Tcp.CurrEstab", MetricConnections}, {"sockstat.TCP.tw", MetricTimeWait},
	} {
		if v, ok := t.n.End.Gauges[g.gauge]; ok {
			t.add(facts.Series{Metric: g.metric}, float64(v))
		}
	}
	sent, okS := t.n.Delta("Tcp.OutSegs")
	again, okA := t.n.Delta("Tcp.RetransSegs")
	if okS && okA {
		t.add(facts.Series{Metric: MetricRetransmitted}, float64(again)/float64(max(1, sent, again)))
	}
}

func (t *tracking) rates(counters []string) {
	for _, c := range counters {
		if r, ok := t.n.Rate(c); ok {
			t.out = append(t.out, facts.Reading{Netns: t.n.Label, Series: facts.Series{Metric: c}, Value: r, Rate: true})
		}
	}
}

func (t *tracking) states() {
	counts := t.n.End.Census.States()
	for _, s := range chartStates() {
		t.add(facts.Series{Metric: MetricSockets + s.String()}, float64(counts[s]))
	}
}

// queues follows the listeners whose queues are fullest. Those of one address
// and program are one. Nearly equal ones are in the order of their addresses, so
// that of many idle ones the same are followed every time.
func (t *tracking) queues() {
	type queue struct {
		series facts.Series
		high   uint32
		share  float64
	}
	var all []queue
	at := make(map[facts.Series]int)
	for i := range t.n.Listeners {
		l := &t.n.Listeners[i]
		s := facts.Series{Metric: MetricAcceptQueue, Local: l.Local}
		if len(l.Owners) > 0 {
			s.Comm = l.Owners[0].Comm
		}
		share := float64(l.HighWater()) / float64(max(1, l.Limit))
		if j, had := at[s]; had {
			all[j].high, all[j].share = max(all[j].high, l.HighWater()), max(all[j].share, share)
			continue
		}
		at[s] = len(all)
		all = append(all, queue{s, l.HighWater(), share})
	}
	slices.SortStableFunc(all, func(a, b queue) int { return cmp.Compare(int(10*b.share), int(10*a.share)) })
	for _, q := range all[:min(trackTop, len(all))] {
		t.add(q.series, float64(q.high))
	}
}

// CloseWaitSeries is the series of the connections that a process leaks: that of
// its program.
func CloseWaitSeries(p *facts.Process) facts.Series {
	s := facts.Series{Metric: MetricCloseWait}
	if p != nil {
		s.Comm, s.Cgroup = p.Comm, p.Cgroup
	}
	return s
}

// closeWait follows the programs that keep most connections in CLOSE_WAIT.
func (t *tracking) closeWait() {
	var all []facts.Reading
	at := make(map[facts.Series]int)
	for i := range t.n.CloseWait {
		h := &t.n.CloseWait[i]
		s := CloseWaitSeries(h.Process)
		j, had := at[s]
		if !had {
			j = len(all)
			at[s] = j
			all = append(all, facts.Reading{Netns: t.n.Label, Series: s, Epoch: t.epoch(s)})
		}
		all[j].Value += float64(h.Long)
	}
	t.top(MetricCloseWait, all)
}

// program is what processes of one program have in common.
type program struct{ comm, cgroup string }

// runsOf finds the oldest process of each program. Workers come and go; where it
// is another one, the program was restarted.
func runsOf(all []facts.Process) map[program]*facts.Process {
	oldest := make(map[program]*facts.Process)
	for i := range all {
		p := &all[i]
		of := program{p.Comm, p.Cgroup}
		if o := oldest[of]; o == nil || p.StartTicks < o.StartTicks || p.StartTicks == o.StartTicks && p.PID < o.PID {
			oldest[of] = p
		}
	}
	return oldest
}

// epoch tells one run of the program of a series from another.
func (t *tracking) epoch(s facts.Series) uint64 {
	p := t.runs[program{s.Comm, s.Cgroup}]
	if p == nil || s.Comm == "" {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write(strconv.AppendUint(append(strconv.AppendInt(nil, int64(p.PID), 10), '/'), p.StartTicks, 10))
	return h.Sum64()
}

// PortsSeries is the series of the ports taken towards a destination.
func PortsSeries(d *Destination) facts.Series {
	return facts.Series{
		Metric: MetricPortsUsed, Source: d.Source.Unmap(), Dest: netip.AddrPortFrom(d.Dest.Addr().Unmap(), d.Dest.Port()),
	}
}

// ports follows the destinations that take most ports, if that is a hundredth of
// them: thousands of small ones would take turns. They have no epoch: what takes
// them may be many programs, and TIME_WAIT outlives all of them.
func (t *tracking) ports() {
	var all []facts.Reading
	for i := range t.n.Destinations {
		d := &t.n.Destinations[i]
		if d.InRange < 8 || d.UsedRatio() < 0.01 {
			continue
		}
		all = append(all, facts.Reading{Netns: t.n.Label, Series: PortsSeries(d), Value: float64(d.InRange)})
	}
	t.top(MetricPortsUsed, all)
}

// top keeps the largest ones that are not zero. The metric is covered if that is
// all there are.
func (t *tracking) top(metric string, all []facts.Reading) {
	all = slices.DeleteFunc(all, func(r facts.Reading) bool { return r.Value <= 0 })
	slices.SortStableFunc(all, func(a, b facts.Reading) int { return cmp.Compare(b.Value, a.Value) })
	if len(all) <= trackTop {
		t.covered = append(t.covered, facts.Covered{Netns: t.n.Label, Metric: metric})
	}
	t.out = append(t.out, all[:min(trackTop, len(all))]...)
}

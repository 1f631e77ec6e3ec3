package web

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

// collector turns what was published last into metrics.
type collector struct {
	server *Server
	descs  map[string]*prometheus.Desc
}

func newCollector(s *Server) *collector {
	c := &collector{server: s, descs: make(map[string]*prometheus.Desc)}
	for _, m := range metrics() {
		c.descs[m.name] = prometheus.NewDesc("tcpdoctor_"+m.name, m.help, m.labels, nil)
	}
	return c
}

// Describe lists every metric there may be.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

// Collect tells the figures of the newest snapshot.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	e := &emitter{descs: c.descs, out: ch, limits: c.server.limits, dropped: make(map[string]int)}
	e.gauge("build_info", 1, label(c.server.version, e.limits.LabelRunes), goVersion())
	e.gauge("ready", truth(c.server.ready()))
	p := c.server.current.Load()
	if p == nil {
		return
	}
	e.findings(p.Incidents)
	if p.figures != nil {
		maps.Copy(e.dropped, p.figures.dropped)
		e.figures(p.figures)
	}
	e.collection(p, c.server.now())
	e.pace(p.Pace)
	e.receivers(p.Receivers)
	e.store(p.Store)
	for _, metric := range slices.Sorted(maps.Keys(e.dropped)) {
		e.gauge("metrics_dropped_series", float64(e.dropped[metric]), "tcpdoctor_"+metric)
	}
}

// emitter writes metrics.
type emitter struct {
	descs   map[string]*prometheus.Desc
	out     chan<- prometheus.Metric
	limits  Limits
	dropped map[string]int
}

func (e *emitter) gauge(name string, v float64, labels ...string) {
	e.out <- prometheus.MustNewConstMetric(e.descs[name], prometheus.GaugeValue, v, labels...)
}

func (e *emitter) counter(name string, v uint64, labels ...string) {
	e.out <- prometheus.MustNewConstMetric(e.descs[name], prometheus.CounterValue, float64(v), labels...)
}

// findings tells the open incidents, the most urgent and oldest first where
// there are too many.
func (e *emitter) findings(all []incident.Incident) {
	counts := map[incident.State]int{incident.Pending: 0, incident.Open: 0}
	type key struct{ id, severity, cause, netns, subject string }
	first := make(map[key]incident.Incident)
	clean := func(s string) string { return label(s, e.limits.LabelRunes) }
	for _, i := range all {
		counts[i.State]++
		if i.State != incident.Open {
			continue
		}
		k := key{clean(i.Key.ID), clean(string(i.Severity)), clean(i.Finding.Cause), clean(i.Netns), subjectLabel(i, e.limits.LabelRunes)}
		if have, ok := first[k]; !ok || i.Since.Before(have.Since) {
			first[k] = i
		}
	}
	for _, state := range []incident.State{incident.Pending, incident.Open} {
		e.gauge("incidents", float64(counts[state]), string(state))
	}
	keys := slices.SortedFunc(maps.Keys(first), func(a, b key) int {
		return urgency(first[a], first[b])
	})
	shown, rest := split(keys, e.limits.Findings)
	for _, k := range shown {
		e.gauge("finding_active", 1, k.id, k.severity, k.cause, k.netns, k.subject)
	}
	e.dropped["finding_active"] = len(rest)
}

func (e *emitter) figures(f *figures) {
	for _, s := range f.sockets {
		for _, state := range socketStates() {
			e.gauge("sockets", float64(s.v4[state]), s.netns, facts.IPv4.String(), state.String())
			e.gauge("sockets", float64(s.v6[state]), s.netns, facts.IPv6.String(), state.String())
		}
	}
	for _, l := range f.listeners {
		e.gauge("listener_accept_queue", float64(l.queue), l.netns, l.local, l.comm)
		e.gauge("listener_accept_queue_limit", float64(l.limit), l.netns, l.local, l.comm)
		if l.dropsKnown {
			e.counter("listener_drops_total", l.drops, l.netns, l.local, l.comm)
		}
	}
	for _, d := range f.destinations {
		e.gauge("ephemeral_ports_used_ratio", d.used, d.netns, d.source, d.destination)
	}
}

func (e *emitter) collection(p *published, now time.Time) {
	e.gauge("collect_seconds", p.Cost.Collect.Seconds())
	e.durations("collector_seconds", p.Cost.Collectors)
	e.durations("rule_seconds", p.Cost.Rules)
	if !p.LastTick.IsZero() {
		e.gauge("last_collect_timestamp_seconds", seconds(p.LastTick))
	}
	if !p.LastWalk.IsZero() {
		// Since the walk until the tick by the agent's clock, and from there on by
		// one that nobody sets.
		age := now.Sub(p.at) + p.LastTick.Sub(p.LastWalk)
		e.gauge("census_age_seconds", max(0, age.Seconds()))
	}
	errors := make(map[string]uint64)
	for _, s := range sources() {
		errors[string(s)] = 0
	}
	for s, n := range p.CollectErrors {
		errors[label(string(s), e.limits.LabelRunes)] += n
	}
	names, rest := split(slices.Sorted(maps.Keys(errors)), e.limits.Names)
	for _, name := range names {
		e.counter("collect_errors_total", errors[name], name)
	}
	e.dropped["collect_errors_total"] = len(rest)
}

// durations tells a time for each name, of the longest ones if there are too many.
func (e *emitter) durations(metric string, all map[string]time.Duration) {
	sum := make(map[string]time.Duration, len(all))
	for name, d := range all {
		sum[label(name, e.limits.LabelRunes)] += d
	}
	ranked := sortedByRank(sum, func(name string) float64 { return sum[name].Seconds() }, compareText)
	shown, rest := split(ranked, e.limits.Names)
	for _, name := range shown {
		e.gauge(metric, sum[name].Seconds(), name)
	}
	e.dropped[metric] = len(rest)
}

func (e *emitter) pace(p Pace) {
	e.counter("ticks_total", p.Ticks)
	e.counter("walks_total", p.Walks)
	e.counter("late_ticks_total", p.Late)
	e.gauge("tick_interval_seconds", p.Interval.Seconds())
	e.gauge("walk_interval_seconds", p.WalkInterval.Seconds())
	e.gauge("cpu_budget_cores", p.BudgetCores)
	e.gauge("cpu_used_cores", p.UsedCores)
	e.gauge("interval_widened", truth(p.Widened != ""))
}

func (e *emitter) receivers(all []Receiver) {
	by := make(map[string]Receiver, len(all))
	for _, r := range all {
		by[label(r.Name, e.limits.LabelRunes)] = r
	}
	names, rest := split(slices.Sorted(maps.Keys(by)), e.limits.Names)
	e.dropped["notify_sent_total"] = len(rest)
	for _, name := range names {
		r := by[name]
		e.counter("notify_sent_total", r.Sent, name)
		e.counter("notify_failed_total", r.Failed, name)
		e.counter("notify_dropped_total", r.Dropped, name)
		e.gauge("notify_queue_length", float64(r.Waiting), name)
		if !r.LastSuccess.IsZero() {
			e.gauge("notify_last_success_timestamp_seconds", seconds(r.LastSuccess), name)
		}
	}
}

func (e *emitter) store(s Store) {
	e.gauge("history_bytes", float64(s.Bytes))
	e.gauge("history_bytes_limit", float64(s.MaxBytes))
	e.gauge("history_writable", truth(s.Problem == ""))
	e.counter("history_errors_total", s.Errors)
	if !s.Oldest.IsZero() {
		e.gauge("history_oldest_timestamp_seconds", seconds(s.Oldest))
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// sources lists what can fail to be read, so that its counter is there before.
func sources() []facts.Source {
	return []facts.Source{
		facts.SourceSockets, facts.SourceListeners, facts.SourceNetstat, facts.SourceSNMP, facts.SourceSockstat,
		facts.SourceSoftnet, facts.SourceConntrack, facts.SourceKernelLog, facts.SourceSettings,
		facts.SourceHostSettings, facts.SourceProcesses, facts.SourceNamespaces, facts.SourceBoundPorts,
		facts.SourceNeighbours,
	}
}

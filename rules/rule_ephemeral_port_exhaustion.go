package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
)

var ephemeralPortExhaustion = Rule{
	ID:    "ephemeral-port-exhaustion",
	Title: "local ports towards one destination run out",
	Doc: Doc{
		What: "connect() picks a local port that is free towards the same destination address and port. When nearly all ports of the range are taken, it fails with EADDRNOTAVAIL, and searching for the last free ones burns CPU.",
		How: "All connections of one (source, destination, destination port) are counted against the ports that are usable: net.ipv4.ip_local_port_range less the reserved and the explicitly bound ones. " +
			"Ports are counted per destination: a full one leaves all others alone. No kernel counter exists for this. " +
			"Where the host has been watched for most of a day, half the ports taken are enough if their number grew throughout and would reach the end within a day: a daily peak falls again before that.",
		Cost:   "New connections to that destination fail at once, or succeed late.",
		Change: "Keep connections open and reuse them; add destination or source addresses. A wider range and, on the connecting side with timestamps, tcp_tw_reuse=1 buy room.",
		Worse:  "A range that reaches down into the services' ports makes them fail to start: reserve those ports. Without timestamps tcp_tw_reuse does nothing.",
		Source: "__inet_hash_connect, __inet_check_established; ip-sysctl",
	},
	Causes: []Cause{
		{"time-wait", "most of the ports wait in TIME_WAIT after this side closed"},
		{"held-open", "most of the ports belong to open connections"},
		{"bound-ports", "much of the range is held by explicit bind(), which takes a port from every destination"},
		{"narrow-range", "the range itself is far smaller than the kernel's default"},
	},
	Needs: []facts.Source{facts.SourceSockets, facts.SourceSettings},
	Thresholds: []Threshold{
		{"warning", 0.80, "", "share of the usable ports of one destination"},
		{"critical", 0.98, "", "share from which it is critical"},
		{"growing", 0.50, "", "share from which it is a warning where it has been growing for hours and would be full within a day"},
		{"growing-hours", 16, "h", "how long it must have been growing for that; a day's rise is over by then"},
		{"narrow", 0.25, "", "share of the default range below which the range itself is to blame"},
	},
	CausedBy: []Origin{{ID: "close-wait-leak", Causes: []string{"held-open"}, Shares: ShareProcess}},
	Check:    checkEphemeralPorts,
}

func checkEphemeralPorts(p *Pass) {
	for i := range p.Ns.Destinations {
		d := &p.Ns.Destinations[i]
		if d.InRange > 1 && (d.UsedRatio() >= p.Threshold("warning") || fillsUp(p, d)) {
			p.Report(portsFinding(p, d))
		}
	}
}

// fillsUp reports whether the ports will have run out within a day if they go on
// as they have for most of one.
func fillsUp(p *Pass, d *model.Destination) bool {
	t, known := p.Trend(model.PortsSeries(d))
	left := untilFull(t, float64(d.Usable)-float64(d.InRange))
	return known && d.UsedRatio() >= p.Threshold("growing") && t.Hours >= p.Threshold("growing-hours") &&
		left > 0 && left <= 24*time.Hour
}

func portsFinding(p *Pass, d *model.Destination) Finding {
	f := Finding{
		Severity: Warning, Confidence: Likely, Subject: destinationSubject(d),
		Summary: fmt.Sprintf("%s is out of local ports from %s to %s: %s of %s taken",
			outOfPorts(d), d.Source, d.Dest, people(d.InRange), people(uint64(max(0, d.Usable)))),
	}
	if d.UsedRatio() >= p.Threshold("critical") {
		f.Severity = Critical
	}
	f.Cause, f.Actor, f.Explanation = whyPorts(p, d)
	trend, watched := p.Trend(model.PortsSeries(d))
	if words := growthWords(trend); words != "" {
		f.Explanation += "; " + words
	}
	if left := untilFull(trend, float64(d.Usable)-float64(d.InRange)); left > 0 {
		f.Explanation += "; full in " + span(left)
		if d.UsedRatio() < p.Threshold("warning") {
			f.Summary = fmt.Sprintf("%s runs out of local ports from %s to %s in %s: %s of %s taken, and more every hour",
				outOfPorts(d), d.Source, d.Dest, span(left), people(d.InRange), people(uint64(d.Usable)))
		}
	}
	if d.OwnerGuessed {
		f.Confidence = Possible
		f.Explanation += "; TIME_WAIT has no owner, but no other process lives in this namespace"
	}
	f.Evidence = append(portsEvidence(p.Ns, d), growthEvidence(trend, watched)...)
	f.Prescriptions = prescribePorts(p.Ns, d, f)
	return f
}

func outOfPorts(d *model.Destination) string {
	s := Subject{}.owned(d.Owners)
	if s.PID == 0 {
		return "this host"
	}
	return s.Who()
}

// whyPorts tells what takes the ports. A range cut by binds or by the
// administrator comes first: then even modest use fills it.
func whyPorts(p *Pass, d *model.Destination) (cause string, actor Actor, text string) {
	n := p.Ns
	size := n.Settings.PortRange.Size()
	bound := n.End.Census.Bound
	usual := model.DefaultSettings(n.Dialect, n.Host.MemoryBytes).PortRange.Size()
	waiting := d.States[facts.TimeWait]
	open := d.Total() - waiting
	held := fmt.Sprintf("%s in TIME_WAIT, %s open or closing", people(waiting), people(open))
	switch {
	case size > 0 && float64(bound.Ports) >= 0.5*float64(size):
		return "bound-ports", LocalApplication, fmt.Sprintf(
			"%s of the %s ports in the range are held by bind() and lost to every destination; of the rest: %s",
			people(bound.Ports), people(uint64(size)), held)
	case float64(size) < p.Threshold("narrow")*float64(usual):
		return "narrow-range", Operator, fmt.Sprintf(
			"net.ipv4.ip_local_port_range has %s ports (the kernel's own choice has %s); %s",
			people(uint64(size)), people(uint64(usual)), held)
	case waiting > open:
		return "time-wait", LocalApplication,
			"this side closes first, so every closed connection keeps its port for 60 s; " + held
	}
	return "held-open", LocalApplication, "the connections are open: " + held
}

func portsEvidence(n *model.Namespace, d *model.Destination) []Evidence {
	out := []Evidence{
		observed("ports taken", float64(d.InRange), fmt.Sprintf("of %d usable", max(0, d.Usable))),
		observed("TIME_WAIT", float64(d.States[facts.TimeWait]), "connections"),
		observed("ESTABLISHED", float64(d.States[facts.Established]), "connections"),
	}
	if b := n.End.Census.Bound; b.Ports > 0 {
		out = append(out, observed("ports held by bind()", float64(b.Ports), fmt.Sprintf("of %d in the range", n.Settings.PortRange.Size())))
	}
	out = append(out, configured(n, model.KeyPortRange)...)
	out = append(out, configured(n, model.KeyTWReuse)...)
	return append(out, counter(n, "Tcp.ActiveOpens")...)
}

func prescribePorts(n *model.Namespace, d *model.Destination, f Finding) []Prescription {
	load := n.PortLoad(d)
	predict := func(c model.PortChange) model.Effect { return model.PredictPorts(load, c, n.Settings, n.Dialect) }
	var out []Prescription
	if f.Cause == "bound-ports" {
		holders := Subject{}.owned(n.Owners(n.End.Census.Bound.Inodes...))
		out = append(out, application(fmt.Sprintf("have %s bind fixed ports outside the range, or with IP_BIND_ADDRESS_NO_PORT", holders.Who()),
			model.Effect{Verdict: model.Helps, Reason: "a bound port is lost to connections to any destination; unbound, it serves each of them"}))
	}
	if wide := widerRange(n); wide.Size() > n.Settings.PortRange.Size() {
		value := fmt.Sprintf("%d %d", wide.Low, wide.High)
		if ports := servicesIn(n, wide); ports != "" {
			out = append(out, setting(n, model.KeyReservedPorts, "", Includes, ports,
				fmt.Sprintf("first keep connect() off the services' ports: add %s to %s", ports, model.KeyReservedPorts),
				model.Effect{Verdict: model.Helps, Reason: "a service whose port a connection has taken cannot start again"}))
		}
		out = append(out, setting(n, model.KeyPortRange, "", Exactly, value,
			fmt.Sprintf("sysctl -w %s=%q", model.KeyPortRange, value),
			predict(model.PortChange{Range: facts.Some(wide)})))
	}
	switch waiting := d.States[facts.TimeWait]; {
	case waiting > 0 && 5*waiting < d.InRange:
		out = append(out, not(model.KeyTWReuse, model.Effect{Verdict: model.NoEffect, Reason: "hardly any of the ports waits in TIME_WAIT"}))
	case waiting > 0:
		out = append(out, onlyIfItHelps(setting(n, model.KeyTWReuse, "", Exactly, "1", "sysctl -w "+model.KeyTWReuse+"=1",
			predict(model.PortChange{TWReuse: facts.Some(1)}))))
	}
	out = append(out,
		application(fmt.Sprintf("keep connections to %s open and reuse them, or spread them over more addresses", d.Dest),
			predict(model.PortChange{Sources: facts.Some(2)})),
		not("net.ipv4.tcp_fin_timeout", predict(model.PortChange{FinTimeout: facts.Some(n.Settings.FinTimeout / 2)})),
		not("net.ipv4.tcp_max_tw_buckets", predict(model.PortChange{MaxTWBuckets: facts.Some(n.Settings.MaxTWBuckets / 2)})))
	return out
}

// servicesIn lists the ports that listeners hold in a range but outside the
// present one, where a wider range would let connect() take them.
func servicesIn(n *model.Namespace, wide model.PortRange) string {
	var ports []string
	for i := range n.Listeners {
		port := n.Listeners[i].Local.Port()
		text := strconv.Itoa(int(port))
		if wide.Has(port) && !n.Settings.PortRange.Has(port) && !slices.Contains(ports, text) {
			ports = append(ports, text)
		}
	}
	return strings.Join(ports, ",")
}

// widerRange is the widest range worth proposing: above the ports that
// services usually have.
func widerRange(n *model.Namespace) model.PortRange {
	const low, high = 16384, 65535
	r := n.Settings.PortRange
	return model.PortRange{Low: min(r.Low, low), High: max(r.High, high)}
}

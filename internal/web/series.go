package web

import (
	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// The series that the page shows, by the names under which they are kept.
// Rates are per second, ratios go from 0 to 1 and beyond.
const (
	// SeriesQueueUsed is how full the fullest accept queue was, as a share of
	// its limit.
	SeriesQueueUsed = "accept_queue_used_ratio"
	// SeriesOverflows counts connections refused because an accept queue was full.
	SeriesOverflows = "listen_overflows_per_second"
	// SeriesListenDrops counts all that listeners dropped, for whatever reason.
	SeriesListenDrops = "listen_drops_per_second"
	// SeriesHalfOpen is the handshakes that wait for the client.
	SeriesHalfOpen = "sockets_syn_recv"
	// SeriesCookies counts the SYN cookies sent.
	SeriesCookies = "syncookies_sent_per_second"
	// SeriesAccepts and SeriesConnects count new connections, in and out.
	SeriesAccepts  = "passive_opens_per_second"
	SeriesConnects = "active_opens_per_second"
	// SeriesEstablished and the next are sockets by state.
	SeriesEstablished = "sockets_established"
	SeriesTimeWait    = "sockets_time_wait"
	SeriesCloseWait   = "sockets_close_wait"
	SeriesFinWait2    = "sockets_fin_wait2"
	SeriesLastAck     = "sockets_last_ack"
	// SeriesPortsUsed is the share of the usable local ports that the tightest
	// destination has taken.
	SeriesPortsUsed = "ephemeral_ports_used_ratio"
	// SeriesRetransmits counts segments sent again, SeriesSynRetransmits the
	// SYNs and SYN-ACKs among them.
	SeriesRetransmits    = "retransmits_per_second"
	SeriesSynRetransmits = "syn_retransmits_per_second"
)

// Point is the value of a series at one time.
type Point struct {
	Series string
	Value  float64
}

// Points returns what the page shows over time, from the window of one tick:
// every series where all sockets were walked, and those of counters and
// listeners otherwise. A series that the window tells nothing of is left out.
func Points(v *model.View) []Point {
	var out []Point
	for _, c := range []struct {
		series  string
		counter model.Counter
	}{
		{SeriesOverflows, model.CListenOverflows},
		{SeriesListenDrops, model.CListenDrops},
		{SeriesCookies, model.CSyncookiesSent},
		{SeriesAccepts, model.CPassiveOpens},
		{SeriesConnects, model.CActiveOpens},
		{SeriesRetransmits, model.CRetransSegs},
		{SeriesSynRetransmits, model.CTCPSynRetrans},
	} {
		if rate, ok := rateOf(v, string(c.counter)); ok {
			out = append(out, Point{c.series, rate})
		}
	}
	if used, ok := queueUsed(v); ok {
		out = append(out, Point{SeriesQueueUsed, used})
	}
	return append(out, walkPoints(v)...)
}

// rateOf adds up a rate over all namespaces.
func rateOf(v *model.View, counter string) (float64, bool) {
	var sum float64
	var known bool
	for i := range v.Namespaces {
		if rate, ok := v.Namespaces[i].Rate(counter); ok {
			sum, known = sum+rate, true
		}
	}
	return sum, known
}

// queueUsed returns how full the fullest queue was.
func queueUsed(v *model.View) (float64, bool) {
	var most float64
	var known bool
	for i := range v.Namespaces {
		for j := range v.Namespaces[i].Listeners {
			l := &v.Namespaces[i].Listeners[j]
			most, known = max(most, queueShare(l)), true
		}
	}
	return most, known
}

// queueShare is the longest queue as a share of its limit. A limit of 0 lets one
// connection wait, and is full with it.
func queueShare(l *model.Listener) float64 {
	return float64(l.HighWater()) / float64(max(1, l.Limit))
}

// walkPoints is what only a walk over all sockets tells, and nothing where some
// namespace was not walked this time: half a sum would look like a fall.
func walkPoints(v *model.View) []Point {
	var states facts.StateCounts
	var ports float64
	var seen bool
	for i := range v.Namespaces {
		n := &v.Namespaces[i]
		if n.End.Census.ListenersOnly {
			return nil
		}
		if !socketsRead(n) {
			continue
		}
		seen = true
		for s, c := range n.End.Census.States() {
			states[s] += c
		}
		for j := range n.Destinations {
			ports = max(ports, n.Destinations[j].UsedRatio())
		}
	}
	if !seen {
		return nil
	}
	return []Point{
		{SeriesHalfOpen, float64(states[facts.SynRecv] + states[facts.NewSynRecv])},
		{SeriesEstablished, float64(states[facts.Established])},
		{SeriesTimeWait, float64(states[facts.TimeWait])},
		{SeriesCloseWait, float64(states[facts.CloseWait])},
		{SeriesFinWait2, float64(states[facts.FinWait2])},
		{SeriesLastAck, float64(states[facts.LastAck] + states[facts.Closing])},
		{SeriesPortsUsed, ports},
	}
}

// socketsRead reports whether the sockets of a namespace could be read at all. A
// walk that was cut short gives lower bounds, which are told.
func socketsRead(n *model.Namespace) bool {
	_, missing := n.Missing(facts.SourceSockets)
	return !missing || n.End.Census.Sockets > 0
}

package web

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// chart is some series over time that answer one question.
type chart struct {
	ID       string `json:"id"`
	Question string `json:"question"`
	// Unit is "ratio", "per second" or "count".
	Unit string `json:"unit"`
	// Limit is where the scale ends being well, 0 where there is no such value.
	Limit float64 `json:"limit,omitempty"`
	Lines []line  `json:"lines"`
	// Answer says in words how things stand.
	Answer string `json:"answer"`

	answer func(*figures) string
}

// line is one series of a chart.
type line struct {
	Series string `json:"series"`
	Label  string `json:"label"`
}

// charts lists what the page shows over time.
func charts() []chart {
	return []chart{
		{
			ID: "accept-queue", Question: "Do connections wait to be accepted?", Unit: "ratio", Limit: 1,
			Lines: []line{{SeriesQueueUsed, "fullest queue"}}, answer: answerQueue,
		},
		{
			ID: "refused", Question: "Are new connections turned away?", Unit: "per second",
			Lines:  []line{{SeriesOverflows, "queue full"}, {SeriesListenDrops, "dropped, for any reason"}},
			answer: answerRefused,
		},
		{
			ID: "half-open", Question: "Do handshakes stay half-open?", Unit: "count",
			Lines: []line{{SeriesHalfOpen, "waiting for the client"}, {SeriesCookies, "SYN cookies per second"}}, answer: answerHalfOpen,
		},
		{
			ID: "ports", Question: "Are local ports running out?", Unit: "ratio", Limit: 1,
			Lines: []line{{SeriesPortsUsed, "tightest destination"}}, answer: answerPorts,
		},
		{
			ID: "retransmissions", Question: "Do segments have to be sent again?", Unit: "per second",
			Lines: []line{{SeriesRetransmits, "all segments"}, {SeriesSynRetransmits, "to open connections"}}, answer: answerRetransmits,
		},
		{
			ID: "closing", Question: "Do closed connections pile up?", Unit: "count",
			Lines: []line{
				{SeriesCloseWait, "CLOSE_WAIT: we must close"}, {SeriesFinWait2, "FIN_WAIT2: the peer must"},
				{SeriesLastAck, "LAST_ACK: the peer must confirm"},
			}, answer: answerClosing,
		},
		{
			ID: "connections", Question: "How many connections are there?", Unit: "count",
			Lines: []line{{SeriesEstablished, "established"}, {SeriesTimeWait, "TIME_WAIT"}}, answer: answerConnections,
		},
		{
			ID: "turnover", Question: "How many connections begin?", Unit: "per second",
			Lines: []line{{SeriesAccepts, "from clients"}, {SeriesConnects, "to others"}}, answer: answerTurnover,
		},
	}
}

// answered fills in the answers.
func answered(f *figures) []chart {
	all := charts()
	for i := range all {
		all[i].Answer = "Not looked at yet."
		if f != nil {
			all[i].Answer = all[i].answer(f)
		}
	}
	return all
}

const notKnown = "Not known."

func answerQueue(f *figures) string {
	used, ok := f.latest[SeriesQueueUsed]
	if !ok {
		return notKnown
	}
	var fullest *listenerFigure
	for i := range f.listeners {
		if l := &f.listeners[i]; fullest == nil || l.share > fullest.share {
			fullest = l
		}
	}
	if fullest == nil {
		return "Nobody listens."
	}
	where := fmt.Sprintf("the queue of %s held %s of %s", fullest.who(), whole64(fullest.queue), whole64(fullest.limit))
	switch {
	case fullest.queue == 0:
		return "No. All queues are empty."
	case used > 1:
		return "Yes, beyond what fits: " + where + "."
	case used >= 0.8:
		return "Yes: " + where + "."
	}
	return "Hardly: " + where + "."
}

// who names a listening address and its program.
func (l *listenerFigure) who() string {
	at := strings.Replace(strings.Replace(l.local, "0.0.0.0:", "*:", 1), "[::]:", "*:", 1)
	if l.comm == "" {
		return at
	}
	return l.comm + " on " + at
}

func answerRefused(f *figures) string {
	over, ok1 := f.latest[SeriesOverflows]
	drops, ok2 := f.latest[SeriesListenDrops]
	switch {
	case !ok1 && !ok2:
		return notKnown
	case over == 0 && drops == 0:
		return "No. Every one was let in during the last look."
	case over == 0:
		return fmt.Sprintf("Some: %s/s were dropped, none for a full queue.", figure(drops))
	}
	return fmt.Sprintf("Yes: %s/s for a full queue, %s/s dropped in all.", figure(over), figure(drops))
}

func answerHalfOpen(f *figures) string {
	half, ok := f.latest[SeriesHalfOpen]
	if !ok {
		return notKnown
	}
	text := figure(half) + " wait for the client"
	switch cookies := f.latest[SeriesCookies]; {
	case cookies > 0:
		return fmt.Sprintf("Yes: %s; %s SYN cookies/s are sent.", text, figure(cookies))
	case half == 0:
		return "No. None does."
	}
	return strings.ToUpper(text[:1]) + text[1:] + "; SYN cookies are not needed."
}

func answerPorts(f *figures) string {
	used, ok := f.latest[SeriesPortsUsed]
	switch {
	case !ok:
		return notKnown
	case len(f.destinations) == 0:
		return fmt.Sprintf("No. No destination has taken more than %s.", percent(max(used, portsTold)))
	}
	d := f.destinations[0]
	yes := "No."
	switch {
	case d.used >= 0.98:
		yes = "Yes."
	case d.used >= 0.8:
		yes = "Nearly."
	}
	to := d.destination
	if strings.Contains(to, ":") {
		to = "[" + to + "]"
	}
	return fmt.Sprintf("%s From %s to %s:%d, %s of %s are taken.", yes, d.source, to, d.port, figure(float64(d.inUse)), figure(float64(d.usable)))
}

func answerRetransmits(f *figures) string {
	all, ok := f.latest[SeriesRetransmits]
	syn := f.latest[SeriesSynRetransmits]
	switch {
	case !ok:
		return notKnown
	case all == 0:
		return "No. None was in the last look."
	case syn == 0:
		return fmt.Sprintf("%s/s are, none of them to open a connection.", figure(all))
	}
	return fmt.Sprintf("%s/s are, %s/s of them to open connections.", figure(all), figure(syn))
}

func answerClosing(f *figures) string {
	mine, ok := f.latest[SeriesCloseWait]
	if !ok {
		return notKnown
	}
	theirs := f.latest[SeriesFinWait2] + f.latest[SeriesLastAck]
	if mine == 0 && theirs == 0 {
		return "No. None waits to be closed."
	}
	return fmt.Sprintf("%s wait for this host to close, %s for the peer.", figure(mine), figure(theirs))
}

func answerConnections(f *figures) string {
	established, ok := f.latest[SeriesEstablished]
	if !ok {
		return notKnown
	}
	return fmt.Sprintf("%s established; %s in TIME_WAIT, which is harmless.", figure(established), figure(f.latest[SeriesTimeWait]))
}

func answerTurnover(f *figures) string {
	in, ok1 := f.latest[SeriesAccepts]
	out, ok2 := f.latest[SeriesConnects]
	if !ok1 && !ok2 {
		return notKnown
	}
	return fmt.Sprintf("%s/s from clients, %s/s to others.", figure(in), figure(out))
}

func whole64(n uint32) string { return figure(float64(n)) }

func percent(ratio float64) string { return figure(100*ratio) + " %" }

// figure prints a number as people read it.
func figure(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "?"
	case v < 10 && v != math.Trunc(v):
		return strconv.FormatFloat(v, 'g', 2, 64)
	}
	s := strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

package rules

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
)

var closeWaitLeak = Rule{
	ID:    "close-wait-leak",
	Title: "a process keeps connections that its peers have closed",
	Doc: Doc{
		What: "The peer sent its FIN, the kernel acknowledged it, and the application never closed its side. Such a socket stays in CLOSE_WAIT for as long as the process lives, holding a descriptor and memory.",
		How: "A connection counts as stuck when a process owns it, it was there with the same cookie at both ends of the window, no byte moved, and the peer's FIN is older than the window. " +
			"The FIN's age is that of the last ACK received: the last data may be hours older. Connections that only pass through CLOSE_WAIT, and a server that streams on after its client's half-close, do not count. " +
			"Where the host has been watched for hours, a few that grow in number beyond doubt are enough: a leak of some an hour is a leak. " +
			"No kernel counter exists for this.",
		Cost:   "Descriptors and memory, until accept() and open() fail; then the service stops.",
		Change: "The application must close() when it reads the end of the stream. With unread bytes it does not even read: look for a blocked thread or a full pool.",
		Worse:  "Nothing in the kernel helps. Keepalive resets only those whose peer is gone; killing the process closes all of them at once.",
		Source: "RFC 9293 section 3.3.2 (CLOSE-WAIT); tcp_fin, tcp_close",
	},
	Causes: []Cause{
		{"descriptor-leak", "the end of the stream was read, close() never came"},
		{"stuck-reader", "the application has not read to the end of the stream"},
	},
	Needs: []facts.Source{facts.SourceSockets},
	Thresholds: []Threshold{
		{"stuck", 64, "connections", "stuck connections of one process from which it is a warning"},
		{"stuck-growing", 16, "connections", "the same where they have been growing in number for hours"},
		{"growing-hours", 1, "h", "how long they must have been growing for that"},
		{"critical", 1000, "connections", "stuck connections from which it is critical"},
		{"critical-descriptors", 0.5, "", "share of the descriptor limit from which it is critical"},
	},
	CausedBy: []Origin{
		{ID: "accept-queue-overflow", Causes: []string{"stuck-reader"}, RootCauses: []string{"application-not-accepting"}, Shares: ShareProcess},
	},
	Check: checkCloseWaitLeak,
}

func checkCloseWaitLeak(p *Pass) {
	for i := range p.Ns.CloseWait {
		h := &p.Ns.CloseWait[i]
		enough := float64(h.Stuck) >= p.Threshold("stuck")
		old := float64(h.Long) >= p.Threshold("stuck")
		if enough && (h.Growth > 0 || old) || slowLeak(p, h) {
			p.Report(leakFinding(p, h))
		}
	}
}

// slowLeak reports whether few connections are stuck, but more and more for
// hours. Where the application merely closes late, their number follows the
// traffic, but none of them grows old.
func slowLeak(p *Pass, h *model.CloseWaitHolder) bool {
	t, known := p.Trend(model.CloseWaitSeries(h.Process))
	return known && t.Growing() && t.Hours >= p.Threshold("growing-hours") &&
		float64(h.Long) >= p.Threshold("stuck-growing") && h.Oldest.Hours() >= min(1, t.Hours/2)
}

func leakFinding(p *Pass, h *model.CloseWaitHolder) Finding {
	s := holderSubject(h)
	trend, watched := p.Trend(model.CloseWaitSeries(h.Process))
	f := Finding{
		Severity: Warning, Confidence: Certain, Cause: "descriptor-leak", Actor: LocalApplication, Subject: s,
		Summary:  fmt.Sprintf("%s holds %s connections its peers closed", describeHolder(p.Ns, h), people(h.Stuck)),
		Evidence: append(leakEvidence(h), growthEvidence(trend, watched)...),
	}
	if h.Estimated || p.Ns.CensusSeconds <= 0 || h.Process == nil {
		f.Confidence = Likely
	}
	limit, used := descriptorShare(h)
	left := timeToLimit(p.Ns, h, trend, limit)
	// A few of many descriptors are nobody's undoing yet.
	few := float64(h.Stuck) < p.Threshold("stuck") && (left == 0 || left > 24*time.Hour)
	if float64(h.Stuck) >= p.Threshold("critical") || used >= p.Threshold("critical-descriptors") && !few {
		f.Severity = Critical
	}
	f.Explanation = "descriptor leak: the end of the stream was read, close() never came"
	action := "find the path that forgets close()"
	if h.Unread*2 > h.Stuck {
		f.Cause = "stuck-reader"
		f.Explanation = "stuck reader: unread bytes wait in the sockets, so the application does not read to the end of the stream"
		action = "find out why it stopped reading (a blocked thread, a full pool, a lost event)"
		if h.Process != nil {
			f.Explanation += blockedIn([]*facts.Process{h.Process})
		}
	}
	f.Explanation += fmt.Sprintf("; oldest %s, %s", span(h.Oldest), growth(p.Ns, h, trend, left))
	if left > 0 {
		action += fmt.Sprintf("; at this rate it is out of descriptors in %s", span(left))
	}
	f.Prescriptions = []Prescription{
		application(action, model.Effect{Verdict: model.Helps, Reason: "only close() by the application, or its end, frees these sockets"}),
		not("any sysctl", model.Effect{Verdict: model.NoEffect, Reason: "CLOSE_WAIT has no timer: no kernel setting ends it while the process holds the socket"}),
	}
	return f
}

func holderSubject(h *model.CloseWaitHolder) Subject {
	s := Subject{Kind: SubjectProcess, Port: servingPort(h)}
	if h.PeerCount*2 > h.Stuck && h.Peer.Port() != 0 {
		s.Peer, s.PeerPort = h.Peer.Addr().String(), h.Peer.Port()
	}
	if h.Process != nil {
		s = s.owned(append([]*facts.Process{h.Process}, h.Others...))
	}
	return s
}

// servingPort is the local port that most stuck connections have: that of the
// server they came to. Outbound ones have a port each.
func servingPort(h *model.CloseWaitHolder) uint16 {
	if h.LocalCount*2 > h.Stuck {
		return h.LocalPort
	}
	return 0
}

func describeHolder(n *model.Namespace, h *model.CloseWaitHolder) string {
	if h.Process == nil {
		return fmt.Sprintf("a process of user %d", h.UID)
	}
	who := fmt.Sprintf("%s[%d]", h.Process.Comm, h.Process.PID)
	if h.Process.Unit != "" {
		who += " (" + h.Process.Unit + ")"
	}
	return who
}

func leakEvidence(h *model.CloseWaitHolder) []Evidence {
	out := []Evidence{
		observed("CLOSE_WAIT", float64(h.Held), "connections"),
		observed("stuck", float64(h.Stuck), "connections"),
		observed("stuck with unread bytes", float64(h.Unread), "connections"),
		observed("growth over the window", float64(h.Growth), "connections"),
		observed("oldest", h.Oldest.Seconds(), "s"),
	}
	if h.PeerCount*2 > h.Stuck {
		out = append(out, observed("stuck to "+peerName(h.Peer), float64(h.PeerCount), "connections"))
	}
	if limit, used := descriptorShare(h); limit > 0 {
		out = append(out, Evidence{Name: "descriptors in use", Value: used * limit,
			Unit: fmt.Sprintf("of %s", people(uint64(limit))), Source: "/proc/PID/fd"})
	}
	return out
}

func peerName(a netip.AddrPort) string {
	if a.Port() == 0 {
		return a.Addr().String()
	}
	return a.String()
}

// descriptorShare returns the descriptor limit of the process and which share
// of it is open; zeros where that could not be seen.
func descriptorShare(h *model.CloseWaitHolder) (limit, used float64) {
	if h.Process == nil {
		return 0, 0
	}
	l, okL := h.Process.FDLimit.Get()
	o, okO := h.Process.FDs.Get()
	if !okL || !okO || l == 0 {
		return 0, 0
	}
	return float64(l), float64(o) / float64(l)
}

// timeToLimit returns how long the growth of the last hours takes to use up the
// descriptors, or where those are not known that of the window; 0 where it
// cannot be told.
func timeToLimit(n *model.Namespace, h *model.CloseWaitHolder, t facts.Trend, limit float64) time.Duration {
	_, used := descriptorShare(h)
	if t.Growing() {
		return untilFull(t, (1-used)*limit)
	}
	if limit == 0 || h.Growth <= 0 || n.CensusSeconds <= 0 || used >= 1 {
		return 0
	}
	perSecond := float64(h.Growth) / n.CensusSeconds
	s := (1 - used) * limit / perSecond
	return time.Duration(min(s, 1e8) * float64(time.Second))
}

func growth(n *model.Namespace, h *model.CloseWaitHolder, t facts.Trend, left time.Duration) string {
	words := growthWords(t)
	if t.Growing() && left > 0 {
		words += "; out of descriptors in " + span(left)
	}
	switch {
	case words != "":
		return words
	case n.CensusSeconds <= 0:
		return "growth unknown from one instant"
	case h.Growth > 0:
		return fmt.Sprintf("%+d in %.0f s", h.Growth, n.CensusSeconds)
	}
	return "not growing"
}

// span prints a duration the way people say it, in two units at most.
func span(d time.Duration) string {
	s := int64(d.Seconds())
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%d h %d min", s/3600, s%3600/60)
	}
	return fmt.Sprintf("%d d %d h", s/86400, s%86400/3600)
}

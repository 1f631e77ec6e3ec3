package rules

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// owned fills in the processes of a subject: the first is named, all are
// listed.
func (s Subject) owned(by []*facts.Process) Subject {
	for i, p := range by {
		if i == 0 {
			s.PID, s.Comm, s.Cgroup, s.Container = p.PID, p.Comm, p.Cgroup, p.Container
		}
		s.PIDs = append(s.PIDs, p.PID)
	}
	return s
}

// listenerSubject is the subject of a listening address and port.
func listenerSubject(local netip.AddrPort, owners []*facts.Process) Subject {
	return Subject{Kind: SubjectListener, Local: local.Addr().String(), Port: local.Port()}.owned(owners)
}

// destinationSubject is the subject of one (source, destination, port).
func destinationSubject(d *model.Destination) Subject {
	return Subject{
		Kind: SubjectDestination, Local: d.Source.String(),
		Peer: d.Dest.Addr().String(), PeerPort: d.Dest.Port(),
	}.owned(d.Owners)
}

// Who names the culprit in a few words: "nginx[812]".
func (s Subject) Who() string {
	switch {
	case s.Comm != "" && len(s.PIDs) > 1:
		return fmt.Sprintf("%s[%d +%d]", s.Comm, s.PID, len(s.PIDs)-1)
	case s.Comm != "":
		return fmt.Sprintf("%s[%d]", s.Comm, s.PID)
	case s.PID != 0:
		return fmt.Sprintf("process %d", s.PID)
	}
	return "an unseen process"
}

// program is the culprit as the object of advice.
func (s Subject) program() string {
	if s.PID == 0 {
		return "the application"
	}
	return s.Who()
}

// endpoint prints an address and port the way people read them: *:443.
func endpoint(a netip.AddrPort) string {
	if a.Addr().IsUnspecified() {
		return fmt.Sprintf("*:%d", a.Port())
	}
	return a.String()
}

// people prints whole numbers with separators: 15,000.
func people(n uint64) string {
	digits := fmt.Sprint(n)
	var b strings.Builder
	for i, r := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// rate prints how many of something there are per second: "37 connections/s".
// Below ten one digit follows the point.
func rate(perSecond float64, what string) string {
	n := people(uint64(perSecond + 0.5))
	if perSecond < 9.95 && perSecond != float64(int64(perSecond)) {
		n = fmt.Sprintf("%.1f", perSecond)
	}
	return n + " " + what + "/s"
}

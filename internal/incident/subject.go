package incident

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"github.com/tcpdoctor/tcpdoctor/rules"
)

// SubjectText names the subject of a finding the way labels do: "listener
// 0.0.0.0:80 nginx", "process java (orders.service)", "destination 10.0.0.4 →
// 10.2.0.9:5432 java". It holds nothing that changes when the program is
// restarted, and 0.0.0.0 stands for all addresses of either family, so that a
// program that listens on both has one name.
func SubjectText(s rules.Subject) string {
	text := placeText(s)
	if s.Comm != "" {
		text += " " + printable(s.Comm)
	}
	if s.Kind != rules.SubjectProcess {
		return text
	}
	if s.Comm == "" {
		text += " (unseen)"
	}
	if unit := unitOf(s.Cgroup); unit != "" {
		text += " (" + printable(unit) + ")"
	}
	return text
}

// placeText is SubjectText without the program.
func placeText(s rules.Subject) string {
	switch s.Kind {
	case rules.SubjectListener:
		return fmt.Sprintf("listener %s", address(s.Local, s.Port))
	case rules.SubjectDestination:
		return fmt.Sprintf("destination %s → %s", bare(s.Local), address(s.Peer, s.PeerPort))
	case rules.SubjectPort:
		return fmt.Sprintf("port %d", s.Port)
	case rules.SubjectSocket:
		return fmt.Sprintf("socket %s → %s", address(s.Local, s.Port), address(s.Peer, s.PeerPort))
	case rules.SubjectProcess, rules.SubjectHost:
	}
	return string(s.Kind)
}

// bare writes an address the shortest way; IPv4 within IPv6 is IPv4, and the
// unspecified address is that of IPv4.
func bare(addr string) string {
	a, err := netip.ParseAddr(addr)
	switch {
	case err != nil:
		return printable(addr)
	case a.Unmap().IsUnspecified():
		return netip.IPv4Unspecified().String()
	}
	return a.Unmap().String()
}

func address(addr string, port uint16) string {
	text := bare(addr)
	if strings.Contains(text, ":") {
		text = "[" + text + "]"
	}
	return fmt.Sprintf("%s:%d", text, port)
}

// unitOf returns the service that a control group belongs to, "" for none: the
// names of other groups change with every login or container.
func unitOf(cgroup string) string {
	for _, part := range slices.Backward(strings.Split(cgroup, "/")) {
		if strings.HasSuffix(part, ".service") {
			return part
		}
	}
	return ""
}

// printable keeps what somebody called a process from breaking what it is
// printed in.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

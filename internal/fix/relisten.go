package fix

import (
	"path"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/rules"
)

// Acting is who has to act before a change has an effect, and how.
type Acting struct {
	PID     int    `json:"pid,omitempty"`
	PIDs    []int  `json:"pids,omitempty"`
	Comm    string `json:"comm,omitempty"`
	What    string `json:"what"`
	Command string `json:"command,omitempty"`
}

// Acting returns who has to act before the cures have an effect; nil for nobody.
func (c Case) Acting() *Acting {
	if !c.Restart {
		return nil
	}
	s := c.Finding.Subject
	a := &Acting{PID: s.PID, PIDs: s.PIDs, Comm: s.Comm}
	who := s.Who()
	what := "must start again, or make its connections anew"
	if s.Kind == rules.SubjectListener {
		what = "must call listen() again"
	}
	unit := path.Base(s.Cgroup)
	switch {
	case s.Container != "":
		a.What = who + " " + what + ": reload or restart it in container " + s.Container
	case strings.HasSuffix(unit, ".service") && plainWord(unit):
		a.Command = "systemctl reload-or-restart " + unit
		a.What = who + " " + what + ": " + a.Command
	default:
		a.What = who + " " + what + ": reload it (SIGHUP, where it listens again on that) or restart it"
	}
	return a
}

// plainWord says whether text can stand in a command as it is. A control group may
// have any name.
func plainWord(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && !strings.ContainsRune("._-@:", r)
	}) && !strings.HasPrefix(text, "-")
}

// Whose says who must act about a finding.
func Whose(a rules.Actor) string {
	switch a {
	case rules.LocalApplication:
		return "the application"
	case rules.Peer:
		return "the peer"
	case rules.Network:
		return "whoever runs the network"
	case rules.KernelLimit, rules.Operator:
		return "whoever runs this host"
	case rules.Attacker:
		return "whoever filters the traffic before this host"
	}
	return string(a)
}

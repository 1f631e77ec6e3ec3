package model

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

func TestDwell(t *testing.T) {
	t.Parallel()
	s := DefaultSettings(modern, 1<<30)
	want := map[Node]struct {
		actor Actor
		most  time.Duration
		keys  string
	}{
		nodeClosed:      {ByNobody, Forever, ""},
		nodeListen:      {ByApplication, Forever, ""},
		nodeRequest:     {ByPeer, 63 * sec, KeySynackRetries},
		nodeSynSent:     {ByPeer, 131 * sec, KeySynRetries + " " + KeySynLinearTimeouts},
		nodeSynRecv:     {ByPeer, 127 * sec, KeySynRetries},
		nodeEstablished: {ByApplication, Forever, ""},
		nodeCloseWait:   {ByApplication, Forever, ""},
		nodeFinWait1:    {ByPeer, 924600 * ms, KeyRetries2},
		nodeFinWait1O:   {ByPeer, 102200 * ms, KeyOrphanRetries},
		nodeFinWait2:    {ByPeer, Forever, ""},
		nodeFinWait2O:   {ByPeer, 0, KeyFinTimeout},
		nodeFinWait2T:   {ByPeer, 60 * sec, KeyFinTimeout},
		nodeClosing:     {ByPeer, 924600 * ms, KeyRetries2},
		nodeClosingO:    {ByPeer, 102200 * ms, KeyOrphanRetries},
		nodeLastAck:     {ByPeer, 924600 * ms, KeyRetries2},
		nodeLastAckO:    {ByPeer, 102200 * ms, KeyOrphanRetries},
		nodeTimeWait:    {ByTimer, 60 * sec, ""},
	}
	for _, n := range Nodes() {
		w, ok := want[n]
		if !ok {
			t.Errorf("%v is not tested", n)
			continue
		}
		d := DwellOf(n, s, 0)
		if d.Actor != w.actor || d.Most != w.most || strings.Join(d.Settings, " ") != w.keys || d.Waits == "" || d.Node != n {
			t.Errorf("%v: got %+v, want %+v", n, d, w)
		}
		if d.Most == Forever && d.Latest() != Forever || d.Most != Forever && d.Latest() != Slack(d.Most) {
			t.Errorf("%v: got latest %v for %v", n, d.Latest(), d.Most)
		}
	}
	s.FinTimeout = 90 * sec
	if a, b := DwellOf(nodeFinWait2O, s, 0).Most, DwellOf(nodeFinWait2T, s, 0).Most; a != 30*sec || b != 30*sec {
		t.Errorf("tcp_fin_timeout 90: got %v and %v, want 30 s each", a, b)
	}
	if got := DwellIn(facts.FinWait2, s); got != 60*sec {
		t.Errorf("FIN_WAIT2 in all: got %v, want 60 s", got)
	}
	if got := DwellIn(facts.SynRecv, s); got != 127*sec {
		t.Errorf("SYN_RECV: got %v, want the longer of both objects", got)
	}
	if DwellOf(nodeFinWait1O, s, sec).Most <= DwellOf(nodeFinWait1O, s, 0).Most {
		t.Error("a longer retransmission timeout lasts longer")
	}
}

func TestPopulation(t *testing.T) {
	t.Parallel()
	if Population(500, 60*sec) != 30000 || Population(0, Forever) != 0 || !math.IsInf(Population(1, Forever), 1) || Population(-1, sec) != 0 {
		t.Error("population is rate times stay")
	}
	if PileUp(30000, 500, 60*sec, 1) || !PileUp(30001, 500, 60*sec, 1) || PileUp(45000, 500, 60*sec, 1.5) || !PileUp(1, 0, 60*sec, 2) {
		t.Error("a pile-up is more than the rate explains")
	}
}

func TestStateDocs(t *testing.T) {
	t.Parallel()
	s := DefaultSettings(modern, 1<<30)
	seen := make(map[facts.State]bool)
	for _, d := range States() {
		if seen[d.State] || d.Name == "" || d.Meaning == "" || d.Next == "" || d.PileUp == "" || d.RFC == "" || d.HowLong(s) == "" {
			t.Errorf("%s: incomplete or repeated", d.Name)
		}
		seen[d.State] = true
		if d.State != 0 && d.Name != StateName(d.State) {
			t.Errorf("got name %q, want %q", d.Name, StateName(d.State))
		}
		if got, ok := FindState(strings.ToLower(strings.ReplaceAll(d.Name, "_", "-"))); !ok || got.State != d.State {
			t.Errorf("%s is not found by its name", d.Name)
		}
	}
	for st := range facts.State(facts.StateCount) {
		if !seen[st] {
			t.Errorf("%s has no documentation", st)
		}
	}
	for alias, want := range map[string]facts.State{
		"syn-received": facts.SynRecv, "ESTAB": facts.Established, "close": facts.Close, "timewait": facts.TimeWait, "FIN-WAIT-2": facts.FinWait2,
	} {
		if d, ok := FindState(alias); !ok || d.State != want {
			t.Errorf("%s: got %v, %v", alias, d.Name, ok)
		}
	}
	if _, ok := FindState("nosuch"); ok {
		t.Error("found a state that is none")
	}
	for state, want := range map[facts.State]string{
		facts.Close:     "it is not a state of a connection",
		facts.CloseWait: "no limit",
		facts.TimeWait:  "60 s at most",
		facts.SynSent:   "131 s at most (tcp_syn_retries, tcp_syn_linear_timeouts)",
		facts.FinWait2:  "still held by a process: no limit; closed by its process: 60 s at most (tcp_fin_timeout)",
		facts.LastAck:   "still held by a process: 15 min at most (tcp_retries2); closed by its process: 102 s at most (tcp_orphan_retries)",
		facts.SynRecv:   "half-open entry of a listener: 63 s at most (tcp_synack_retries); simultaneous open: 127 s at most (tcp_syn_retries)",
	} {
		for _, d := range States() {
			if got := d.HowLong(s); d.State == state && got != want {
				t.Errorf("%s: got %q, want %q", d.Name, got, want)
			}
		}
	}
	s.FinTimeout = 62 * sec
	if d, _ := FindState("FIN_WAIT2"); !strings.Contains(d.HowLong(s), "closed by its process, first as a socket: 2 s at most") {
		t.Errorf("tcp_fin_timeout 62: got %q", d.HowLong(s))
	}
}

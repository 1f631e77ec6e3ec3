package model

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// drawn holds the arrows that both diagrams must show.
var drawn = [][2]facts.State{
	{facts.Close, facts.Listen}, {facts.Close, facts.SynSent}, {facts.Listen, facts.SynRecv},
	{facts.SynSent, facts.SynRecv}, {facts.SynSent, facts.Established}, {facts.SynRecv, facts.Established},
	{facts.Established, facts.FinWait1}, {facts.Established, facts.CloseWait}, {facts.FinWait1, facts.Closing},
	{facts.FinWait1, facts.FinWait2}, {facts.CloseWait, facts.LastAck}, {facts.Closing, facts.TimeWait},
	{facts.FinWait2, facts.TimeWait}, {facts.LastAck, facts.Close}, {facts.TimeWait, facts.Close},
}

func TestMermaidShowsTheTable(t *testing.T) {
	t.Parallel()
	got := Mermaid()
	if !strings.HasPrefix(got, "stateDiagram-v2\n") {
		t.Fatalf("got %q, want a state diagram", got[:20])
	}
	for _, a := range drawn {
		if arrow := StateName(a[0]) + " --> " + StateName(a[1]) + " : "; !strings.Contains(got, arrow) {
			t.Errorf("no arrow %s", arrow)
		}
	}
	inTable := make(map[string]bool)
	for _, e := range edges() {
		inTable[StateName(e.from)+" --> "+StateName(e.to)] = true
	}
	for line := range strings.Lines(got) {
		arrow, label, ok := strings.Cut(strings.TrimSpace(line), " : ")
		if !ok {
			continue
		}
		if !inTable[arrow] {
			t.Errorf("%s is not in the table", arrow)
		}
		if strings.ContainsAny(label, ":;") {
			t.Errorf("label %q would end early", label)
		}
	}
	for _, want := range []string{
		"LISTEN --> SYN_RECV : SYN / send SYN+ACK",
		"SYN_SENT --> ESTABLISHED : SYN+ACK / send ACK",
		"LAST_ACK --> CLOSED : ACK of FIN",
		"FIN_WAIT2 --> CLOSED : timer (tcp_fin_timeout, orphans only)",
		"TIME_WAIT --> CLOSED : timer (60 s)",
		"SYN_SENT --> CLOSED : close()",
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("no line %q in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "ESTABLISHED --> CLOSED") {
		t.Error("errors must not be drawn")
	}
}

func TestTerminalDiagram(t *testing.T) {
	t.Parallel()
	got := Diagram()
	for s := facts.Established; s <= facts.Closing; s++ {
		if !strings.Contains(got, StateName(s)) {
			t.Errorf("%s is not drawn", StateName(s))
		}
	}
	for line := range strings.Lines(got) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	// Each arrow drawn is one of the table.
	inTable := make(map[[2]facts.State]bool)
	for _, e := range edges() {
		inTable[[2]facts.State{e.from, e.to}] = true
	}
	for _, a := range drawn {
		if !inTable[a] {
			t.Errorf("%s to %s is drawn but not in the table", StateName(a[0]), StateName(a[1]))
		}
	}
}

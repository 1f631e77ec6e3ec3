package model

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// edge is one arrow of a diagram: all the triggers that lead from one state to
// another.
type edge struct {
	from, to facts.State
	labels   []string
}

// edges returns the arrows between different states, in the order of the
// table. Rows that stay are left out: the table itself lists them.
func edges() []edge {
	var out []edge
	index := make(map[[2]facts.State]int)
	for _, t := range transitions {
		to := t.To.State
		if t.From.State == facts.Listen && t.Spawns != (Node{}) {
			to = t.Spawns.State
		}
		if to == t.From.State {
			continue
		}
		key := [2]facts.State{t.From.State, to}
		i, ok := index[key]
		if !ok {
			i = len(out)
			index[key] = i
			out = append(out, edge{from: t.From.State, to: to})
		}
		label := t.label()
		if !slices.Contains(out[i].labels, label) {
			out[i].labels = append(out[i].labels, label)
		}
	}
	return out
}

// label words a row for an arrow: "SYN / send SYN+ACK".
func (t Transition) label() string {
	s := string(t.On)
	switch t.When {
	case IfCookieRoom:
		s += " of a cookie"
	case IfReusable:
		s += " with tcp_tw_reuse"
	default:
	}
	if len(t.Send) > 0 {
		parts := make([]string, len(t.Send))
		for i, r := range t.Send {
			parts[i] = string(r)
		}
		s += " / send " + strings.Join(parts, ", ")
	} else if t.From.State == facts.Listen && t.Spawns.State == facts.SynRecv {
		s += " / send SYN+ACK"
	}
	return s
}

// Mermaid returns the state diagram in Mermaid's notation, generated from the
// table. Arrows to CLOSED by an error are drawn only where nothing else leads
// there.
func Mermaid() string {
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n    [*] --> CLOSED\n")
	for _, e := range edges() {
		labels := e.labels
		if e.to == facts.Close {
			labels = orderly(e)
		}
		if len(labels) == 0 {
			continue
		}
		// A colon or semicolon would end the label.
		text := strings.NewReplacer(":", " ", ";", ",").Replace(strings.Join(labels, ", or "))
		fmt.Fprintf(&b, "    %s --> %s : %s\n", StateName(e.from), StateName(e.to), text)
	}
	return b.String()
}

// orderly returns the labels of an arrow to CLOSED that are not an error: the
// acknowledged FIN, the end of TIME_WAIT, the closed listener.
func orderly(e edge) []string {
	switch e.from {
	case facts.LastAck:
		return []string{string(OnACKOfFIN)}
	case facts.TimeWait:
		return []string{"timer (60 s)"}
	case facts.FinWait2:
		return []string{"timer (tcp_fin_timeout, orphans only)"}
	case facts.Listen, facts.SynSent:
		return []string{string(OnClose)}
	default:
		return nil
	}
}

// Diagram returns the state diagram for a terminal of 80 columns.
func Diagram() string { return terminalDiagram }

// terminalDiagram is drawn by hand because boxes do not lay themselves out;
// a test holds every arrow against the table.
const terminalDiagram = `                            ┌──────────┐
            listen()        │  CLOSED  │        connect() / SYN
        ┌───────────────────┤          ├───────────────────┐
        ▼                   └──────────┘                   ▼
   ┌──────────┐                                      ┌──────────┐
   │  LISTEN  │                        SYN / SYN+ACK │ SYN_SENT │
   └────┬─────┘            ┌─────────────────────────┤          │
        │ SYN / SYN+ACK    ▼                         └────┬─────┘
        │             ┌──────────┐                        │
        └────────────▶│ SYN_RECV │                        │ SYN+ACK / ACK
                      └────┬─────┘                        │
                           │ ACK                          │
                           ▼                              │
                     ┌─────────────┐                      │
                     │ ESTABLISHED │◀─────────────────────┘
                     └──┬───────┬──┘
          close() / FIN │       │ FIN / ACK
                        ▼       ▼
               ┌───────────┐  ┌────────────┐
        ┌──────┤ FIN_WAIT1 │  │ CLOSE_WAIT │  this application must close()
        │      └─────┬─────┘  └─────┬──────┘
        │ FIN / ACK  │ ACK of FIN   │ close() / FIN
        ▼            ▼              ▼
   ┌─────────┐ ┌───────────┐  ┌────────────┐
   │ CLOSING │ │ FIN_WAIT2 │  │  LAST_ACK  │
   └────┬────┘ └─────┬─────┘  └─────┬──────┘
        │ ACK of FIN │ FIN / ACK    │ ACK of FIN
        ▼            ▼              ▼
      ┌────────────────────┐     CLOSED
      │     TIME_WAIT      │
      └─────────┬──────────┘
                │ timer, 60 s
                ▼
             CLOSED
`

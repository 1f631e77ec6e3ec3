package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/rules"
)

var formatNagios = Format{Name: "nagios", Doc: "one line for a monitoring plugin, with performance data", Render: renderNagios}

func renderNagios(w io.Writer, r *Report, o Options) error {
	status := "OK"
	switch {
	case r.Worst() == rules.Critical:
		status = "CRITICAL"
	case r.Worst() == rules.Warning:
		status = "WARNING"
	case !r.Judged():
		status = "UNKNOWN"
	}
	text, _ := r.verdict()
	_, text, _ = strings.Cut(text, " ") // the mark
	for _, f := range r.filtered(o).Findings {
		text += "; " + f.Summary
	}
	// A bar would begin the performance data, a line break the long output.
	text = strings.ReplaceAll(Clean(text), "|", "¦")
	_, err := fmt.Fprintf(w, "TCPDOCTOR %s - %s | %s\n", status, text, strings.Join(r.performance(), " "))
	return err
}

// performance is label=value;warn;crit;min;max for what is worth a graph.
func (r *Report) performance() []string {
	var s Sockets
	for _, n := range r.Namespaces {
		if n.Sockets != nil {
			s.Established += n.Sockets.Established
			s.TimeWait += n.Sockets.TimeWait
			s.CloseWait += n.Sockets.CloseWait
			s.SynRecv += n.Sockets.SynRecv
		}
	}
	out := []string{
		fmt.Sprintf("critical=%d;;;0", r.count(rules.Critical)),
		fmt.Sprintf("warning=%d;;;0", r.count(rules.Warning)),
		fmt.Sprintf("established=%d;;;0", s.Established),
		fmt.Sprintf("syn_recv=%d;;;0", s.SynRecv),
		fmt.Sprintf("close_wait=%d;;;0", s.CloseWait),
		fmt.Sprintf("time_wait=%d;;;0", s.TimeWait),
	}
	if f := r.LookedAt.FullestListener; f != nil {
		out = append(out, fmt.Sprintf("accept_queue_peak=%d;;;0;%d", f.QueuePeak, f.QueueLimit))
	}
	if d := r.LookedAt.TightestDestination; d != nil && d.PortsUsable > 0 {
		out = append(out, fmt.Sprintf("ports_used=%.1f%%;;;0;100", 100*float64(d.PortsUsed)/float64(d.PortsUsable)))
	}
	return out
}

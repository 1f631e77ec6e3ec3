package sysctl

import (
	"fmt"
	"slices"
	"strings"
)

var lintTimestamps = LintRule{
	ID: "timestamps-off", Title: "TCP timestamps switched off", Severity: SeverityError, Keys: []Key{keyTimestamps},
	Bad: equals(0), Message: "it loses the protection against old segments, tcp_tw_reuse, and the options of connections opened by a SYN cookie; " +
		"since Linux 4.10 timestamps tell nothing about the host",
}

var lintSack = LintRule{
	ID: "sack-off", Title: "selective acknowledgements switched off", Severity: SeverityError, Keys: []Key{"net.ipv4.tcp_sack", "net.ipv4.tcp_dsack"},
	Bad: equals(0), Message: "it comes from old driver notes or from a flaw that was mended in 2019; after losses connections stall",
}

var lintScaling = LintRule{
	ID: "window-scaling-off", Title: "window scaling switched off", Severity: SeverityError, Keys: []Key{"net.ipv4.tcp_window_scaling"},
	Bad: equals(0), Message: "it comes from old driver notes, and caps every connection at 64 KiB for each round trip",
}

var lintECN = LintRule{
	ID: "accurate-ecn", Title: "accurate ECN on a kernel without it", Severity: SeverityError, Keys: []Key{"net.ipv4.tcp_ecn"},
	check: func(p *lintPass, l *lintLine) {
		n, ok := l.first()
		if ok && n >= 3 && n <= 5 && by(6, 18, 7, 0).At(p.o.Env.Kernel) != Yes {
			i := drop()
			i.Message = fmt.Sprintf("Linux %s refuses %d: 3 to 5 are taken from 7.0 on, whatever the kernel's own text says", p.o.Env.Kernel, n)
			p.add(l, i)
		}
	},
}

var lintPMTU = LintRule{
	ID: "pmtu-discovery-off", Title: "path packet size discovery switched off", Severity: SeverityWarning, Keys: []Key{"net.ipv4.ip_no_pmtu_disc"},
	Bad: between(1, 2), Instead: "0", Message: "routers then fragment packets, which many drop",
}

var lintCongestion = LintRule{
	ID: "congestion-control", Title: "a dated or missing congestion control", Severity: SeverityWarning, Keys: []Key{keyCongestion},
	check: func(p *lintPass, l *lintLine) {
		name := strings.TrimSpace(l.Value)
		list, known := p.o.Running[keyAvailable]
		switch {
		case slices.Contains([]string{"htcp", "bic", "vegas", "reno"}, name):
			i := l.put("cubic")
			i.Message = name + " is dated: cubic is the default, bbr is for paths with losses"
			p.add(l, i)
		case known && !slices.Contains(strings.Fields(list), name):
			p.add(l, Issue{Message: fmt.Sprintf("%q is not loaded (there are: %s): if it is no module either, the line is passed over, at boot in silence",
				name, strings.Join(strings.Fields(list), ", "))})
		case name == "bbr":
			if qdisc, ok := p.value("net.core.default_qdisc"); ok && strings.TrimSpace(qdisc) == "fq" {
				return
			}
			p.add(l, Issue{Severity: SeverityInfo, Message: "without net.core.default_qdisc = fq bbr paces by its own timers: it works, and costs more CPU"})
		}
	},
}

var lintQdisc = LintRule{
	ID: "qdisc-new-devices", Title: "default_qdisc set for a device that is there", Severity: SeverityInfo, Keys: []Key{"net.core.default_qdisc"},
	check: func(p *lintPass, l *lintLine) {
		if !strings.HasPrefix(l.File, "/usr/") && !l.mentions("new device", "tc ") {
			p.add(l, Issue{Message: "it counts for devices made afterwards: at boot that may be before or after the network card; check with tc"})
		}
	},
}

var lintICMP = LintRule{
	ID: "ping-off", Title: "no answer to ping", Severity: SeverityWarning, Keys: []Key{"net.ipv4.icmp_echo_ignore_all"},
	Bad: nonZero, Message: "nobody can test the host any more, and nobody is kept out by it",
}

var lintRatemask = LintRule{
	ID: "icmp-ratemask", Title: "more ICMP messages slowed down", Severity: SeverityWarning, Keys: []Key{"net.ipv4.icmp_ratemask"},
	check: func(p *lintPass, l *lintLine) {
		const own = 6168 // destination unreachable, source quench, time exceeded, parameter problem
		if n, ok := l.first(); ok && n&^own != 0 {
			i := drop()
			i.Message = "replies that tools and path packet size discovery need are slowed down as well"
			p.add(l, i)
		}
	},
}

var lintHazard = LintRule{
	ID: "hazardous-value", Title: "a value with a known danger", Severity: SeverityError, general: true,
	check: func(p *lintPass, l *lintLine) {
		if !l.known || l.spec.Type == TypeVector || len(l.numbers) != 1 {
			return
		}
		for _, h := range l.spec.Hazards {
			if l.numbers[0] < h.Low || l.numbers[0] > h.High || h.Risk == RiskSafe {
				continue
			}
			i := Issue{Severity: SeverityWarning, Message: h.Why}
			if h.Risk == RiskDangerous {
				i.Severity = SeverityError
			} else if l.ours {
				return // a price that a profile names and somebody chose
			}
			p.add(l, i)
			return
		}
	},
}

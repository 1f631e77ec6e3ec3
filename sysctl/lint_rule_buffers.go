package sysctl

import (
	"fmt"
	"slices"
)

var bothBuffers = []Key{"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"}

var lintTCPMem = LintRule{
	ID: "tcp-mem", Title: "tcp_mem set by hand", Severity: SeverityError, Keys: []Key{keyTCPMem},
	check: func(p *lintPass, l *lintLine) {
		if len(l.numbers) != 3 {
			return
		}
		pages := int64(p.o.Env.RAMBytes / p.o.Env.page())
		i := drop()
		switch {
		case l.numbers[0] == l.numbers[1] && l.numbers[1] == l.numbers[2]:
			i.Message = "three equal values leave no room between relaxed, pressure and limit; the kernel scales it with memory"
		case pages > 0 && l.numbers[2] > pages:
			i.Message = fmt.Sprintf("it counts pages, and %d of them are %d MiB, more than the host has: bytes written by mistake remove the guard",
				l.numbers[2], l.numbers[2]/256)
		default:
			own, ok := p.own(l.key, "max")
			if !ok || l.numbers[2] >= own {
				return
			}
			i.Message = fmt.Sprintf("it counts pages, and %d are less than the kernel's own %d: every namespace of the host starves", l.numbers[2], own)
		}
		p.add(l, i)
	},
}

var lintBufferDefault = LintRule{
	ID: "buffer-default-large", Title: "large buffers for every socket", Severity: SeverityError, Keys: bothBuffers,
	check: func(p *lintPass, l *lintLine) {
		n, ok := l.element("default")
		if !ok || n <= 1<<20 {
			return
		}
		i := Issue{Message: fmt.Sprintf("every socket starts with %d KiB, and there are many sockets; only the third value is for fast long paths", n>>10)}
		if own, ok := p.own(l.key, "default"); ok && len(l.numbers) == 3 {
			i.Replacement = fmt.Sprintf("%s = %d %d %d", l.key, l.numbers[0], own, l.numbers[2])
		}
		p.add(l, i)
	},
}

var lintBufferMin = LintRule{
	ID: "buffer-min-raised", Title: "a raised least buffer", Severity: SeverityError, Keys: bothBuffers,
	check: func(p *lintPass, l *lintLine) {
		n, ok := l.element("min")
		own, known := p.own(l.key, "min")
		if !ok || !known || n <= own {
			return
		}
		i := Issue{Message: fmt.Sprintf("the first value is what every socket keeps under memory pressure: %d instead of %d takes the kernel's way out", n, own)}
		if len(l.numbers) == 3 {
			i.Replacement = fmt.Sprintf("%s = %d %d %d", l.key, own, l.numbers[1], l.numbers[2])
		}
		p.add(l, i)
	},
}

var lintBufferHuge = LintRule{
	ID: "buffer-max-huge", Title: "a buffer of more than 512 MiB", Severity: SeverityWarning, Keys: bothBuffers,
	check: func(p *lintPass, l *lintLine) {
		if n, ok := l.element("max"); ok && n > 512<<20 {
			p.add(l, Issue{Message: fmt.Sprintf("one connection may take %d MiB; twice bandwidth × round trip is enough, and 256 MiB carry 10 Gbit/s over 100 ms", n>>20)})
		}
	},
}

var lintBelowDefault = LintRule{
	ID: "below-default", Title: "a value below the kernel's own", Severity: SeverityWarning,
	Keys: []Key{
		"net.core.rmem_max", "net.core.wmem_max", "net.core.optmem_max", "net.core.somaxconn", "net.ipv4.tcp_limit_output_bytes",
		"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem", "net.netfilter.nf_conntrack_max", "fs.file-max", "fs.nr_open",
		"net.core.netdev_max_backlog", "net.core.netdev_budget",
	},
	check: func(p *lintPass, l *lintLine) {
		field, n := "", int64(0)
		ok := false
		if l.spec.Type == TypeVector {
			field = "max"
			n, ok = l.element(field)
		} else {
			n, ok = l.first()
		}
		own, known := p.own(l.key, field)
		if !ok || !known || n >= own || n <= 0 && l.key == "net.netfilter.nf_conntrack_max" {
			return
		}
		i := drop()
		if field != "" {
			i = Issue{}
		}
		i.Message = fmt.Sprintf("%d is from an old recipe: the kernel's own is %d by now", n, own)
		if field != "" && len(l.numbers) == 3 && !slices.Contains(l.numbers[:2], n) {
			i.Replacement = fmt.Sprintf("%s = %d %d %d", l.key, l.numbers[0], l.numbers[1], own)
		}
		p.add(l, i)
	},
}

var lintModerate = LintRule{
	ID: "rcvbuf-tuning-off", Title: "receive buffers that cannot grow", Severity: SeverityError, Keys: []Key{"net.ipv4.tcp_moderate_rcvbuf"},
	Bad: equals(0), Message: "it comes from old driver notes, and pins windows near 64 KiB",
}

var lintLowat = LintRule{
	ID: "notsent-lowat-low", Title: "a very small tcp_notsent_lowat", Severity: SeverityWarning, Keys: []Key{"net.ipv4.tcp_notsent_lowat"},
	Bad: between(0, 4095), Instead: "16384", Message: "applications wake up for a few bytes each",
}

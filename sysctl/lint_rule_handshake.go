package sysctl

import "fmt"

var lintCookiesOff = LintRule{
	ID: "syncookies-off", Title: "SYN cookies switched off", Severity: SeverityError, Keys: []Key{"net.ipv4.tcp_syncookies"},
	Bad: equals(0), Instead: "1", Message: "without SYN cookies a SYN flood shuts out every client",
}

var lintCookiesAlways = LintRule{
	ID: "syncookies-always", Title: "SYN cookies for every connection", Severity: SeverityWarning, Keys: []Key{"net.ipv4.tcp_syncookies"},
	Bad: equals(2), Instead: "1", Message: "2 answers every SYN with a cookie: it is for testing, and costs clients without timestamps their options",
}

var lintAbort = LintRule{
	ID: "abort-on-overflow", Title: "resets when the accept queue is full", Severity: SeverityError, Keys: []Key{"net.ipv4.tcp_abort_on_overflow"},
	Bad: nonZero, Message: "a burst that the queue would have survived ends in resets for real clients",
}

var lintSynBacklogInert = LintRule{
	ID: "syn-backlog-inert", Title: "tcp_max_syn_backlog while SYN cookies are on", Severity: SeverityInfo, Keys: []Key{"net.ipv4.tcp_max_syn_backlog"},
	check: func(p *lintPass, l *lintLine) {
		if n, ok := p.number("net.ipv4.tcp_syncookies", ""); ok && n != 0 && len(l.numbers) == 1 {
			i := drop()
			i.Message = "it has no effect while SYN cookies are on: the smaller of the application's backlog and somaxconn limits half-open connections"
			p.add(l, i)
		}
	},
}

var lintSomaxconn = LintRule{
	ID: "somaxconn-cap", Title: "somaxconn set as if it were the queue", Severity: SeverityInfo, Keys: []Key{"net.core.somaxconn"},
	check: func(p *lintPass, l *lintLine) {
		n, ok := l.first()
		flood := l.mentions("syn", "flood", "attack", "ddos")
		switch {
		case !ok || n < 65535:
			return
		case n > 65535:
			p.add(l, Issue{Severity: SeverityWarning, Replacement: string(l.key) + " = 65535",
				Message: "it is only an upper bound, and before Linux 4.1 a value above 65535 wrapped around; the application's own backlog decides"})
		case flood:
			p.add(l, Issue{Severity: SeverityWarning,
				Message: "it does not stop a SYN flood: it is only an upper bound for the application's own backlog; SYN cookies and a filter in front do"})
		default:
			p.add(l, Issue{Message: "it is only an upper bound: the application's own backlog decides (nginx 511 unless told otherwise)"})
		}
	},
}

var lintSynackRetries = LintRule{
	ID: "synack-retries-low", Title: "too few SYN-ACKs", Severity: SeverityWarning, Keys: []Key{"net.ipv4.tcp_synack_retries"},
	Bad: between(0, 1), Instead: "3", Message: "with so few repeats clients on lossy paths cannot connect; 2 or 3 is for a SYN flood, and a full queue prunes itself",
}

var lintSynRetries = LintRule{
	ID: "syn-retries-low", Title: "too few SYNs", Severity: SeverityWarning, Keys: []Key{"net.ipv4.tcp_syn_retries"},
	check: func(p *lintPass, l *lintLine) {
		switch n, ok := l.first(); {
		case !ok || n > 1:
		case n == 0:
			i := l.put("3")
			i.Severity, i.Message = SeverityError, "the kernel refuses 0: the range is 1 to 127"
			p.add(l, i)
		default:
			i := l.put("3")
			i.Message = "connect() then fails after about 3 s, before two lost packets are made good"
			p.add(l, i)
		}
	},
}

var lintFastopen = LintRule{
	ID: "fastopen-without-cookie", Title: "Fast Open without a cookie", Severity: SeverityError, Keys: []Key{"net.ipv4.tcp_fastopen"},
	check: func(p *lintPass, l *lintLine) {
		const cookieless = 0x4 | 0x200
		if n, ok := l.first(); ok && n > 0 && n&cookieless != 0 {
			i := l.put(fmt.Sprint(n &^ cookieless))
			i.Message = "0x4 and 0x200 take data without a cookie: anybody can send it from a forged address"
			p.add(l, i)
		}
	},
}

var lintLowLatency = LintRule{
	ID: "low-latency-inert", Title: "tcp_low_latency set for speed", Severity: SeverityInfo, Keys: []Key{"net.ipv4.tcp_low_latency"},
	check: func(p *lintPass, l *lintLine) {
		if l.spec.Inert(p.o.Env.Kernel) != No {
			i := drop()
			i.Message = "it does nothing since Linux 4.14: the queue that it went round is gone"
			p.add(l, i)
		}
	},
}

package sysctl

import "fmt"

var lintBucketsLow = LintRule{
	ID: "tw-buckets-low", Title: "tcp_max_tw_buckets below the default", Severity: SeverityError, Keys: []Key{"net.ipv4.tcp_max_tw_buckets"},
	check: func(p *lintPass, l *lintLine) {
		n, ok := l.first()
		own, known := p.own(l.key, "")
		if ok && known && n < own {
			i := drop()
			i.Message = fmt.Sprintf("beyond it connections close without TIME_WAIT, and late packets hit whoever comes next; the kernel's own here is %d", own)
			p.add(l, i)
		}
	},
}

var lintOrphansLow = LintRule{
	ID: "orphans-low", Title: "tcp_max_orphans below the default", Severity: SeverityError, Keys: []Key{"net.ipv4.tcp_max_orphans"},
	check: func(p *lintPass, l *lintLine) {
		n, ok := l.first()
		own, known := p.own(l.key, "")
		if ok && known && n < own {
			i := drop()
			i.Message = fmt.Sprintf("beyond it closing connections are reset; the kernel's own here is %d", own)
			p.add(l, i)
		}
	},
}

var lintOrphansRaised = LintRule{
	ID: "orphans-raised", Title: "tcp_max_orphans above the default", Severity: SeverityInfo, Keys: []Key{"net.ipv4.tcp_max_orphans"},
	check: func(p *lintPass, l *lintLine) {
		n, ok := l.first()
		own, known := p.own(l.key, "")
		if ok && known && n > own {
			i := drop()
			i.Message = fmt.Sprintf("the kernel scales it with memory (%d here); raise it only when the kernel log says \"too many orphaned sockets\"", own)
			p.add(l, i)
		}
	},
}

var lintFinTimeout = LintRule{
	ID: "fin-timeout-hope", Title: "tcp_fin_timeout lowered to cut TIME_WAIT", Severity: SeverityInfo, Keys: []Key{"net.ipv4.tcp_fin_timeout"},
	Bad: between(1, 59), Message: "it does nothing about TIME_WAIT, which lasts 60 s in every case; it is about orphans in FIN_WAIT2",
}

var lintReuse = LintRule{
	ID: "tw-reuse", Title: "tcp_tw_reuse", Severity: SeverityInfo, Keys: []Key{"net.ipv4.tcp_tw_reuse"},
	check: func(p *lintPass, l *lintLine) {
		if n, ok := l.first(); !ok || n != 1 {
			return
		}
		if stamps, ok := p.number("net.ipv4.tcp_timestamps", ""); ok && stamps == 0 {
			i := drop()
			i.Severity, i.Message = SeverityError, "it cannot work while tcp_timestamps is 0"
			p.add(l, i)
			return
		}
		p.add(l, Issue{Message: "it helps outgoing connections only: a server gains nothing from it for the connections that it accepts"})
	},
}

var lintOrphanRetries = LintRule{
	ID: "orphan-retries-zero", Title: "tcp_orphan_retries = 0", Severity: SeverityInfo, Keys: []Key{"net.ipv4.tcp_orphan_retries"},
	Bad: equals(0), Message: "0 does not switch it off: it means 8",
}

var lintOrphanRetriesLow = LintRule{
	ID: "orphan-retries-low", Title: "tcp_orphan_retries = 1", Severity: SeverityWarning, Keys: []Key{"net.ipv4.tcp_orphan_retries"},
	Bad: equals(1), Instead: "3", Message: "data not yet delivered when the application closes is lost on bad paths",
}

var lintChallenge = LintRule{
	ID: "challenge-ack-limit-low", Title: "tcp_challenge_ack_limit lowered", Severity: SeverityError, Keys: []Key{"net.ipv4.tcp_challenge_ack_limit"},
	check: func(p *lintPass, l *lintLine) {
		n, ok := l.first()
		own, known := p.own(l.key, "")
		if ok && known && n < own {
			i := drop()
			i.Message = "a low limit lets somebody off the path find out about connections (CVE-2016-5696)"
			p.add(l, i)
		}
	},
}

var lintKeepalive = LintRule{
	ID: "keepalive-needs-option", Title: "keepalive settings", Severity: SeverityInfo,
	Keys: []Key{"net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes"},
	check: func(p *lintPass, l *lintLine) {
		own, known := p.own(l.key, "")
		if n, ok := l.first(); ok && known && n != own && !l.mentions("so_keepalive") && p.once(l.File) {
			p.add(l, Issue{Message: "it counts only for sockets whose application sets SO_KEEPALIVE"})
		}
	},
}

var lintRetries2 = LintRule{
	ID: "retries2-low", Title: "tcp_retries2 below 8", Severity: SeverityWarning, Keys: []Key{"net.ipv4.tcp_retries2"},
	Bad: between(0, 7), Instead: "8",
	Message: "connections are given up before the 100 s that RFC 1122 asks for, so a change of route ends them; TCP_USER_TIMEOUT is more precise",
}

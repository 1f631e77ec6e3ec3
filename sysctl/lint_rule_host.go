package sysctl

import "fmt"

const (
	keyConntrackMax     Key = "net.netfilter.nf_conntrack_max"
	keyConntrackBuckets Key = "net.netfilter.nf_conntrack_buckets"
)

var lintConntrackZero = LintRule{
	ID: "conntrack-unlimited", Title: "a tracking table without bound", Severity: SeverityError, Keys: []Key{keyConntrackMax, "net.nf_conntrack_max"},
	Bad: equals(0), Message: "0 means no bound at all up to Linux 6.18, and 7.0 refuses it",
}

var lintConntrackBuckets = LintRule{
	ID: "conntrack-chains", Title: "a larger tracking table with the old hash", Severity: SeverityWarning, Keys: []Key{keyConntrackMax, "net.nf_conntrack_max"},
	check: func(p *lintPass, l *lintLine) {
		n, ok := l.first()
		own, okOwn := p.own(l.key, "")
		buckets, okBuckets := p.number(keyConntrackBuckets, "")
		if !ok || !okOwn || n <= own || p.final[keyConntrackBuckets] != nil || okBuckets && buckets >= n {
			return
		}
		p.add(l, Issue{Message: fmt.Sprintf("the hash stays as it is, so chains grow: add %s = %d", keyConntrackBuckets, n)})
	},
}

var lintConntrackTimeout = LintRule{
	ID: "conntrack-cuts-idle", Title: "idle connections forgotten within an hour", Severity: SeverityWarning,
	Keys: []Key{"net.netfilter.nf_conntrack_tcp_timeout_established"},
	Bad:  between(-1<<31, 3599), Instead: "86400", Message: "connections that are idle for longer are cut without a word",
}

var lintConntrackLoose = LintRule{
	ID: "conntrack-loose-off", Title: "nf_conntrack_tcp_loose = 0", Severity: SeverityInfo, Keys: []Key{"net.netfilter.nf_conntrack_tcp_loose"},
	Bad: equals(0), Message: "it is for SYNPROXY; running connections are cut whenever the rules are loaded again",
}

var lintMinFree = LintRule{
	ID: "min-free-kbytes", Title: "too little or too much memory kept free", Severity: SeverityError, Keys: []Key{keyMinFree},
	check: func(p *lintPass, l *lintLine) {
		n, ok := l.first()
		limit := int64(p.o.Env.RAMBytes / 1024 / 20)
		i := drop()
		switch {
		case ok && n < 1024:
			i.Message = "with less than 1024 the host can lock up"
		case ok && limit > 0 && n > limit:
			i.Message = fmt.Sprintf("it is more than five percent of memory (%d KiB): processes are killed for want of memory that lies idle", limit)
		default:
			return
		}
		p.add(l, i)
	},
}

var lintNetdevBacklog = LintRule{
	ID: "netdev-backlog-huge", Title: "a very long input queue", Severity: SeverityWarning, Keys: []Key{keyNetdevBacklog},
	Bad: between(100_000, 1<<31), Message: "most network cards do not use this queue, and where it is used so long a one adds latency; " +
		"raise it when the second column of /proc/net/softnet_stat grows",
}

var lintNetdevBudget = LintRule{
	ID: "netdev-budget-huge", Title: "a very large packet budget", Severity: SeverityWarning, Keys: []Key{"net.core.netdev_budget"},
	Bad: between(3000, 1<<31), Message: "user tasks wait for the CPU; netdev_budget_usecs ends the round before that anyway",
}

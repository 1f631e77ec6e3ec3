package sysctl

import (
	"fmt"
	"slices"
	"strings"
)

var lintBadName = LintRule{
	ID: "bad-name", Title: "what cannot be the name of a parameter", Severity: SeverityError,
	check: func(p *lintPass, l *lintLine) {
		if l.key == "" {
			i := drop()
			i.Message = fmt.Sprintf("%q cannot be the name of a parameter", l.Path)
			p.add(l, i)
		}
	},
}

// trees are the folders of /proc/sys, and below net those that have parameters
// which the catalogue does not list.
var (
	trees    = []string{"abi", "crypto", "debug", "dev", "fs", "kernel", "net", "sunrpc", "user", "vm", "xen"}
	netTrees = []string{"appletalk", "ax25", "bridge", "can", "core", "decnet", "ipv4", "ipv6", "iucv", "ipx", "llc", "mctp", "mpls", "mptcp", "netfilter",
		"netrom", "nf_conntrack_max", "phonet", "rds", "rose", "rxrpc", "sctp", "smc", "tipc", "unix", "vsock", "x25", "xfrm"}
)

var lintUnknown = LintRule{
	ID: "unknown-parameter", Title: "a parameter that the kernel does not have", Severity: SeverityError,
	check: func(p *lintPass, l *lintLine) {
		const passedOver = "there is no such parameter; the line is passed over, at boot in silence"
		if l.written != "" {
			i := l.put(l.Value)
			i.Key, i.Message = l.written, fmt.Sprintf("%s; %s is meant", passedOver, l.key)
			p.add(l, i)
			return
		}
		if l.key == "" || l.known || l.IsPattern() || p.o.Exists != nil && (p.o.Exists(l.key) || p.missesInterface(l.key)) {
			return
		}
		parts := l.key.Parts()
		misplaced := !slices.Contains(trees, parts[0]) || parts[0] == "net" && !slices.Contains(netTrees, parts[1])
		switch {
		case misplaced:
			p.add(l, Issue{Message: passedOver})
		case p.o.Exists == nil, l.IgnoreErrors:
			return // nothing is known about it, or the minus sign says that it may be missing
		case parts[0] == "net" && parts[1] != "core" && parts[1] != "ipv4" && parts[1] != "ipv6":
			p.add(l, Issue{Severity: SeverityWarning,
				Message: "it is not there now; if a module brings it later, the line is passed over at boot: load the module in /etc/modules-load.d"})
		default:
			p.add(l, Issue{Message: passedOver})
		}
	},
}

var lintRecycle = LintRule{
	ID: "tw-recycle", Title: "tcp_tw_recycle", Severity: SeverityError, Keys: []Key{"net.ipv4.tcp_tw_recycle"},
	check: func(p *lintPass, l *lintLine) {
		i := drop()
		i.Message = "gone since Linux 4.12; before that it dropped clients that share an address behind NAT"
		p.add(l, i)
	},
}

var lintGone = LintRule{
	ID: "gone-parameter", Title: "a parameter that kernels no longer have", Severity: SeverityInfo, general: true,
	check: func(p *lintPass, l *lintLine) {
		if !l.known || l.spec.Gone == (Bound{}) || l.spec.Exists(p.o.Env.Kernel) == Yes {
			return
		}
		i := drop()
		i.Message = fmt.Sprintf("gone %s; %s", goneSince(l.spec.Gone), l.spec.Instead)
		p.add(l, i)
	},
}

// goneSince says from when on a parameter is gone.
func goneSince(b Bound) string {
	if b.After.IsZero() {
		return "since Linux " + b.By.String()
	}
	return fmt.Sprintf("between Linux %s and %s", b.After, b.By)
}

var lintInert = LintRule{
	ID: "inert-parameter", Title: "a parameter without effect", Severity: SeverityInfo, general: true,
	check: func(p *lintPass, l *lintLine) {
		if l.known && l.spec.Inert(p.o.Env.Kernel) == Yes {
			i := drop()
			i.Message = fmt.Sprintf("without effect (%s); %s", l.spec.InertSince, l.spec.Instead)
			p.add(l, i)
		}
	},
}

var lintTooNew = LintRule{
	ID: "too-new", Title: "a parameter that this kernel does not have yet", Severity: SeverityError, general: true,
	check: func(p *lintPass, l *lintLine) {
		if l.known && !l.IgnoreErrors && l.spec.Added != (Bound{}) && l.spec.Added.At(p.o.Env.Kernel) == No {
			p.add(l, Issue{Message: fmt.Sprintf("it came %s, and this is for Linux %s: the line is passed over, at boot in silence", l.spec.Added, p.o.Env.Kernel)})
		}
	},
}

var lintReadOnly = LintRule{
	ID: "read-only-parameter", Title: "a parameter that nobody can write", Severity: SeverityError,
	check: func(p *lintPass, l *lintLine) {
		if l.known && l.spec.ReadOnly {
			i := drop()
			i.Message = "it can only be read"
			p.add(l, i)
		}
	},
}

var lintHostOnly = LintRule{
	ID: "host-parameter", Title: "a parameter of the host in a container's or pod's files", Severity: SeverityError,
	check: func(p *lintPass, l *lintLine) {
		if !p.o.Child || !l.known || l.spec.Gone != (Bound{}) {
			return
		}
		if scope, ok := l.spec.ScopeAt(p.o.Env.Kernel); ok && scope != ScopeNetns {
			i := drop()
			i.Message = "it belongs to the host: in a namespace of its own it is missing or can only be read"
			p.add(l, i)
		}
	},
}

var lintLateModule = LintRule{
	ID: "late-module", Title: "a parameter of a module that is loaded later than the file is read", Severity: SeverityWarning,
	check: func(p *lintPass, l *lintLine) {
		if l.known && l.spec.Module != "" && p.o.Exists != nil && !p.o.Exists(l.key) {
			p.add(l, Issue{Message: fmt.Sprintf("the module %s is not loaded, so the line is passed over at boot: load it in /etc/modules-load.d", l.spec.Module)})
		}
	},
}

var lintNoInterface = LintRule{
	ID: "no-interface", Title: "a parameter of an interface that is not there", Severity: SeverityInfo,
	check: func(p *lintPass, l *lintLine) {
		if name, _ := l.key.Interface(); !l.IsPattern() && p.o.Exists != nil && !p.o.Exists(l.key) && p.missesInterface(l.key) {
			p.add(l, Issue{Message: fmt.Sprintf("there is no interface %s now; udev applies the line when one appears", name)})
		}
	},
}

// missesInterface says whether only the interface is missing: others have such a
// parameter.
func (p *lintPass) missesInterface(k Key) bool {
	name, ok := k.Interface()
	return ok && name != "all" && name != "default" && (p.o.Exists(k.Pattern().WithInterface("default")) || p.o.Exists(k.Pattern().WithInterface("all")))
}

var lintSecret = LintRule{
	ID: "secret", Title: "a secret in a file that everybody can read", Severity: SeverityWarning,
	check: func(p *lintPass, l *lintLine) {
		if l.known && l.spec.Secret && strings.TrimSpace(l.Value) != "" {
			p.add(l, Issue{Message: "it is a secret; let nobody but root read the file"})
		}
	},
}

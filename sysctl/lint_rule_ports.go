package sysctl

import (
	"fmt"
	"strings"
)

const keyReserved Key = "net.ipv4.ip_local_reserved_ports"

// nodePorts is where Kubernetes publishes services.
const nodePorts = "30000-32767"

var lintPortRangeLow = LintRule{
	ID: "port-range-low", Title: "local ports that services use", Severity: SeverityWarning, Keys: []Key{keyPortRange},
	check: func(p *lintPass, l *lintLine) {
		low, ok := l.element("low")
		high, okHigh := l.element("high")
		if !ok || !okHigh {
			return
		}
		better := l.put("16384 65535")
		if start, ok := p.number(keyPortStart, ""); ok && low < start {
			better.Severity = SeverityError
			better.Message = fmt.Sprintf("the kernel refuses it: %d is below ip_unprivileged_port_start = %d", low, start)
			p.add(l, better)
			return
		}
		taken, err := p.unreserved(low, high)
		switch {
		case low < 10000:
			better.Message = fmt.Sprintf("services listen on ports from %d on: an outgoing connection that sits on one keeps the service from starting", low)
			p.add(l, better)
		case err == nil && taken != "":
			p.add(l, Issue{Message: fmt.Sprintf("services listen on ports %s of the range, and these are not in ip_local_reserved_ports", taken)})
		}
	},
}

// unreserved returns the service ports of a range that are not reserved.
func (p *lintPass) unreserved(low, high int64) (string, error) {
	text := p.o.Listeners
	if p.o.NodePorts {
		text = strings.TrimPrefix(text+","+nodePorts, ",")
	}
	used, err := parsePorts(text)
	if err != nil {
		return "", err
	}
	list, _ := p.value(keyReserved)
	reserved, err := parsePorts(list)
	if err != nil {
		return "", err
	}
	for port := range 65536 {
		if int64(port) < low || int64(port) > high || reserved.has(port) {
			used[port/64] &^= 1 << (port % 64)
		}
	}
	return used.String(), nil
}

var lintParity = LintRule{
	ID: "port-range-parity", Title: "both ends of the port range even or odd", Severity: SeverityInfo, Keys: []Key{keyPortRange},
	check: func(p *lintPass, l *lintLine) {
		low, okLow := l.element("low")
		high, okHigh := l.element("high")
		if okLow && okHigh && low%2 == high%2 && high > low {
			i := l.put(fmt.Sprintf("%d %d", low, high-1))
			if high < 65535 {
				i = l.put(fmt.Sprintf("%d %d", low, high+1))
			}
			i.Message = "the kernel asks for ends of different parity and logs a warning: connect() takes one half of the ports, bind() the other"
			p.add(l, i)
		}
	},
}

var lintPortStart = LintRule{
	ID: "privileged-ports-open", Title: "low ports for everybody", Severity: SeverityInfo, Keys: []Key{keyPortStart},
	Bad: between(0, 1023), Message: "any local user can take such a port before the service does",
}

var lintReversePath = LintRule{
	ID: "rp-filter-strict", Title: "the strict reverse-path filter", Severity: SeverityWarning, Keys: []Key{"net.ipv4.conf.*.rp_filter"},
	check: func(p *lintPass, l *lintLine) {
		if n, ok := l.first(); !ok || n != 1 {
			return
		}
		i := l.put("2")
		switch {
		case p.o.Containers == Yes:
			i.Message = "it drops packets of container networks; loose (2) does not"
		case p.o.SeveralUplinks == Yes:
			i.Message = "with several ways out it drops packets that come by another way than answers leave; loose (2) does not"
		case p.o.Containers == No && p.o.SeveralUplinks == No:
			return
		default:
			i.Severity, i.Message = SeverityInfo, "it drops packets wherever ways there and back differ, as with several uplinks or container networks"
		}
		p.add(l, i)
	},
}

var lintForward = LintRule{
	ID: "forwarding-off", Title: "forwarding switched off on a host with containers", Severity: SeverityError,
	Keys: []Key{keyForward, keyForwardAll},
	check: func(p *lintPass, l *lintLine) {
		if n, ok := l.first(); ok && n == 0 && p.o.Containers == Yes {
			i := drop()
			i.Message = "containers on this host are cut off: their packets are forwarded"
			p.add(l, i)
		}
	},
}

var lintForwardOrder = LintRule{
	ID: "forwarding-resets", Title: "interface settings written before ip_forward", Severity: SeverityWarning, Keys: []Key{keyForward},
	check: func(p *lintPass, l *lintLine) {
		n, ok := l.first()
		for _, o := range p.lines {
			if o == l {
				return
			}
			// A write of the same value resets nothing, so only a change from the default
			// of a fresh boot does harm.
			if ok && n != 0 && o.key == keyRedirectsAll && !o.Exclude {
				p.add(o, Issue{Message: fmt.Sprintf("ip_forward in %s line %d comes later and resets it; write ip_forward first", l.File, l.Line)})
			}
		}
	},
}

// lintNeighbour is the rule for the three bounds of one family.
func lintNeighbour(family string) LintRule {
	keys := make([]Key, 3)
	for i := range keys {
		keys[i] = Key(fmt.Sprintf("net.%s.neigh.default.gc_thresh%d", family, i+1))
	}
	return LintRule{
		ID: "gc-thresh-order-" + family, Title: "bounds of the neighbour table that do not increase", Severity: SeverityError, Keys: keys,
		check: func(p *lintPass, l *lintLine) {
			for i := 1; i < len(keys); i++ {
				a, okA := p.number(keys[i-1], "")
				b, okB := p.number(keys[i], "")
				if !okA || !okB || a < b || l.key != keys[i-1] && (l.key != keys[i] || p.final[keys[i-1]] != nil) {
					continue
				}
				p.add(l, Issue{Message: fmt.Sprintf("%s (%d) has to be less than %s (%d)", keys[i-1].Base(), a, keys[i].Base(), b)})
			}
		},
	}
}

var (
	lintNeighbour4 = lintNeighbour("ipv4")
	lintNeighbour6 = lintNeighbour("ipv6")
)

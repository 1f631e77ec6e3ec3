package rules

import (
	"strings"

	"github.com/tcpdoctor/tcpdoctor/model"
)

// counter is the evidence of a kernel counter's rise over the window; nothing
// where the counter could not be read.
func counter(n *model.Namespace, name string) []Evidence {
	d, ok := n.Delta(name)
	if !ok {
		return nil
	}
	e := Evidence{Name: name[strings.IndexByte(name, '.')+1:], Value: float64(d), Source: counterFile(name)}
	if r, ok := n.Rate(name); ok {
		e.Rate = &r
	}
	return []Evidence{e}
}

// counters is the evidence of several counters, those that did not move left
// out.
func counters(n *model.Namespace, names ...string) []Evidence {
	var out []Evidence
	for _, name := range names {
		if n.Rose(name) > 0 {
			out = append(out, counter(n, name)...)
		}
	}
	return out
}

func counterFile(name string) string {
	group, _, _ := strings.Cut(name, ".")
	switch group {
	case "TcpExt", "IpExt", "MPTcpExt":
		return "/proc/net/netstat"
	case "Ip6", "Icmp6", "Udp6":
		return "/proc/net/snmp6"
	}
	return "/proc/net/snmp"
}

// observed is the evidence of something counted in the socket walk.
func observed(name string, value float64, unit string) Evidence {
	return Evidence{Name: name, Value: value, Unit: unit, Source: "INET_DIAG"}
}

// configured is the evidence of a setting's number.
func configured(n *model.Namespace, key string) []Evidence {
	v, known := n.Settings.Number(key)
	if !known || !n.Settings.Known(key) {
		return nil
	}
	return []Evidence{{Name: key, Value: v, Source: "/proc/sys"}}
}

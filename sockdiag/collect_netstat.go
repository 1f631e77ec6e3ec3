package sockdiag

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// collectNetstat reads the groups TcpExt, IpExt and MPTcpExt.
var collectNetstat = collector{
	source: facts.SourceNetstat, scope: perNamespace, limit: defaultLimit, required: true,
	read: func(t tree, out *reading) error {
		return t.readInto(t.net("netstat"), func(b []byte) error {
			return parsePairs(b, wantedNetstat, out)
		})
	},
}

func wantedNetstat(group string) bool {
	return group == "TcpExt" || group == "IpExt" || group == "MPTcpExt"
}

// parsePairs reads the form of /proc/net/netstat and /proc/net/snmp: a line of
// names, then a line of numbers, both beginning with the name of their group.
// Order and number of columns differ between kernels, so everything goes by
// name. A pair that does not fit together is skipped and reported.
func parsePairs(b []byte, wanted func(group string) bool, out *reading) error {
	var failed error
	for len(b) > 0 {
		var header, values []byte
		header, b = cutLine(b)
		if len(bytes.TrimSpace(header)) == 0 {
			continue
		}
		values, b = cutLine(b)
		if err := parsePair(header, values, wanted, out); err != nil && failed == nil {
			failed = err
		}
	}
	return failed
}

func parsePair(header, values []byte, wanted func(string) bool, out *reading) error {
	group, _, ok := bytes.Cut(header, []byte(":"))
	again, values, okAgain := bytes.Cut(values, []byte(":"))
	if !ok || !okAgain || !bytes.Equal(group, again) {
		return fmt.Errorf("group %.20q is followed by %.20q, want its numbers", group, again)
	}
	if !wanted(string(group)) {
		return nil
	}
	columns := out.names.of(header)
	if got := countFields(values); got != len(columns) {
		return fmt.Errorf("group %.20q: %d names, %d numbers", group, len(columns), got)
	}
	var failed error
	i := 0
	for number := range bytes.FieldsSeq(values) {
		if err := out.put(columns[i], string(number)); err != nil && failed == nil {
			failed = err
		}
		i++
	}
	return failed
}

func countFields(b []byte) (n int) {
	for range bytes.FieldsSeq(b) {
		n++
	}
	return n
}

// put files a number under its name: as a gauge where it is known to fall as
// well, or is negative, and as a counter otherwise.
func (r *reading) put(name, number string) error {
	if isGauge(name) || number[0] == '-' {
		v, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		r.gauges[name] = v
		delete(r.counters, name) // should a name ever come twice
		return nil
	}
	v, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	r.counters[name] = v
	delete(r.gauges, name)
	return nil
}

// isGauge reports whether a number of netstat or snmp is no counter.
func isGauge(name string) bool {
	switch name {
	case "Tcp.RtoAlgorithm", "Tcp.RtoMin", "Tcp.RtoMax", "Tcp.MaxConn", "Tcp.CurrEstab",
		"Ip.Forwarding", "Ip.DefaultTTL", "MPTcpExt.MPCurrEstab":
		return true
	}
	return false
}

// cutLine returns the first line and what follows it.
func cutLine(b []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(b, []byte("\n"))
	return line, rest
}

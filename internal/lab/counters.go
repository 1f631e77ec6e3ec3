package lab

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// Counters are the kernel's SNMP counters of one namespace by name, each with
// its group: Tcp.PassiveOpens, TcpExt.ListenOverflows, IpExt.InOctets. Gauges
// are among them (Tcp.CurrEstab), and one is negative by design (Tcp.MaxConn).
type Counters map[string]int64

// ReadCounters reads the counters of a namespace.
func ReadCounters(ns *netns.Handle) (Counters, error) {
	counters := Counters{}
	err := ns.Do(func() error {
		// /proc/net would be that of the leading thread.
		for _, name := range []string{"netstat", "snmp"} {
			text, err := os.ReadFile("/proc/thread-self/net/" + name)
			if err != nil {
				return err
			}
			if err := counters.parse(string(text)); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("lab: read counters: %w", err)
	}
	return counters, nil
}

// parse reads pairs of lines: the names of a group, then its values.
func (c Counters) parse(text string) error {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		names, values := strings.Fields(lines[i]), strings.Fields(lines[i+1])
		if len(names) == 0 || len(names) != len(values) || names[0] != values[0] {
			return fmt.Errorf("line %d: names and values do not match", i+1)
		}
		group := strings.TrimSuffix(names[0], ":")
		for j, name := range names[1:] {
			value, err := strconv.ParseInt(values[j+1], 10, 64)
			if err != nil {
				return fmt.Errorf("line %d: %s: %w", i+2, name, err)
			}
			c[group+"."+name] = value
		}
	}
	return nil
}

// Since returns how much each counter has grown since before.
func (c Counters) Since(before Counters) Counters {
	grown := make(Counters, len(c))
	for name, value := range c {
		grown[name] = value - before[name]
	}
	return grown
}

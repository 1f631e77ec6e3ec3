package model

import (
	"slices"
	"strings"
)

// CounterDoc explains one kernel counter or gauge.
type CounterDoc struct {
	Name Counter
	// When says on which event the kernel counts.
	When string
	// Tells says what a rise means, "" where that is plain.
	Tells string
	// Trap says what it is easily mistaken for, "" without any.
	Trap string
	// Since is the first kernel that has it, "" where all supported ones do.
	Since string
	// Gauge marks a value that goes up and down.
	Gauge bool
}

// File returns the file that shows the counter, below /proc/net.
func (d CounterDoc) File() string {
	switch group, _, _ := strings.Cut(string(d.Name), "."); group {
	case "TcpExt", "IpExt":
		return "netstat"
	case "sockstat":
		return "sockstat"
	case "softnet":
		return "softnet_stat"
	case "conntrack":
		return "stat/nf_conntrack"
	}
	return "snmp"
}

// CounterDocs returns the documentation of every counter that diagnosis reads
// or its advice speaks of.
func CounterDocs() []CounterDoc {
	return slices.Concat(counterDocsOpen, counterDocsClose, counterDocsFlow, counterDocsHost)
}

// FindCounter returns the documentation of a counter by its name, with or
// without its group, in any case and in the spelling of nstat:
// "TcpExt.ListenDrops", "ListenDrops", "TcpExtListenDrops".
func FindCounter(name string) (CounterDoc, bool) {
	want := plainCounter(name)
	for _, d := range CounterDocs() {
		full := plainCounter(string(d.Name))
		_, short, _ := strings.Cut(string(d.Name), ".")
		if want == full || want == plainCounter(short) {
			return d, true
		}
	}
	return CounterDoc{}, false
}

func plainCounter(s string) string {
	return strings.NewReplacer(".", "", "_", "", "-", "", ":", "", " ", "").Replace(strings.ToLower(s))
}

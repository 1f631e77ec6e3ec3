package sockdiag

import (
	"errors"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// collectNeighbour reads the statistics of the neighbour tables, which are one
// for the host and shown in its first namespace only. Elsewhere there is
// nothing to read; the kernel log still tells of an overflow.
var collectNeighbour = collector{
	source: facts.SourceNeighbours, scope: perHost, limit: defaultLimit,
	read: func(t tree, out *reading) error {
		var failed error
		for file, prefix := range map[string]string{"arp_cache": "neighbour.arp.", "ndisc_cache": "neighbour.ndisc."} {
			all := newReading()
			err := t.readInto(t.net("stat/"+file), func(b []byte) error {
				return parsePerCPU(b, prefix, "entries", all)
			})
			out.putNeighbours(prefix, all)
			failed = errors.Join(failed, unlessAbsent(err))
		}
		return failed
	},
}

// putNeighbours keeps what tells of a table that is full or a neighbour that
// does not answer.
func (r *reading) putNeighbours(prefix string, all *reading) {
	for _, name := range [...]string{"table_fulls", "unresolved_discards", "res_failed", "forced_gc_runs"} {
		if v, ok := all.counters[prefix+name]; ok {
			r.counters[prefix+name] = v
		}
	}
	if v, ok := all.gauges[prefix+"entries"]; ok {
		r.gauges[prefix+"entries"] = v
	}
}

package sockdiag

import (
	"github.com/prometheus/procfs"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// collectSoftnet reads the receive path in front of TCP, one row for each CPU
// that is online. The numbers are the same in every namespace.
var collectSoftnet = collector{
	source: facts.SourceSoftnet, scope: perHost, limit: defaultLimit,
	read: func(t tree, out *reading) error {
		root, err := procfs.NewFS(t.thread())
		if err != nil {
			return err
		}
		rows, err := root.NetSoftnetStat()
		out.putSoftnet(rows)
		return err
	},
}

// putSoftnet files the sums over all CPUs and the longest backlog among them. A
// CPU going offline takes its row along, so that a sum may fall; facts.Delta
// then answers unknown.
func (r *reading) putSoftnet(rows []procfs.SoftnetStat) {
	if len(rows) == 0 {
		return
	}
	var processed, dropped, squeezed, flowLimit uint64
	var longest uint32
	for _, row := range rows {
		processed += uint64(row.Processed)
		dropped += uint64(row.Dropped)
		squeezed += uint64(row.TimeSqueezed)
		flowLimit += uint64(row.FlowLimitCount)
		longest = max(longest, row.SoftnetBacklogLen)
	}
	r.counters["softnet.processed"] = processed
	r.counters["softnet.dropped"] = dropped
	r.counters["softnet.time_squeezed"] = squeezed
	r.counters["softnet.flow_limit"] = flowLimit
	r.gauges["softnet.cpus"] = int64(len(rows))
	if rows[0].Width >= 12 {
		r.gauges["softnet.backlog_longest"] = int64(longest)
	}
}

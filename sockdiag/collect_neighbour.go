package sockdiag

import (
	"errors"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// sourceNeighbours is the host's tables of link-layer neighbours.
const sourceNeighbours facts.Source = "neighbours"

// collectNeighbour reads the statistics of the neighbour tables, which are one
// for the host and shown in its first namespace only. Elsewhere there is
// nothing to read; the kernel log still tells of an overflow.
var collectNeighbour = collector{
	source: sourceNeighbours, scope: perHost, limit: defaultLimit,
	read: func(t tree, out *reading) error {
		var failed error
		for file, prefix := range map[string]string{"arp_cache": "neighbour.arp.", "ndisc_cache": "neighbour.ndisc."} {
			err := readInto(t.net("stat/"+file), func(b []byte) error {
				return parsePerCPU(b, prefix, "entries", out)
			})
			failed = errors.Join(failed, unlessAbsent(err))
		}
		return failed
	},
}

package sockdiag

import (
	"context"
	"os"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// Holders finds the processes that have the sockets of the given inodes open,
// by process ID, each with those it holds. Only the descriptors of all
// processes tell, so it costs a walk over /proc/*/fd whatever the number of
// inodes. The gaps say whose descriptors could not be looked at.
func Holders(ctx context.Context, inodes []uint32) ([]facts.Process, []facts.Gap, error) {
	host := hostTree("")
	found, err := attribute(ctx, host, inodes)
	if err != nil {
		return nil, nil, err
	}
	return found.processes, found.gaps(os.Geteuid() == 0, inOwnPIDNamespace(host)), nil
}

package main

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/sockdiag"
)

// bareDescriptors reads the links of all descriptors of all processes, one
// after the other, and does nothing with them.
func bareDescriptors(context.Context, *stopwatch) (n int, err error) {
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	link := make([]byte, 64)
	for _, p := range processes {
		dir, err := os.Open("/proc/" + p.Name() + "/fd")
		if err != nil {
			continue // no process, or gone
		}
		names, err := dir.Readdirnames(-1)
		if err != nil {
			_ = dir.Close()
			continue
		}
		for _, name := range names {
			if _, err := unix.Readlinkat(int(dir.Fd()), name, link); err == nil {
				n++
			}
		}
		if err := dir.Close(); err != nil {
			return n, err
		}
	}
	return n, nil
}

// holdersOf finds the owners of all sockets in CLOSE_WAIT.
func holdersOf(ctx context.Context, w *stopwatch) (n int, err error) {
	c, err := sockdiag.Dial()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	var inodes []uint32
	for s, err := range c.Sockets(ctx, sockdiag.Request{States: facts.StateSet(facts.CloseWait)}) {
		if err != nil {
			return 0, err
		}
		inodes = append(inodes, s.Inode)
	}
	if err := w.restart(); err != nil {
		return 0, err
	}
	processes, gaps, err := sockdiag.Holders(ctx, inodes)
	if err != nil {
		return 0, err
	}
	for _, p := range processes {
		n += len(p.HoldsInodes)
	}
	if n < len(inodes) {
		return n, fmt.Errorf("found the owners of %d of %d sockets: %v", n, len(inodes), gaps)
	}
	return n, nil
}

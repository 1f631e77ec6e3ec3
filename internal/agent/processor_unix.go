//go:build unix

package agent

import (
	"syscall"
	"time"
)

// processorTime is the processor time this process has used, in user and system
// mode.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

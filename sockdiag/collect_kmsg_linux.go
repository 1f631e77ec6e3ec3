package sockdiag

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// readKernelLog returns the kernel's log lines of the last hour that tell
// something about TCP. It never waits: it reads what the log holds, within its
// own limit.
func readKernelLog(ctx context.Context, t tree) ([]facts.LogLine, error) {
	path := filepath.Join(t.dev, "kmsg")
	// os.Open would hand the descriptor to the poller and wait at the end.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return nil, fmt.Errorf("%s: %w; run as root to read the kernel log", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer unix.Close(fd)
	tail := logTail{now: sinceBoot()}
	stop := time.Now().Add(logLimit)
	b := make([]byte, 8192) // more than CONSOLE_EXT_LOG_MAX, the longest record
	for n := range logRecordsMax {
		if n%256 == 0 && (ctx.Err() != nil || time.Now().After(stop)) {
			return tail.lines, fmt.Errorf("%s: only the oldest %d records were read in %v", path, n, logLimit)
		}
		size, err := unix.Read(fd, b)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return tail.lines, nil
		case errors.Is(err, unix.EPIPE) || errors.Is(err, unix.EINTR):
			// EPIPE: overwritten while reading; the next read goes on behind.
			continue
		case errors.Is(err, unix.EINVAL):
			tail.bad++ // longer than our buffer, and passed over
			continue
		case err != nil:
			return tail.lines, fmt.Errorf("%s: %w", path, err)
		case size == 0:
			return tail.lines, nil
		}
		tail.add(b[:size])
	}
	return tail.lines, fmt.Errorf("%s: more than %d records", path, logRecordsMax)
}

// sinceBoot is the clock of the kernel log, which stands still in suspend.
func sinceBoot() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

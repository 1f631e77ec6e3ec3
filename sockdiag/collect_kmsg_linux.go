package sockdiag

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// kernelLog is the kernel's log, read from where the last reading ended.
type kernelLog struct {
	path string
	fd   int
	tail logTail
	buf  []byte
}

func openKernelLog(t tree) (*kernelLog, error) {
	path := filepath.Join(t.dev, "kmsg")
	// os.Open would hand the descriptor to the poller and wait at the end.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return nil, fmt.Errorf("%s: %w; run as root to read the kernel log", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &kernelLog{path: path, fd: fd, buf: make([]byte, 8192)}, nil // CONSOLE_EXT_LOG_MAX
}

func (l *kernelLog) close() error { return os.NewSyscallError("close", unix.Close(l.fd)) }

// read returns the kernel's log lines of the last hour that tell something about
// TCP. It never waits: it reads what the log holds, within its own limit.
func (l *kernelLog) read(ctx context.Context) ([]facts.LogLine, error) {
	l.tail.now = sinceBoot()
	err := l.follow(ctx, time.Now().Add(logLimit))
	return l.tail.lines(), err
}

func (l *kernelLog) follow(ctx context.Context, stop time.Time) error {
	for n := range logRecordsMax {
		if n%256 == 0 && (ctx.Err() != nil || time.Now().After(stop)) {
			return fmt.Errorf("%s: only the oldest %d records were read in %v", l.path, n, logLimit)
		}
		size, err := unix.Read(l.fd, l.buf)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.EPIPE) || errors.Is(err, unix.EINTR):
			// EPIPE: overwritten while reading; the next read goes on behind.
			continue
		case errors.Is(err, unix.EINVAL):
			l.tail.bad++ // longer than our buffer, and passed over
			continue
		case err != nil:
			return fmt.Errorf("%s: %w", l.path, err)
		case size == 0:
			return nil
		}
		l.tail.add(l.buf[:size])
	}
	return fmt.Errorf("%s: more than %d records", l.path, logRecordsMax)
}

// readKernelLog reads the log once, from its beginning.
func readKernelLog(ctx context.Context, t tree) ([]facts.LogLine, error) {
	l, err := openKernelLog(t)
	if err != nil {
		return nil, err
	}
	lines, err := l.read(ctx)
	return lines, errors.Join(err, l.close())
}

// sinceBoot is the clock of the kernel log, which stands still in suspend.
func sinceBoot() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

package agent

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/internal/steady"
)

// systemClock is the time of day, and the time since boot, which nobody sets.
func systemClock() steady.Moment {
	m := steady.Moment{Wall: time.Now()}
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err == nil {
		m.Mono = time.Duration(t.Nano())
	}
	return m
}

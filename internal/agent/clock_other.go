//go:build !linux

package agent

import (
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/steady"
)

// systemClock is the time of day twice: recordings are all that can be watched
// here.
func systemClock() steady.Moment {
	now := time.Now()
	return steady.Moment{Wall: now, Mono: time.Duration(now.UnixNano())}
}

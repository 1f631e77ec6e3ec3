package model

import (
	"testing"
	"time"
)

// Measured on Linux 6.18 with tcp_rto_max_ms at its least.
func TestOrphanProbeLifeWithAShortLongestTimeout(t *testing.T) {
	t.Parallel()
	s := DefaultSettings(modern, 1<<30)
	s.RTOMax = sec
	for _, tt := range []struct {
		retries   int
		rto, want time.Duration
	}{
		{0, 200 * ms, 2400 * ms},
		{1, 200 * ms, 2400 * ms},
		{3, 200 * ms, 2400 * ms},
		{4, 200 * ms, 3400 * ms},
		{3, 510 * ms, 3510 * ms},
		{0, 510 * ms, 1510 * ms},
	} {
		s.OrphanRetries = tt.retries
		if got := OrphanProbeLife(s, tt.rto); got != tt.want {
			t.Errorf("%d retries, rto %v: got %v, want %v", tt.retries, tt.rto, got, tt.want)
		}
	}
}

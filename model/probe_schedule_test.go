package model

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The times were measured on Linux 6.18 with tcp_orphan_retries of 1 to 3.
func TestProbeSchedule(t *testing.T) {
	t.Parallel()
	s := DefaultSettings(modern, 1<<30)
	for _, tt := range []struct {
		retries int
		rto     time.Duration
		want    Schedule
	}{
		{0, 0, Schedule{nil, 200 * ms}},
		{1, 0, Schedule{[]time.Duration{200 * ms}, 600 * ms}},
		{2, 0, Schedule{[]time.Duration{200 * ms, 600 * ms}, 1400 * ms}},
		{3, 0, Schedule{[]time.Duration{200 * ms, 600 * ms, 1400 * ms}, 3 * sec}},
		{1, 80 * sec, Schedule{[]time.Duration{80 * sec}, 200 * sec}},
	} {
		if diff := cmp.Diff(tt.want, ProbeSchedule(tt.retries, tt.rto, s)); diff != "" {
			t.Errorf("%d retries, rto %v (-want +got):\n%s", tt.retries, tt.rto, diff)
		}
	}
	if got := ProbeSchedule(8, 0, s).Death; got != 102200*ms {
		t.Errorf("eight probes: got %v, want 102.2 s", got)
	}
}

package model

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The times and numbers were measured on Linux 6.18 with a peer that keeps silent.
func TestRetrySchedule(t *testing.T) {
	t.Parallel()
	s := DefaultSettings(modern, 1<<30)
	for _, tt := range []struct {
		name    string
		repeats int
		rto     time.Duration
		want    Schedule
	}{
		{"one, near", 1, 0, Schedule{[]time.Duration{0, 200 * ms, 600 * ms}, 1400 * ms}},
		{"two, near", 2, 0, Schedule{[]time.Duration{0, 200 * ms, 600 * ms, 1400 * ms}, 3 * sec}},
		{"two, farther away", 2, 260 * ms, Schedule{[]time.Duration{0, 260 * ms, 780 * ms}, 1820 * ms}},
		{"none", 0, 0, Schedule{[]time.Duration{0, 200 * ms}, 600 * ms}},
	} {
		if diff := cmp.Diff(tt.want, RetrySchedule(tt.repeats, tt.rto, s)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestPolicyRepeats(t *testing.T) {
	t.Parallel()
	s := DefaultSettings(modern, 1<<30)
	for retries, want := range map[int]int{0: 8, 1: 2, 2: 3, 3: 4, 8: 8} {
		s.OrphanRetries = retries
		if got := NewPolicy(s, modern).OrphanRepeats; got != want {
			t.Errorf("tcp_orphan_retries %d: got %d repeats, want %d", retries, got, want)
		}
	}
	if got := NewPolicy(s, modern).DataRepeats; got != 15 {
		t.Errorf("tcp_retries2 15: got %d repeats, want 15", got)
	}
	// Linear timeouts are for SYN_SENT only.
	if got := NewPolicy(s, modern); got.CrossedRepeats != 6 || got.SynRepeats != 10 {
		t.Errorf("tcp_syn_retries 6: got %d SYN-ACKs and %d SYNs again, want 6 and 10", got.CrossedRepeats, got.SynRepeats)
	}
}

func TestPolicyCountsShortFinWait2(t *testing.T) {
	t.Parallel()
	s := DefaultSettings(modern, 1<<30)
	for seconds, want := range map[time.Duration]bool{1: true, 4: true, 5: false, 60: false, 61: true, 64: true, 65: false} {
		s.FinTimeout = seconds * sec
		if got := NewPolicy(s, modern).ShortFinTimeout; got != want {
			t.Errorf("tcp_fin_timeout %d: got %v, want %v", seconds, got, want)
		}
	}
}

package sockdiag

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestSweep lets some things hang: the others are done all the same, and what comes
// too late changes nothing.
func TestSweep(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		takes    []time.Duration
		deadline time.Duration
		done     []int
		failed   []int
		took     time.Duration
	}{
		{"nothing", nil, time.Hour, nil, nil, 0},
		{"all in time", []time.Duration{300, 300, 300, 300, 300}, time.Hour, []int{0, 1, 2, 3, 4}, nil, 1500},
		{"the first hangs", []time.Duration{5000, 10, 10}, time.Hour, []int{1, 2}, []int{0}, 1020},
		{"one hangs", []time.Duration{700, 5000, 10}, time.Hour, []int{0, 2}, []int{1}, 1710},
		{"the last hangs", []time.Duration{10, 10, 5000}, time.Hour, []int{0, 1}, []int{2}, 1020},
		{"all hang", []time.Duration{5000, 5000, 5000}, time.Hour, nil, []int{0, 1, 2}, 3000},
		{"out of time", []time.Duration{300, 300, 300, 300}, 700, []int{0, 1}, []int{2, 3}, 700},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tt.deadline*time.Millisecond)
				defer cancel()
				var done, failed []int
				began := time.Now()
				sweepOver(ctx, len(tt.takes), time.Second, func(_ context.Context, i int) func() {
					sleepUntil(t.Context(), time.Now().Add(tt.takes[i]*time.Millisecond))
					return func() { done = append(done, i) }
				}, func(i int, err error) {
					if !errors.Is(err, errTimeout) && !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("%d: got %v", i, err)
					}
					failed = append(failed, i)
				})
				if took := time.Since(began); took != tt.took*time.Millisecond {
					t.Errorf("took %v, want %v ms", took, int64(tt.took))
				}
				sleepUntil(t.Context(), time.Now().Add(time.Minute)) // whatever hung is back
				if !slices.Equal(done, tt.done) || !slices.Equal(failed, tt.failed) {
					t.Errorf("got %v done and %v failed, want %v and %v", done, failed, tt.done, tt.failed)
				}
			})
		})
	}
}

package model

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const sec = time.Second

// inSeconds prints a schedule as the tables of the documentation do.
func inSeconds(s Schedule) (sends []int, death int) {
	for _, d := range s.Sends {
		sends = append(sends, int(d/sec))
	}
	return sends, int(s.Death / sec)
}

func TestSynAckSchedule(t *testing.T) {
	t.Parallel()
	for retries, want := range map[int]struct {
		sends []int
		death int
	}{
		-1: {[]int{0}, 1}, 0: {[]int{0}, 1}, 1: {[]int{0, 1}, 3}, 2: {[]int{0, 1, 3}, 7}, 3: {[]int{0, 1, 3, 7}, 15},
		5: {[]int{0, 1, 3, 7, 15, 31}, 63}, 7: {[]int{0, 1, 3, 7, 15, 31, 63, 127}, 247}, // the timeout stays at 120 s
	} {
		sends, death := inSeconds(SynAckSchedule(retries, 120*sec))
		if diff := cmp.Diff(want.sends, sends); diff != "" || death != want.death {
			t.Errorf("%d retries: got death at %d s, want %d; sends (-want +got):\n%s", retries, death, want.death, diff)
		}
	}
}

func TestSynSchedule(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		retries, linear int
		sends           []int
		death           int
	}{
		{1, 0, []int{0, 1}, 3}, {2, 0, []int{0, 1, 3}, 7}, {3, 0, []int{0, 1, 3, 7}, 15},
		{4, 0, []int{0, 1, 3, 7, 15}, 31}, {5, 0, []int{0, 1, 3, 7, 15, 31}, 63}, {6, 0, []int{0, 1, 3, 7, 15, 31, 63}, 127},
		{1, 4, []int{0, 1, 2}, 3}, {2, 4, []int{0, 1, 2, 3, 4, 5}, 7}, {3, 4, []int{0, 1, 2, 3, 4, 5, 7, 11}, 19},
		{4, 4, []int{0, 1, 2, 3, 4, 5, 7, 11, 19}, 35}, {5, 4, []int{0, 1, 2, 3, 4, 5, 7, 11, 19, 35}, 67},
		{6, 4, []int{0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67}, 131},
		{8, 0, []int{0, 1, 3, 7, 15, 31, 63, 127, 247}, 367},
	} {
		sends, death := inSeconds(SynSchedule(tt.retries, tt.linear, 120*sec))
		if diff := cmp.Diff(tt.sends, sends); diff != "" || death != tt.death {
			t.Errorf("%d retries, %d linear: got death at %d s, want %d; sends (-want +got):\n%s", tt.retries, tt.linear, death, tt.death, diff)
		}
	}
}

func TestSchedulesAreMonotone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 20).Draw(t, "retries")
		linear := rapid.IntRange(0, 10).Draw(t, "linear")
		most := time.Duration(rapid.IntRange(1, 120).Draw(t, "rto max")) * sec
		for name, pair := range map[string][2]Schedule{
			"SYN-ACK": {SynAckSchedule(n, most), SynAckSchedule(n+1, most)},
			"SYN":     {SynSchedule(n, linear, most), SynSchedule(n+1, linear, most)},
			"defer":   {DeferSchedule(n, linear, most), DeferSchedule(n+1, linear, most)},
		} {
			s, longer := pair[0], pair[1]
			for i := 1; i < len(s.Sends); i++ {
				if s.Sends[i] <= s.Sends[i-1] {
					t.Fatalf("%s %d: sends go back: %v", name, n, s.Sends)
				}
			}
			if s.Sends[0] != 0 || s.Death <= s.Sends[len(s.Sends)-1] {
				t.Fatalf("%s %d: dies at %v, sends %v", name, n, s.Death, s.Sends)
			}
			if longer.Death < s.Death {
				t.Fatalf("%s: one more retry dies sooner: %v, %v", name, s, longer)
			}
		}
	})
}

func TestPrunedRetries(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name                            string
		retries, halfOpen, young, limit int
		want                            int
	}{
		{"half of the backlog is left alone", 5, 64, 0, 128, 5},
		{"one more, none young", 5, 65, 0, 128, 2},
		{"small backlogs count as 8", 5, 4, 0, 1, 5},
		{"small backlogs, one more", 5, 5, 0, 1, 2},
		{"measured: 12 of 16, none young", 5, 12, 0, 16, 2},
		{"all young", 5, 100, 100, 128, 5},
		{"just below twice the young", 5, 99, 50, 128, 5},
		{"twice the young", 5, 100, 50, 128, 4},
		{"four times the young", 5, 100, 25, 128, 3},
		{"just below four times", 5, 99, 25, 128, 4},
		{"eight times the young", 5, 104, 13, 128, 2},
		{"never below two", 6, 100, 1, 128, 2},
		{"never raised to two", 1, 100, 0, 128, 1},
		{"two stay two", 2, 100, 0, 128, 2},
	} {
		if got := PrunedRetries(tt.retries, tt.halfOpen, tt.young, tt.limit); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
	for limit, want := range map[int]int{0: 4, 8: 4, 9: 4, 10: 5, 128: 64} {
		if got := PruneThreshold(limit); got != want {
			t.Errorf("threshold of %d: got %d, want %d", limit, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n, limit := rapid.IntRange(0, 10).Draw(t, "n"), rapid.IntRange(0, 300).Draw(t, "limit")
		q := rapid.IntRange(0, 301).Draw(t, "q")
		young := rapid.IntRange(0, q).Draw(t, "young")
		got := PrunedRetries(n, q, young, limit)
		if got > n || got < min(n, PruneFloor) || q <= PruneThreshold(limit) && got != n {
			t.Fatalf("%d of %d, %d young, %d retries: got %d", q, limit, young, n, got)
		}
	})
}

func TestDeferAccept(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[int][2]int{-1: {0, 0}, 0: {0, 0}, 1: {1, 1}, 2: {2, 3}, 3: {2, 3}, 4: {3, 7}, 5: {3, 7}, 7: {3, 7}, 8: {4, 15}, 130: {8, 247}} {
		rounds := DeferRounds(seconds, 120*sec)
		if rounds != want[0] || DeferSeconds(rounds, 120*sec) != want[1] {
			t.Errorf("%d s: got %d rounds, reads back %d, want %v", seconds, rounds, DeferSeconds(rounds, 120*sec), want)
		}
	}
	if got := DeferRounds(1<<30, sec); got != 255 {
		t.Errorf("got %d rounds, want the most there are, 255", got)
	}
	// Three rounds: silent until 7 s, then one SYN-ACK; it dies when the
	// SYN-ACK retries are used up too.
	for retries, want := range map[int]struct {
		sends []int
		death int
	}{
		2: {[]int{0, 7}, 15}, 3: {[]int{0, 7}, 15}, 5: {[]int{0, 7, 15, 31}, 63},
	} {
		sends, death := inSeconds(DeferSchedule(retries, 3, 120*sec))
		// The SYN-ACK of the third round goes out at the third firing.
		if diff := cmp.Diff(want.sends, sends); diff != "" || death != want.death {
			t.Errorf("%d retries: got death at %d s, want %d; sends (-want +got):\n%s", retries, death, want.death, diff)
		}
	}
	for _, tt := range []struct {
		timer            HalfOpenTimer
		expires, resends bool
	}{
		{HalfOpenTimer{Timeouts: 0, Retries: 1}, false, true},
		{HalfOpenTimer{Timeouts: 1, Retries: 1}, true, false},
		{HalfOpenTimer{Timeouts: 0, Retries: 5, Acked: true, DeferRounds: 3}, false, false},
		{HalfOpenTimer{Timeouts: 1, Retries: 5, Acked: true, DeferRounds: 3}, false, false},
		{HalfOpenTimer{Timeouts: 2, Retries: 5, Acked: true, DeferRounds: 3}, false, true},
		{HalfOpenTimer{Timeouts: 2, Retries: 2, Acked: true, DeferRounds: 3}, false, true},
		{HalfOpenTimer{Timeouts: 3, Retries: 2, Acked: true, DeferRounds: 3}, true, false},
		{HalfOpenTimer{Timeouts: 2, Retries: 2, DeferRounds: 3}, true, false},
		{HalfOpenTimer{Timeouts: 0, Retries: 5, DeferRounds: 3}, false, true},
		{HalfOpenTimer{Timeouts: 0, Retries: 5, Acked: true}, false, true},
		{HalfOpenTimer{Timeouts: 0, Acked: true, DeferRounds: 1}, false, true},
	} {
		if expires, resends := tt.timer.Fire(); expires != tt.expires || resends != tt.resends {
			t.Errorf("%+v: got %v, %v, want %v, %v", tt.timer, expires, resends, tt.expires, tt.resends)
		}
	}
}

func TestSlackCoversWhatWasMeasured(t *testing.T) {
	t.Parallel()
	for nominal, seen := range map[float64]float64{4: 4.6, 32: 33.6, 102.2: 107, 63: 69.3, 3: 3.4} {
		d := time.Duration(nominal * float64(sec))
		if late := Slack(d); late.Seconds() < seen || late.Seconds() > 1.16*nominal+0.31 {
			t.Errorf("%v: got slack until %v, want at least %v s", d, late, seen)
		}
	}
	if got := Slack(100 * sec); got != 115*sec+300*time.Millisecond {
		t.Errorf("got %v, want 115.3 s", got)
	}
}

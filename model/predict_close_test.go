package model

import (
	"strings"
	"testing"
	"time"
)

func TestPredictClosing(t *testing.T) {
	t.Parallel()
	s := DefaultSettings(modern, 24<<30)
	busy := TimeWaitLoad{Count: 5000, MaxBuckets: 5000, ClosesPerSecond: 500, OverflowPerSecond: 416}
	calm := TimeWaitLoad{Count: 5000, MaxBuckets: 131072, ClosesPerSecond: 83}
	waiting := TimeWaitLoad{Count: 5000, FinWait2: 4000, MaxBuckets: 131072, ClosesPerSecond: 83}
	fw2 := FinWait2Load{Orphans: 6000, OrphansPerSecond: 100}
	noRate := FinWait2Load{Orphans: 6000}
	owned := FinWait2Load{Orphans: 10, Owned: 600}
	silent := LingerLoad{Silent: 1000, RTOSeconds: 0.2}
	tw := func(l TimeWaitLoad, c TimeWaitChange) Effect { return PredictTimeWait(l, c, s) }
	fin := func(l FinWait2Load, after time.Duration) Effect { return PredictFinTimeout(l, time.Minute, after) }
	keep := func(l KeepaliveLoad, seconds int) Effect {
		after := s
		after.KeepaliveTime = time.Duration(seconds) * time.Second
		return PredictKeepalive(l, s, after)
	}
	probe := func(interval time.Duration, probes int) Effect {
		after := s
		after.KeepaliveInterval, after.KeepaliveProbes = interval, probes
		return PredictKeepalive(KeepaliveLoad{Idle: 100, Enabled: 50}, s, after)
	}
	syn := func(count, retries int) Effect {
		return PredictSynRetries(DialLoad{Count: count}, s, retries)
	}
	shut := LingerLoad{ZeroWindow: 500}
	tests := []struct {
		name   string
		got    Effect
		want   Verdict
		reason string
	}{
		{"buckets lowered", tw(calm, TimeWaitChange{MaxBuckets: some(4000)}), Harmful, "skip TIME_WAIT"},
		{"buckets raised under overflow", tw(busy, TimeWaitChange{MaxBuckets: some(262144)}), Helps, "every connection"},
		{"buckets raised too little", tw(busy, TimeWaitChange{MaxBuckets: some(10000)}), Helps, "30000 objects"},
		{"buckets raised without overflow", tw(calm, TimeWaitChange{MaxBuckets: some(262144)}), NoEffect, "not reached"},
		{"buckets as they are", tw(calm, TimeWaitChange{MaxBuckets: some(131072)}), NoEffect, "already"},
		{"fin_timeout against TIME_WAIT", tw(calm, TimeWaitChange{FinTimeout: some(15 * time.Second)}), NoEffect, "60 s"},
		{"fin_timeout where objects are in FIN_WAIT2", tw(waiting, TimeWaitChange{FinTimeout: some(15 * time.Second)}), Helps, "FIN_WAIT2"},
		{"fin_timeout raised to 120 where objects are in FIN_WAIT2", tw(waiting, TimeWaitChange{FinTimeout: some(120 * time.Second)}), Harmful, "longer"},
		{"fin_timeout as it is", tw(waiting, TimeWaitChange{FinTimeout: some(time.Minute)}), NoEffect, ""},
		{"tw_reuse for accepted connections", tw(busy, TimeWaitChange{TWReuse: some(1)}), NoEffect, "accepted connections gain nothing"},
		{"nothing", tw(busy, TimeWaitChange{}), NoEffect, "60 s"},

		{"FIN_WAIT2 60 to 15", fin(fw2, 15*time.Second), Helps, "sooner"},
		{"FIN_WAIT2 60 to 62 lives 4 s", fin(fw2, 62*time.Second), Helps, "twice the excess"},
		{"FIN_WAIT2 60 to 100", fin(fw2, 100*time.Second), Harmful, "longer"},
		{"FIN_WAIT2 60 to 90", fin(fw2, 90*time.Second), NoEffect, "as long"},
		{"FIN_WAIT2 owned", fin(owned, 15*time.Second), NoEffect, "belong to a process"},
		{"FIN_WAIT2 none", fin(FinWait2Load{}, 15*time.Second), NoEffect, "nothing is"},
		{"FIN_WAIT2 without a rate", fin(noRate, 15*time.Second), Helps, "sooner"},

		{"orphan_retries 0 to 8", PredictOrphanRetries(silent, s, 8), NoEffect, "means 8"},
		{"orphan_retries to 3", PredictOrphanRetries(silent, s, 3), Helps, "sooner"},
		{"orphan_retries to 12", PredictOrphanRetries(silent, s, 12), Harmful, "longer"},
		{"orphan_retries to 1", PredictOrphanRetries(silent, s, 1), Harmful, "one repeat"},
		{"orphan_retries against closed windows", PredictOrphanRetries(shut, s, 3), NoEffect, "closed window"},
		{"orphan_retries against owned sockets", PredictOrphanRetries(LingerLoad{Owned: 5}, s, 3), NoEffect, "tcp_retries2"},
		{"orphan_retries without orphans", PredictOrphanRetries(LingerLoad{}, s, 3), NoEffect, "no closed"},

		{"syn_retries 6 to 3", syn(100, 3), Helps, "sooner"},
		{"syn_retries 6 to 1", syn(100, 1), Harmful, "two lost"},
		{"syn_retries 6 to 8", syn(100, 8), Harmful, "longer"},
		{"syn_retries 6 to 6", syn(100, 6), NoEffect, "as late"},
		{"syn_retries without connects", syn(0, 3), NoEffect, "no connect"},

		{"keepalive probes closer together", probe(30*time.Second, s.KeepaliveProbes), Helps, "sooner"},
		{"fewer keepalive probes", probe(s.KeepaliveInterval, 3), Helps, "sooner"},
		{"keepalive without SO_KEEPALIVE", keep(KeepaliveLoad{Idle: 100}, 600), NoEffect, "SO_KEEPALIVE"},
		{"keepalive shortened", keep(KeepaliveLoad{Idle: 100, Enabled: 50}, 600), NeedsRestart, "new 1275 s"},
		{"keepalive lengthened", keep(KeepaliveLoad{Idle: 100, Enabled: 50}, 9000), Harmful, "later"},
		{"keepalive as it is", keep(KeepaliveLoad{Idle: 100, Enabled: 50}, 7200), NoEffect, "as late"},

		{"retries2 15 to 8", PredictRetries2(10, s, 8), Helps, "sooner"},
		{"retries2 15 to 7", PredictRetries2(10, s, 7), Harmful, "RFC 1122"},
		{"retries2 15 to 16", PredictRetries2(10, s, 16), Harmful, "later"},
		{"retries2 15 to 15", PredictRetries2(10, s, 15), NoEffect, "as long"},
		{"retries2 without such connections", PredictRetries2(0, s, 8), NoEffect, "no connection"},

		{"limit reached and raised", PredictLimit(LimitLoad{Used: 100, Limit: 100, RefusedPerSecond: 5}, 200), Helps, "room"},
		{"limit raised in an endless growth", PredictLimit(LimitLoad{Used: 100, Limit: 100, RefusedPerSecond: 5, GrowthPerSecond: 10}, 200), Helps, "for a time"},
		{"limit near and raised", PredictLimit(LimitLoad{Used: 80, Limit: 100}, 200), Helps, "room"},
		{"limit far and raised", PredictLimit(LimitLoad{Used: 79, Limit: 100}, 200), NoEffect, "not reached"},
		{"limit far and lowered", PredictLimit(LimitLoad{Used: 10, Limit: 100}, 50), NoEffect, "far"},
		{"limit lowered onto the load", PredictLimit(LimitLoad{Used: 30, Limit: 100}, 50), Harmful, "smaller"},
		{"critical limit lowered", PredictLimit(LimitLoad{Used: 0, Limit: 100, Critical: true}, 99), Harmful, "smaller"},
		{"limit as it is", PredictLimit(LimitLoad{Used: 100, Limit: 100}, 100), NoEffect, "already"},
		{"no limit yet", PredictLimit(LimitLoad{Used: 100}, 100), Helps, "room"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.got.Verdict != tt.want || !strings.Contains(tt.got.Reason, tt.reason) {
				t.Errorf("got %s (%s; %s), want %s because of %q", tt.got.Verdict, tt.got.Reason, tt.got.Predicted, tt.want, tt.reason)
			}
		})
	}
	for _, tt := range []struct {
		name          string
		effect        Effect
		figure        string
		before, after float64
	}{
		{"buckets raised too little", tw(busy, TimeWaitChange{MaxBuckets: some(10000)}), FigureTimeWait, 5000, 10000},
		{"buckets raised enough", tw(busy, TimeWaitChange{MaxBuckets: some(262144)}), FigureTimeWait, 5000, 30000},
		{"buckets lowered", tw(calm, TimeWaitChange{MaxBuckets: some(600)}), FigureDrops, 0, 73},
		{"fin_timeout on objects", tw(waiting, TimeWaitChange{FinTimeout: some(15 * time.Second)}), FigureTimeWait, 5000, 2000},
		{"FIN_WAIT2 62", fin(fw2, 62*time.Second), FigureLifetime, 60, 4},
		{"FIN_WAIT2 62", fin(fw2, 62*time.Second), FigureFinWait2, 6000, 400},
		{"FIN_WAIT2 15 without a rate", fin(noRate, 15*time.Second), FigureFinWait2, 6000, 1500},
		{"syn_retries 3", syn(131, 3), FigureLifetime, 131, 19},
		{"syn_retries 3", syn(131, 3), FigurePopulation, 131, 19},
		{"orphans", PredictOrphanRetries(silent, s, 2), FigurePopulation, 1000, 29.35421},
		{"dial rate", PredictSynRetries(DialLoad{Count: 5, AttemptsPerSecond: 2}, s, 3), FigurePopulation, 5, 38},
		{"limit", PredictLimit(LimitLoad{Used: 100, Limit: 100, RefusedPerSecond: 5, GrowthPerSecond: 10}, 200), FigurePostponed, 0, 10},
		{"limit", PredictLimit(LimitLoad{Used: 100, Limit: 100, RefusedPerSecond: 5}, 200), FigureDrops, 5, 0},
		{"limit", PredictLimit(LimitLoad{Used: 100, Limit: 100, RefusedPerSecond: 5}, 200), FigureUsed, 100, 50},
		{"limit lowered", PredictLimit(LimitLoad{Used: 100, Limit: 100, RefusedPerSecond: 5}, 50), FigureDrops, 5, 5},
		{"no limit", PredictLimit(LimitLoad{Used: 100}, 100), FigureUsed, 100, 100},
	} {
		if f := figure(t, tt.effect, tt.figure); !close(f.Before, tt.before) || !close(f.After, tt.after) {
			t.Errorf("%s: got %s %v → %v, want %v → %v", tt.name, tt.figure, f.Before, f.After, tt.before, tt.after)
		}
	}
}

// close reports whether two figures agree to a thousandth.
func close(a, b float64) bool { return a-b < 0.001*(1+b) && b-a < 0.001*(1+b) }

func TestDescribe(t *testing.T) {
	t.Parallel()
	got := describe([]Figure{
		{FigureDrops, 37, 0, "/s"}, {FigureQueuePeak, 0, 340, ""}, {FigurePorts, 28232, 28232, ""},
		{FigurePostponed, 0, 12.34, "s"}, {FigureUsed, 99.2, 3.04, "%"},
	})
	want := "drops 37/s → 0/s; queue would peak at 340; usable ports unchanged at 28232; postponed by 12 s; used 99 % → 3.0 %"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

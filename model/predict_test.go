package model

import (
	"strings"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// overflowing is a listener whose queue overflows in bursts.
func overflowing(limit, somaxconn int) AcceptLoad {
	return AcceptLoad{
		Limit: limit, Somaxconn: somaxconn, HighWater: limit + 1, ArrivalsPerSecond: 249, AcceptsPerSecond: 249,
		DropsPerSecond: 37, FullShare: 0.3, WindowSeconds: 5,
	}
}

func some[T any](v T) facts.Opt[T] { return facts.Some(v) }

func figure(t *testing.T, e Effect, name string) Figure {
	t.Helper()
	f, ok := e.Figure(name)
	if !ok {
		t.Fatalf("no figure %q in %+v", name, e)
	}
	return f
}

func TestPredictAccept(t *testing.T) {
	t.Parallel()
	endless := overflowing(128, 128)
	endless.FullShare, endless.AcceptsPerSecond = 1, 212
	stuck := overflowing(128, 128)
	stuck.FullShare, stuck.AcceptsPerSecond, stuck.ArrivalsPerSecond = 1, 0, 10
	quiet := AcceptLoad{Limit: 128, Somaxconn: 128, HighWater: 128, ArrivalsPerSecond: 10, AcceptsPerSecond: 10, WindowSeconds: 5}
	known := overflowing(5, 128)
	known.Backlog = some(5)
	stall := overflowing(128, 128)
	stall.StallSeconds = some(2.0)
	shortStall := overflowing(128, 128)
	shortStall.StallSeconds = some(0.1)
	aborting := overflowing(128, 128)
	aborting.AbortOnOverflow, aborting.ResetsPerSecond = true, 30
	dropping := aborting
	dropping.ResetsPerSecond = 0
	abortingQuiet := quiet
	abortingQuiet.AbortOnOverflow = true
	tests := []struct {
		name   string
		load   AcceptLoad
		change AcceptChange
		want   Verdict
		reason string
	}{
		{"somaxconn raised, backlog of 5", known, AcceptChange{Somaxconn: some(4096), Relisten: true}, NoEffect, "backlog of 5 binds"},
		{"somaxconn raised, backlog hidden below it", overflowing(5, 128), AcceptChange{Somaxconn: some(4096), Relisten: true}, NoEffect, "already below somaxconn"},
		{"somaxconn raised without listen() again", overflowing(128, 128), AcceptChange{Somaxconn: some(4096)}, NeedsRestart, "listen()"},
		{"somaxconn raised and listen() again", overflowing(128, 128), AcceptChange{Somaxconn: some(4096), Relisten: true}, Helps, "bursts"},
		{"the same somaxconn", overflowing(128, 128), AcceptChange{Somaxconn: some(128), Relisten: true}, NoEffect, ""},
		{"backlog raised below somaxconn", overflowing(5, 128), AcceptChange{Backlog: some(100), Relisten: true}, Helps, ""},
		{"backlog raised above somaxconn", overflowing(128, 128), AcceptChange{Backlog: some(4096), Relisten: true}, NoEffect, "same limit"},
		{"stale limit, listen() again with a large backlog", func() AcceptLoad { l := overflowing(128, 4096); l.Backlog = some(511); return l }(),
			AcceptChange{Relisten: true}, Helps, ""},
		{"stale limit without listen()", func() AcceptLoad { l := overflowing(128, 4096); l.Backlog = some(511); return l }(),
			AcceptChange{Somaxconn: some(8192)}, NeedsRestart, ""},
		{"listen() again, whose limit it is cannot be seen", overflowing(128, 4096), AcceptChange{Relisten: true}, Unknown, "cannot be seen"},
		{"listen() again, limit known to be stale", func() AcceptLoad { l := overflowing(128, 4096); l.Stale = true; return l }(),
			AcceptChange{Relisten: true}, Helps, "if the application's backlog is as large"},
		{"listen() again, limit of somaxconn", overflowing(128, 128), AcceptChange{Relisten: true}, NoEffect, "same limit"},
		{"more arrivals than accepts for ever", endless, AcceptChange{Somaxconn: some(4096), Relisten: true}, NoEffect, "postpones"},
		{"application accepts nothing", stuck, AcceptChange{Somaxconn: some(4096), Relisten: true}, NoEffect, "accepts nothing"},
		{"nothing refused", quiet, AcceptChange{Somaxconn: some(4096), Relisten: true}, NoEffect, "nothing is refused"},
		{"somaxconn lowered", quiet, AcceptChange{Somaxconn: some(64)}, Harmful, "next listen()"},
		{"somaxconn lowered and listen()", quiet, AcceptChange{Somaxconn: some(64), Relisten: true}, Harmful, "at once"},
		{"somaxconn lowered above the backlog", known, AcceptChange{Somaxconn: some(64), Relisten: true}, NoEffect, "binds"},
		{"backlog lowered", quiet, AcceptChange{Backlog: some(16), Relisten: true}, Harmful, "at once"},
		{"abort_on_overflow under overflow", overflowing(128, 128), AcceptChange{AbortOnOverflow: some(true)}, Harmful, "reset"},
		{"abort_on_overflow on a healthy host", quiet, AcceptChange{AbortOnOverflow: some(true)}, Harmful, "reset"},
		{"abort_on_overflow off again", aborting, AcceptChange{AbortOnOverflow: some(false)}, Helps, "wait"},
		{"abort_on_overflow off, refused at the SYN", dropping, AcceptChange{AbortOnOverflow: some(false)}, NoEffect, "at its SYN"},
		{"abort_on_overflow off on a healthy host", abortingQuiet, AcceptChange{AbortOnOverflow: some(false)}, NoEffect, "nothing overflows"},
		{"abort_on_overflow as it was", aborting, AcceptChange{AbortOnOverflow: some(true), Somaxconn: some(4096)}, NeedsRestart, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := PredictAccept(tt.load, tt.change)
			if got.Verdict != tt.want || !strings.Contains(got.Reason, tt.reason) {
				t.Errorf("got %s (%s; %s), want %s because of %q", got.Verdict, got.Reason, got.Predicted, tt.want, tt.reason)
			}
		})
	}
	e := PredictAccept(overflowing(128, 128), AcceptChange{Somaxconn: some(4096), Relisten: true})
	if want := "drops 37/s → 0/s; queue would peak at 314; queue limit 129 → 4097 connections"; e.Predicted != want {
		t.Errorf("got %q, want %q", e.Predicted, want)
	}
	if f := figure(t, PredictAccept(stall, AcceptChange{Somaxconn: some(4096), Relisten: true}), FigureQueuePeak); f.After != 498 {
		t.Errorf("a stall of 2 s at 249/s: got a peak of %v, want 498", f.After)
	}
	if f := figure(t, PredictAccept(shortStall, AcceptChange{Somaxconn: some(4096), Relisten: true}), FigureQueuePeak); f.After != 314 {
		t.Errorf("a stall too short to explain the drops: got a peak of %v, want 314", f.After)
	}
	// 498 are needed, 129 fit now and 314 then: half of the excess remains.
	part := PredictAccept(stall, AcceptChange{Somaxconn: some(313), Relisten: true})
	if f := figure(t, part, FigureDrops); f.After < 18 || f.After > 19 || figure(t, part, FigureQueuePeak).After != 314 {
		t.Errorf("a limit of half the need: got drops %v, peak %v", f, figure(t, part, FigureQueuePeak))
	}
	if f := figure(t, PredictAccept(endless, AcceptChange{Somaxconn: some(498), Relisten: true}), FigurePostponed); f.After != 10 {
		t.Errorf("370 more at 37/s: got %v, want 10 s", f.After)
	}
	if f := figure(t, PredictAccept(stuck, AcceptChange{Somaxconn: some(228), Relisten: true}), FigurePostponed); f.After != 10 {
		t.Errorf("100 more at 10/s: got %v, want 10 s", f.After)
	}
}

func TestPredictSyn(t *testing.T) {
	t.Parallel()
	flood := SynLoad{
		Limit: 128, HalfOpen: 129, MaxSynBacklog: 2048, Syncookies: 1, SynackRetries: 5, Timestamps: true,
		UnansweredPerSecond: 300, CompletedPerSecond: 10,
	}
	open := flood
	open.Syncookies, open.DropsPerSecond = 0, 290
	quarter := open
	quarter.Limit, quarter.MaxSynBacklog, quarter.HalfOpen = 4096, 128, 97
	slow := SynLoad{Limit: 4096, HalfOpen: 63, MaxSynBacklog: 2048, Syncookies: 1, SynackRetries: 5, UnansweredPerSecond: 1, Timestamps: true}
	idle := SynLoad{Limit: 4096, MaxSynBacklog: 2048, Syncookies: 1, SynackRetries: 5, Timestamps: true}
	idleOpen := idle
	idleOpen.Syncookies = 0
	burst := SynLoad{Limit: 16, HalfOpen: 17, MaxSynBacklog: 2048, SynackRetries: 5, CompletedPerSecond: 400, RoundTripSeconds: 0.2, DropsPerSecond: 100}
	tests := []struct {
		name   string
		load   SynLoad
		change SynChange
		want   Verdict
		reason string
	}{
		{"max_syn_backlog with cookies on", flood, SynChange{MaxSynBacklog: some(65536)}, NoEffect, "does not consult"},
		{"max_syn_backlog with cookies off, backlog binds", open, SynChange{MaxSynBacklog: some(65536)}, NoEffect, LimitBacklog},
		{"max_syn_backlog with cookies off, it binds", quarter, SynChange{MaxSynBacklog: some(8192)}, Helps, ""},
		{"max_syn_backlog lowered until it binds", open, SynChange{MaxSynBacklog: some(64)}, Harmful, "fewer"},
		{"max_syn_backlog on an idle host", idleOpen, SynChange{MaxSynBacklog: some(8192)}, NoEffect, "not full"},
		{"cookies on under a flood", open, SynChange{Syncookies: some(1)}, Helps, "cookies"},
		{"cookies on on an idle host", idleOpen, SynChange{Syncookies: some(1)}, NoEffect, "not full"},
		{"cookies off", flood, SynChange{Syncookies: some(0)}, Harmful, "refuses"},
		{"cookies always", flood, SynChange{Syncookies: some(2)}, Harmful, "by cookie"},
		{"cookies as they are", flood, SynChange{Syncookies: some(1)}, NoEffect, ""},
		{"synack_retries 5 to 2 in a full queue", flood, SynChange{SynackRetries: some(2)}, NoEffect, "prunes"},
		{"synack_retries 5 to 2 in a small queue", slow, SynChange{SynackRetries: some(2)}, Helps, "sooner"},
		{"synack_retries 5 to 2 below half of the backlog", quarter, SynChange{SynackRetries: some(2)}, Helps, "sooner"},
		{"synack_retries 5 to 5", slow, SynChange{SynackRetries: some(5)}, NoEffect, "as long"},
		{"synack_retries 5 to 1", slow, SynChange{SynackRetries: some(1)}, Harmful, "lossy"},
		{"synack_retries raised", slow, SynChange{SynackRetries: some(6)}, Harmful, "longer"},
		{"synack_retries on an idle host", idle, SynChange{SynackRetries: some(3)}, NoEffect, "hardly any"},
		{"timestamps off", flood, SynChange{Timestamps: some(false)}, Harmful, "cookie"},
		{"limit raised for a burst", burst, SynChange{Limit: some(128), Relisten: true}, Helps, "under way"},
		{"limit raised without listen()", burst, SynChange{Limit: some(128)}, NeedsRestart, "listen()"},
		{"limit raised on an idle host", idle, SynChange{Limit: some(8192), Relisten: true}, NoEffect, "not full"},
		{"limit raised a little under a flood", open, SynChange{Limit: some(130), Relisten: true}, NoEffect, "fills"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := PredictSyn(tt.load, tt.change, modern)
			if got.Verdict != tt.want || !strings.Contains(got.Reason, tt.reason) {
				t.Errorf("got %s (%s; %s), want %s because of %q", got.Verdict, got.Reason, got.Predicted, tt.want, tt.reason)
			}
		})
	}
	e := PredictSyn(slow, SynChange{SynackRetries: some(2)}, modern)
	if f := figure(t, e, FigureHalfOpenLife); f.Before != 63 || f.After != 7 {
		t.Errorf("got life %v, want 63 to 7", f)
	}
	if f := figure(t, e, FigureHalfOpen); f.Before != 63 || f.After != 7 {
		t.Errorf("got %v entries, want 63 to 7", f)
	}
	if f := figure(t, PredictSyn(open, SynChange{Syncookies: some(1)}, modern), FigureDrops); f.Before != 290 || f.After != 0 {
		t.Errorf("got drops %v, want 290 to 0", f)
	}
	if f := figure(t, PredictSyn(quarter, SynChange{MaxSynBacklog: some(8192)}, modern), FigureHalfOpenMax); f.Before != 97 || f.After != 4097 {
		t.Errorf("got capacity %v, want 97 to 4097", f)
	}
}

func TestPredictPorts(t *testing.T) {
	t.Parallel()
	s := DefaultSettings(modern, 24<<30)
	s.TWReuse = 0
	two := s
	two.TWReuse = 2
	one := s
	one.TWReuse = 1
	noStamps := s
	noStamps.Timestamps = 0
	full := PortLoad{Range: PortRange{32768, 60999}, Used: 28232, TimeWait: 28200, ConnectsPerSecond: 470, Timestamps: true}
	held := full
	held.TimeWait = 0
	loop := full
	loop.Loopback = true
	bare := full
	bare.Timestamps = false
	reuseBare := noStamps
	reuseBare.TWReuse = 1
	quietBare := bare
	quietBare.Used, quietBare.TimeWait, quietBare.ConnectsPerSecond = 1000, 990, 16
	quiet := full
	quiet.Used, quiet.TimeWait, quiet.ConnectsPerSecond = 1000, 990, 16
	unclosed := full
	unclosed.TimeWait, unclosed.FinWait2 = 8000, 20000
	wanting := full
	wanting.ConnectsPerSecond = 5000
	wide := some(PortRange{16384, 65535})
	tests := []struct {
		name   string
		load   PortLoad
		change PortChange
		s      Settings
		want   Verdict
		reason string
	}{
		{"wider range", full, PortChange{Range: wide}, s, Helps, "same destination"},
		{"wider range far too small", wanting, PortChange{Range: wide}, s, Helps, "need still more"},
		{"wider range while ports are not short", quiet, PortChange{Range: wide}, s, NoEffect, "not short"},
		{"narrower range", full, PortChange{Range: some(PortRange{50000, 60999})}, s, Harmful, "fewer"},
		{"the same range", full, PortChange{Range: some(PortRange{32768, 60999})}, s, NoEffect, "as many"},
		{"reserving half of it", full, PortChange{Reserved: some([]PortRange{{40000, 60999}})}, s, Harmful, "fewer"},
		{"tw_reuse on", full, PortChange{TWReuse: some(1)}, s, Helps, ""},
		{"tw_reuse on where 2 is in force", full, PortChange{TWReuse: some(1)}, two, Helps, ""},
		{"tw_reuse 2, not loopback", full, PortChange{TWReuse: some(2)}, s, NoEffect, "loopback only"},
		{"tw_reuse 2, loopback", loop, PortChange{TWReuse: some(2)}, s, Helps, ""},
		{"tw_reuse 1, loopback, 2 in force", loop, PortChange{TWReuse: some(1)}, two, NoEffect, "already"},
		{"tw_reuse without timestamps on the connections", bare, PortChange{TWReuse: some(1)}, s, NoEffect, "timestamps"},
		{"tw_reuse with timestamps off", full, PortChange{TWReuse: some(1)}, noStamps, NoEffect, "timestamps"},
		{"tw_reuse where ports are held open", held, PortChange{TWReuse: some(1)}, s, NoEffect, "none of the ports"},
		{"tw_reuse off again", full, PortChange{TWReuse: some(0)}, one, Harmful, "60 s"},
		{"tw_reuse 0 to 0", full, PortChange{TWReuse: some(0)}, s, NoEffect, "without reuse"},
		{"tw_reuse on the accepting side", PortLoad{Accepting: true, Timestamps: true}, PortChange{TWReuse: some(1)}, s, NoEffect, "listener's port"},
		{"fin_timeout against TIME_WAIT", full, PortChange{FinTimeout: some(15 * time.Second)}, s, NoEffect, "FIN_WAIT2 only"},
		{"fin_timeout where FIN_WAIT2 holds the ports", unclosed, PortChange{FinTimeout: some(15 * time.Second)}, s, Helps, "sooner"},
		{"fin_timeout raised where FIN_WAIT2 holds the ports", unclosed, PortChange{FinTimeout: some(150 * time.Second)}, s, Harmful, "longer"},
		{"timestamps off", full, PortChange{Timestamps: some(0)}, s, Harmful, "is not reused"},
		{"timestamps on where tcp_tw_reuse waits for them", bare, PortChange{Timestamps: some(1)}, reuseBare, Helps, "from now on"},
		{"timestamps on without tcp_tw_reuse", bare, PortChange{Timestamps: some(1)}, noStamps, NoEffect, "as many"},
		{"timestamps on while ports are not short", quietBare, PortChange{Timestamps: some(1)}, reuseBare, NoEffect, "not short"},
		{"max_tw_buckets lowered", full, PortChange{MaxTWBuckets: some(5000)}, s, Harmful, "skip TIME_WAIT"},
		{"max_tw_buckets raised", full, PortChange{MaxTWBuckets: some(500000)}, s, NoEffect, "not ports"},
		{"more source addresses", full, PortChange{Sources: some(4)}, s, Helps, ""},
		{"shorter reuse delay without reuse", full, PortChange{TWReuseDelay: some(100 * time.Millisecond)}, s, NoEffect, "as many"},
		{"longer reuse delay with reuse", full, PortChange{TWReuseDelay: some(10 * time.Second)}, one, Harmful, "fewer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := PredictPorts(tt.load, tt.change, tt.s, modern)
			if got.Verdict != tt.want || !strings.Contains(got.Reason, tt.reason) {
				t.Errorf("got %s (%s; %s), want %s because of %q", got.Verdict, got.Reason, got.Predicted, tt.want, tt.reason)
			}
		})
	}
	e := PredictPorts(full, PortChange{TWReuse: some(1)}, s, modern)
	if f := figure(t, e, FigurePortRate); f.Before < 465 || f.Before > 471 || f.After < 26000 {
		t.Errorf("got port rate %v, want 470 to 26,000 and more", f)
	}
	e = PredictPorts(full, PortChange{Sources: some(4)}, s, modern)
	if f := figure(t, e, FigurePorts); f.Before != 28232 || f.After != 4*28232 {
		t.Errorf("got %v, want four times 28232", f)
	}
	e = PredictPorts(full, PortChange{Range: wide}, s, modern)
	if f := figure(t, e, FigureUsed); f.Before != 100 || f.After != 57.4 {
		t.Errorf("got %v, want 100 %% to 57.4 %%", f)
	}
	if f := figure(t, PredictPorts(PortLoad{Range: PortRange{10, 9}}, PortChange{}, s, modern), FigureUsed); f.Before != 100 {
		t.Errorf("an empty range: got %v used, want 100", f)
	}
}

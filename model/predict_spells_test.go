package model

import (
	"testing"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// stalling is a listener that lost 540 connections in three seconds of short
// stalls; 37 wait at once at most.
func stalling(spells int) AcceptLoad {
	return AcceptLoad{
		Limit: 32, Somaxconn: 32, HighWater: 33, LowWater: facts.Some(0), FullShare: 0.4, WindowSeconds: 3,
		ArrivalsPerSecond: 300, AcceptsPerSecond: 120, DropsPerSecond: 180, Spells: spells,
	}
}

func TestRefusedAreSpreadOverSpells(t *testing.T) {
	t.Parallel()
	raise := AcceptChange{Somaxconn: facts.Some(78), Relisten: true}
	tests := []struct {
		spells      int
		peak, drops float64
	}{
		{0, 79, 180 * (573.0 - 79) / (573 - 33)}, // one stall: 33 + 540 would have waited
		{1, 79, 180 * (573.0 - 79) / (573 - 33)},
		{6, 79, 180 * (123.0 - 79) / (123 - 33)}, // six stalls of 33 + 90
		{15, 69, 0},                              // fifteen of 33 + 36
	}
	for _, tt := range tests {
		e := PredictAccept(stalling(tt.spells), raise)
		if e.Verdict != Helps {
			t.Errorf("%d spells: got %s (%s), want helps", tt.spells, e.Verdict, e.Reason)
		}
		if f := figure(t, e, FigureQueuePeak); f.After != tt.peak {
			t.Errorf("%d spells: got a peak of %v, want %v", tt.spells, f.After, tt.peak)
		}
		if f := figure(t, e, FigureDrops); f.After != tt.drops {
			t.Errorf("%d spells: got %v drops, want %v", tt.spells, f.After, tt.drops)
		}
	}
}

// TestOverloadFlickers is about a queue from which the application goes on taking:
// each accept() makes room for a moment, so that many polls find it at its limit
// and not over it.
func TestOverloadFlickers(t *testing.T) {
	t.Parallel()
	l := AcceptLoad{
		Limit: 64, Somaxconn: 64, HighWater: 65, FullShare: 0.6, WindowSeconds: 3, Spells: 1,
		ArrivalsPerSecond: 120, AcceptsPerSecond: 40, DropsPerSecond: 80,
	}
	raise := AcceptChange{Somaxconn: facts.Some(256), Relisten: true}
	tests := []struct {
		name string
		low  facts.Opt[int]
		want Verdict
	}{
		{"hardly below the limit", facts.Some(62), NoEffect},
		{"just above half", facts.Some(33), NoEffect},
		{"drained to half", facts.Some(32), Helps},
		{"not polled", facts.Opt[int]{}, Helps},
	}
	for _, tt := range tests {
		l.LowWater = tt.low
		e := PredictAccept(l, raise)
		if e.Verdict != tt.want {
			t.Errorf("%s: got %s (%s), want %s", tt.name, e.Verdict, e.Reason, tt.want)
		}
		if tt.want != NoEffect {
			continue
		}
		if f := figure(t, e, FigurePostponed); f.After != 192.0/80 {
			t.Errorf("%s: postponed by %v s, want 2.4", tt.name, f.After)
		}
	}
}

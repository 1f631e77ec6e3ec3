package model

import (
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// What a host-wide limit refuses is read from the counter that is its own.
func TestLimitsReadTheirOwnCounter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		key, now, value string
		counter         Counter
	}{
		{KeyMaxOrphans, "1000", "999999", CTCPAbortOnMemory},
		{KeyTCPMem, "1 2 3", "1 2 999999", CTCPRcvQDrop},
	} {
		name := string(c.counter)
		w := facts.Window{Seconds: 4, HostSettings: map[string]string{c.key: c.now}, Namespaces: []facts.NamespaceWindow{{
			Start: facts.Snapshot{Counters: facts.Counters{name: 10}, Census: facts.Census{Complete: true}},
			End:   facts.Snapshot{AtSeconds: 4, Counters: facts.Counters{name: 50}, Census: facts.Census{Complete: true}},
		}}}
		n := &NewView(w).Namespaces[0]
		got, ok := Predict(n, Change{Key: c.key, Value: c.value}).Figure(FigureDrops)
		if !ok || got.Before != 10 || got.After != 0 {
			t.Errorf("%s: got drops %+v, %v, want 10/s → 0/s", c.key, got, ok)
		}
	}
}

// An empty table is used to no share of any limit, except of one that admits
// nothing.
func TestShareOfSmallLimits(t *testing.T) {
	t.Parallel()
	used, _ := PredictLimit(LimitLoad{Limit: 1}, 0).Figure(FigureUsed)
	if used.Before != 0 || used.After != 100 {
		t.Errorf("got %v %% of 1 and %v %% of 0, want 0 and 100", used.Before, used.After)
	}
}

// A stall without a length is none.
func TestStallNeedsALength(t *testing.T) {
	t.Parallel()
	if err := (Stall{At: time.Second}).validate(); err == nil {
		t.Error("a stall of 0s is accepted")
	}
	if err := (Stall{At: time.Second, Length: 1}).validate(); err != nil {
		t.Errorf("a stall of 1ns is refused: %v", err)
	}
}

package sockdiag

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

func TestWatches(t *testing.T) {
	t.Parallel()
	var w watches
	socket := func(cookie uint64, queue, limit, drops uint32) {
		w.see(&facts.Listener{Cookie: cookie, Queue: queue, Limit: limit, Drops: facts.Some(drops)})
	}
	w.begin()
	socket(2, 0, 0, 7)
	socket(1, 5, 5, 0)
	w.begin()
	socket(2, 1, 0, 9) // one more than the limit: full
	socket(2, 0, 0, 9) // the same poll shows it again
	w.seeCensus(&facts.Census{Listeners: []facts.Listener{{Cookie: 2, Queue: 1, Limit: 0}}})
	got := w.list()
	want := []facts.Watch{
		{Cookie: 1, Polls: 1, HighWater: 5, LowWater: 5, SumQueue: 5, FirstDrops: facts.Some[uint32](0), LastDrops: facts.Some[uint32](0)},
		{
			Cookie: 2, Polls: 3, Full: 2, Spells: 1, HighWater: 1, LowWater: 0, SumQueue: 2,
			FirstDrops: facts.Some[uint32](7), LastDrops: facts.Some[uint32](9), FullAtEnd: true,
		},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(facts.Opt[uint32]{})); diff != "" {
		t.Errorf("watches (-want +got):\n%s", diff)
	}
}

func TestWatchSpells(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		queues []uint32 // of a listener with a limit of 8
		want   int
	}{
		{"never full", []uint32{0, 8, 8, 0}, 0},
		{"full throughout", []uint32{9, 9, 9}, 1},
		{"full and drained twice", []uint32{0, 9, 9, 3, 9, 0}, 2},
		{"hardly drained between", []uint32{9, 8, 9, 5, 9}, 1},
		{"drained to half between", []uint32{9, 4, 9}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var w watches
			for _, q := range tt.queues {
				w.begin()
				w.see(&facts.Listener{Cookie: 1, Queue: q, Limit: 8})
			}
			if got := w.list()[0].Spells; got != tt.want {
				t.Errorf("got %d spells, want %d", got, tt.want)
			}
		})
	}
}

// TestWatchesNext begins another window: what goes on keeps its drops, what has
// gone is forgotten.
func TestWatchesNext(t *testing.T) {
	t.Parallel()
	var w watches
	see := func(cookie uint64, queue, drops uint32) {
		w.see(&facts.Listener{Cookie: cookie, Queue: queue, Limit: 4, Drops: facts.Some(drops)})
	}
	w.begin()
	see(1, 9, 3)
	see(2, 0, 0)
	w.begin()
	see(1, 9, 5)
	w.next()
	if got := w.list(); len(got) != 0 || len(w.byCookie) != 1 {
		t.Errorf("got %v of %d listeners, want nothing yet and one to go on", got, len(w.byCookie))
	}
	w.begin()
	see(1, 2, 6)
	see(3, 0, 9)
	want := []facts.Watch{
		{Cookie: 1, Polls: 1, HighWater: 2, LowWater: 2, SumQueue: 2, FirstDrops: facts.Some[uint32](5), LastDrops: facts.Some[uint32](6)},
		{Cookie: 3, Polls: 1, FirstDrops: facts.Some[uint32](9), LastDrops: facts.Some[uint32](9)},
	}
	if diff := cmp.Diff(want, w.list(), cmp.AllowUnexported(facts.Opt[uint32]{})); diff != "" {
		t.Errorf("watches (-want +got):\n%s", diff)
	}
}

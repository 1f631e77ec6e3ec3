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
		w.seeSocket(&facts.Socket{
			Cookie: cookie, State: facts.Listen, RecvQueue: queue, SendQueue: limit,
			Mem: facts.SockMem{Drops: drops, Known: true},
		})
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
			Cookie: 2, Polls: 3, Full: 2, HighWater: 1, LowWater: 0, SumQueue: 2,
			FirstDrops: facts.Some[uint32](7), LastDrops: facts.Some[uint32](9), FullAtEnd: true,
		},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(facts.Opt[uint32]{})); diff != "" {
		t.Errorf("watches (-want +got):\n%s", diff)
	}
}

package sockdiag

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// TestWatcherQuietNamespace leaves out the walk over a namespace that cannot have
// anything but listeners, and makes it again as soon as it can.
func TestWatcherQuietNamespace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{}
		set := func(inuse, waiting int64, segments uint64) {
			src.more.gauges = facts.Gauges{"sockstat.TCP.inuse": inuse, "sockstat.TCP.tw": waiting}
			src.more.counters = facts.Counters{"Tcp.InSegs": segments, "Tcp.OutSegs": segments}
		}
		w, _ := fakeWatcher(t, WatchOptions{}, src)
		set(1, 0, 0)
		refresh(t, w)
		connection := facts.Socket{
			Cookie: 2, State: facts.SynRecv, Family: facts.IPv4,
			Local: netip.MustParseAddrPort("10.0.0.1:80"), Remote: netip.MustParseAddrPort("10.0.0.2:40000"),
		}
		for _, step := range []struct {
			name           string
			inuse, waiting int64
			segments       uint64
			all            []facts.Socket
			walks          int
		}{
			{"nothing ever came", 1, 0, 0, nil, 0},
			{"a segment came", 1, 0, 1, []facts.Socket{connection}, 1},
			{"a request socket was seen", 1, 0, 1, nil, 1},
			{"none since", 1, 0, 1, nil, 0},
			{"one more in use", 2, 0, 1, nil, 1},
			{"no more", 1, 0, 1, nil, 0},
			{"one in TIME_WAIT", 1, 1, 1, nil, 1},
		} {
			set(step.inuse, step.waiting, step.segments)
			src.all, src.walks = step.all, 0
			win := after(t, w, 10*time.Second)
			if err := w.Walk(t.Context(), &win); err != nil {
				t.Fatal(err)
			}
			c := win.Namespaces[0].End.Census
			if src.walks != step.walks || !c.Complete || c.ListenersOnly || len(c.Listeners) != 1 || hasGap(win.Namespaces[0].Gaps, facts.SourceSockets) {
				t.Errorf("%s: got %d walks, want %d, and %+v", step.name, src.walks, step.walks, c)
			}
		}
	})
}

// TestWatcherStillNamespace leaves out the walk over a namespace to whose
// connections nothing has happened, and makes it where something may have.
func TestWatcherStillNamespace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{}
		set := func(inuse int64, in, out uint64) {
			src.more.gauges = facts.Gauges{"sockstat.TCP.inuse": inuse, "sockstat.TCP.tw": 0}
			src.more.counters = facts.Counters{"Tcp.InSegs": in, "Tcp.OutSegs": out}
		}
		w, _ := fakeWatcher(t, WatchOptions{}, src)
		set(2, 5, 5)
		refresh(t, w)
		idle := facts.Socket{
			Cookie: 2, State: facts.Established, Family: facts.IPv4, Inode: 7,
			Local: netip.MustParseAddrPort("10.0.0.1:80"), Remote: netip.MustParseAddrPort("10.0.0.2:40000"),
		}
		left := idle
		left.State = facts.CloseWait
		for _, step := range []struct {
			name    string
			inuse   int64
			in, out uint64
			socket  facts.Socket
			walks   int
		}{
			{"never walked over", 2, 5, 5, idle, 1},
			{"nothing happened", 2, 5, 5, idle, 0},
			{"a segment came", 2, 6, 5, idle, 1},
			{"a segment went", 2, 6, 6, idle, 1},
			{"nothing since", 2, 6, 6, idle, 0},
			{"one more in use", 3, 6, 6, idle, 1},
			{"the peer closed", 3, 7, 7, left, 1},
			{"nothing since, but somebody must close", 3, 7, 7, left, 1},
		} {
			set(step.inuse, step.in, step.out)
			src.all, src.walks = []facts.Socket{step.socket}, 0
			win := after(t, w, 10*time.Second)
			if err := w.Walk(t.Context(), &win); err != nil {
				t.Fatal(err)
			}
			c := win.Namespaces[0].End.Census
			if src.walks != step.walks || !c.Complete || c.IPv4[step.socket.State] != 1 || len(c.Listeners) != 1 {
				t.Errorf("%s: got %d walks, want %d, and %+v", step.name, src.walks, step.walks, c)
			}
		}
	})
}

package facts

import (
	"errors"
	"iter"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func streamOf(sockets []Socket) iter.Seq2[*Socket, error] {
	return func(yield func(*Socket, error) bool) {
		for i := range sockets {
			s := sockets[i] // a copy: the reduction must not keep the pointer
			if !yield(&s, nil) {
				return
			}
			s = Socket{}
		}
	}
}

func drawSocket(t *rapid.T) Socket {
	addr := func(label string) netip.AddrPort {
		a := netip.AddrFrom4([4]byte{10, 0, 0, byte(rapid.IntRange(1, 4).Draw(t, label))})
		if rapid.Bool().Draw(t, label+"6") {
			a = netip.AddrFrom16([16]byte{0xfd, 15: byte(rapid.IntRange(1, 4).Draw(t, label))})
		}
		return netip.AddrPortFrom(a, uint16(rapid.IntRange(1, 40).Draw(t, label+"port")))
	}
	states := []State{Established, SynSent, SynRecv, FinWait1, FinWait2, TimeWait, Close, CloseWait, LastAck, Listen, Closing}
	s := Socket{
		Cookie: rapid.Uint64Range(1, 1<<40).Draw(t, "cookie"),
		Local:  addr("local"), Remote: addr("remote"), Family: IPv4,
		State:       rapid.SampledFrom(states).Draw(t, "state"),
		Timer:       Timer(rapid.IntRange(0, 4).Draw(t, "timer")),
		Retrans:     uint8(rapid.IntRange(0, 4).Draw(t, "retrans")),
		TimerMillis: uint32(rapid.IntRange(0, 4000).Draw(t, "timer ms")),
		RecvQueue:   uint32(rapid.IntRange(0, 3).Draw(t, "rq")),
		SendQueue:   uint32(rapid.IntRange(0, 3).Draw(t, "wq")),
		Inode:       uint32(rapid.IntRange(0, 5).Draw(t, "inode")),
	}
	if s.Local.Addr().Is6() {
		s.Family = IPv6
	}
	if rapid.Bool().Draw(t, "info") {
		s.Info = TCPInfo{Len: 280, LastAckRecvMillis: uint32(rapid.IntRange(0, 100000).Draw(t, "ack")), BytesRecv: 7}
	}
	return s
}

func drawStream(t *rapid.T) []Socket {
	return rapid.SliceOfNDistinct(rapid.Custom(drawSocket), 0, 60, func(s Socket) uint64 { return s.Cookie }).Draw(t, "sockets")
}

func mustReduce(t rapid.TB, sockets []Socket, o ReduceOptions) Census {
	t.Helper()
	c, err := Reduce(streamOf(sockets), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func options(t *rapid.T) ReduceOptions {
	o := ReduceOptions{ShowsBound: rapid.Bool().Draw(t, "bound"), PortLow: 10, PortHigh: 30}
	for p := range uint16(20) {
		o.Listening.Add(p)
	}
	return o
}

func TestReduceIgnoresOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sockets, o := drawStream(t), options(t)
		o.Limits.Samples = rapid.IntRange(1, 8).Draw(t, "samples")
		want := mustReduce(t, sockets, o)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		r.Shuffle(len(sockets), func(i, j int) { sockets[i], sockets[j] = sockets[j], sockets[i] })
		if diff := cmp.Diff(want, mustReduce(t, sockets, o), comparers); diff != "" {
			t.Errorf("another order gives another census (-first +second):\n%s", diff)
		}
	})
}

func TestReduceCountsDuplicatesOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sockets, o := drawStream(t), options(t)
		want := mustReduce(t, sockets, o)
		again := slices.Clone(sockets)
		var repeats uint64
		for _, s := range sockets {
			if rapid.Bool().Draw(t, "again") {
				again = append(again, s)
				repeats++
			}
		}
		got := mustReduce(t, again, o)
		if got.Duplicates != repeats {
			t.Errorf("got %d duplicates, want %d", got.Duplicates, repeats)
		}
		got.Duplicates = 0
		if diff := cmp.Diff(want, got, comparers); diff != "" {
			t.Errorf("duplicates changed the census (-without +with):\n%s", diff)
		}
	})
}

func TestReduceAccountsForEverySocket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sockets, o := drawStream(t), options(t)
		c := mustReduce(t, sockets, o)
		states := c.States()
		var grouped uint64
		for _, g := range c.Locals {
			grouped += g.States.Total()
		}
		for _, g := range c.Destinations {
			grouped += g.States.Total()
		}
		grouped += uint64(len(c.Listeners)) + states[Close]
		if c.Sockets != uint64(len(sockets)) || states.Total() != c.Sockets || grouped != c.Sockets {
			t.Errorf("%d sockets: census has %d, by state %d, by group %d", len(sockets), c.Sockets, states.Total(), grouped)
		}
	})
}

// Two walks over overlapping sets draw coordinated samples: a connection that
// both classes cover is in both samples or in neither walk.
func TestSamplesOfTwoWalksCompare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cookies := rapid.SliceOfDistinct(rapid.Uint64Range(1, 1<<50), func(c uint64) uint64 { return c }).Draw(t, "cookies")
		k := rapid.IntRange(1, 10).Draw(t, "k")
		inA, inB := map[uint64]bool{}, map[uint64]bool{}
		var a, b []Socket
		for _, c := range cookies {
			s := Socket{Cookie: c, State: CloseWait, Inode: 1, Family: IPv4}
			if rapid.Bool().Draw(t, "a") {
				a, inA[c] = append(a, s), true
			}
			if rapid.Bool().Draw(t, "b") {
				b, inB[c] = append(b, s), true
			}
		}
		o := ReduceOptions{Limits: Limits{CloseWait: k}}
		ca := mustReduce(t, a, o).Classes[ClassCloseWait]
		cb := mustReduce(t, b, o).Classes[ClassCloseWait]
		sampled := func(c Class, cookie uint64) bool {
			return slices.ContainsFunc(c.Samples, func(s Sample) bool { return s.Cookie == cookie })
		}
		for _, c := range cookies {
			if sampled(ca, c) && cb.Covers(c) && sampled(cb, c) != inB[c] {
				t.Errorf("cookie %d: sampled in b is %v although b had it: %v", c, sampled(cb, c), inB[c])
			}
			if sampled(ca, c) && !inA[c] {
				t.Errorf("cookie %d sampled without having been there", c)
			}
		}
		if int(ca.Total) != len(a) || len(ca.Samples) != min(k, len(a)) {
			t.Errorf("got total %d and %d samples of %d with k=%d", ca.Total, len(ca.Samples), len(a), k)
		}
	})
}

func TestReduceKeepsWhatCameBeforeAnError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	c, err := Reduce(func(yield func(*Socket, error) bool) {
		if yield(&Socket{Cookie: 1, State: Established, Family: IPv4}, nil) {
			yield(nil, broken)
		}
	}, ReduceOptions{})
	if !errors.Is(err, broken) || c.Complete || c.Sockets != 1 {
		t.Errorf("got %d sockets, complete %v, error %v; want 1, incomplete, the error", c.Sockets, c.Complete, err)
	}
}

// A heavy group stays exact enough among many times more light ones than the
// table holds, and the stated error is kept.
func TestHeavyHittersSurviveACrowd(t *testing.T) {
	t.Parallel()
	const keep, heavyCount, light = 16, 5000, 20000
	h := newHeavy[int, uint64](keep)
	for i := range light + heavyCount {
		key := i
		if i%(light/heavyCount+1) == 0 {
			key = -1
		}
		*h.at(key)++
	}
	got := h.entries[-1]
	if got == nil {
		t.Fatal("the heavy key was forgotten")
	}
	if count := got.value; count+h.missed() < heavyCount || count > heavyCount {
		t.Errorf("got %d with %d missed at most, want %d", count, h.missed(), heavyCount)
	}
	if len(h.entries) > 2*keep {
		t.Errorf("got %d entries, want at most %d", len(h.entries), 2*keep)
	}
	if limit := uint64((light + heavyCount) / keep); h.missed() > limit {
		t.Errorf("got an error of %d, want at most %d", h.missed(), limit)
	}
}

func TestDistinctEstimatesAddresses(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 16, 129, 1024, 4096} {
		var d distinct
		for round := range 3 {
			for i := range n {
				d.add(netip.AddrFrom4([4]byte{byte(round * 0), byte(i >> 16), byte(i >> 8), byte(i)}))
			}
		}
		got := float64(d.estimate(1 << 30))
		if got < 0.95*float64(n)-1 || got > 1.05*float64(n)+1 {
			t.Errorf("got %.0f for %d addresses, want within 5 %%", got, n)
		}
	}
}

func TestDeltaOfCountersThatFell(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		start, end Counters
		want       uint64
		ok         bool
	}{
		{"rose", Counters{"a": 1}, Counters{"a": 5}, 4, true},
		{"stood", Counters{"a": 5}, Counters{"a": 5}, 0, true},
		{"fell", Counters{"a": 5}, Counters{"a": 1}, 0, false},
		{"absent at the start", Counters{}, Counters{"a": 1}, 0, false},
		{"absent at the end", Counters{"a": 1}, nil, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, ok := Delta(c.start, c.end, "a")
			if got != c.want || ok != c.ok {
				t.Errorf("got %d, %v, want %d, %v", got, ok, c.want, c.ok)
			}
		})
	}
}

var comparers = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
	cmp.Comparer(func(a, b Opt[uint64]) bool { return a == b }),
	cmp.Comparer(func(a, b Opt[uint32]) bool { return a == b }),
}

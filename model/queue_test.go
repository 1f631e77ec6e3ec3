package model

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var vintage = NewDialect(Probe{Release: "5.15.135"})

func TestAcceptLimit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ backlog, somaxconn, want int }{
		{511, 128, 128}, {511, 4096, 511}, {128, 128, 128}, {0, 128, 0}, {-1, 128, 128}, {5, 128, 5}, {129, 128, 128},
	} {
		if got := AcceptLimit(tt.backlog, tt.somaxconn); got != tt.want {
			t.Errorf("listen(%d) with somaxconn %d: got %d, want %d", tt.backlog, tt.somaxconn, got, tt.want)
		}
	}
}

func TestAcceptQueueFull(t *testing.T) {
	t.Parallel()
	// B=4 takes 5, B=0 takes 1.
	for _, tt := range []struct {
		limit, length int
		full          bool
		room          int
	}{
		{4, 4, false, 1}, {4, 5, true, 0}, {0, 0, false, 1}, {0, 1, true, 0}, {1, 5, true, -3},
	} {
		q := AcceptQueue{Limit: tt.limit, Length: tt.length}
		if q.Full() != tt.full || q.Room() != tt.room {
			t.Errorf("%d of %d: got full %v, room %d, want %v, %d", tt.length, tt.limit, q.Full(), q.Room(), tt.full, tt.room)
		}
	}
}

func TestAcceptArrivals(t *testing.T) {
	t.Parallel()
	overflow := []Counter{CListenOverflows, CListenDrops}
	cookie := []Counter{CSyncookiesRecv, CListenOverflows, CListenDrops}
	for _, tt := range []struct {
		name        string
		full, abort bool
		arrival     AcceptArrival
		want        AcceptOutcome
	}{
		{"SYN", false, false, ArrivalSYN, AcceptOutcome{RequestStays: true}},
		{"ACK", false, false, ArrivalStoredACK, AcceptOutcome{Child: true, Counters: []Counter{CPassiveOpens, CCurrEstabPlus}}},
		{"ACK, aborting", false, true, ArrivalStoredACK, AcceptOutcome{Child: true, Counters: []Counter{CPassiveOpens, CCurrEstabPlus}}},
		{"cookie", false, false, ArrivalCookieACK, AcceptOutcome{Child: true, Counters: []Counter{CSyncookiesRecv, CPassiveOpens, CCurrEstabPlus}}},
		{"SYN, full", true, false, ArrivalSYN, AcceptOutcome{Dropped: true, Counters: overflow, ListenerDrops: 1}},
		{"SYN, full, aborting", true, true, ArrivalSYN, AcceptOutcome{Dropped: true, Counters: overflow, ListenerDrops: 1}},
		{"ACK, full", true, false, ArrivalStoredACK, AcceptOutcome{Dropped: true, RequestStays: true, Counters: overflow, ListenerDrops: 2}},
		{"ACK, full, aborting", true, true, ArrivalStoredACK,
			AcceptOutcome{Reset: true, Counters: []Counter{CListenOverflows, CListenDrops, CEmbryonicRsts, COutRsts}, ListenerDrops: 2}},
		{"cookie, full", true, false, ArrivalCookieACK, AcceptOutcome{Dropped: true, Counters: cookie, ListenerDrops: 1}},
		{"cookie, full, aborting", true, true, ArrivalCookieACK, AcceptOutcome{Dropped: true, Counters: cookie, ListenerDrops: 1}},
	} {
		q := AcceptQueue{Limit: 4, Length: 4, AbortOnOverflow: tt.abort}
		if tt.full {
			q.Length++
		}
		if diff := cmp.Diff(tt.want, q.Arrive(tt.arrival)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if got := (AcceptQueue{Length: 1}).Arrive(AcceptArrival(9)); !got.Dropped {
		t.Errorf("an unknown arrival: got %+v, want a drop", got)
	}
}

func TestReuseportGroups(t *testing.T) {
	t.Parallel()
	// Four listeners with a backlog of 4, 40 clients, 20 accepted.
	if a, r := GroupAcceptance([]int{4, 4, 4, 4}, []int{13, 10, 11, 6}); a != 20 || r != 20 {
		t.Errorf("got %d accepted, %d refused, want 20, 20", a, r)
	}
	if a, r := GroupAcceptance([]int{4, 4}, []int{5, 0}); a != 5 || r != 0 {
		t.Errorf("got %d accepted, %d refused, want 5, 0", a, r)
	}
	for _, tt := range []struct {
		queued, others int
		migrate        bool
		moved, reset   int
		counters       []Counter
	}{
		{10, 100, false, 0, 10, []Counter{COutRsts, CEstabResets, CCurrEstabMinus}},
		{8, 3, true, 8, 0, []Counter{CTCPMigrateReqSuccess}},
		{8, 1, true, 8, 0, []Counter{CTCPMigrateReqSuccess}},
		{8, -1, true, 0, 8, []Counter{CTCPMigrateReqFailure, COutRsts, CEstabResets, CCurrEstabMinus}},
		{1, 0, true, 0, 1, []Counter{CTCPMigrateReqFailure, COutRsts, CEstabResets, CCurrEstabMinus}},
	} {
		moved, reset, counters := GroupMemberCloses(tt.queued, tt.others, tt.migrate)
		if moved != tt.moved || reset != tt.reset || !slices.Equal(counters, tt.counters) {
			t.Errorf("%+v: got %d moved, %d reset, %v", tt, moved, reset, counters)
		}
	}
}

func TestSynDecisions(t *testing.T) {
	t.Parallel()
	plenty := SynQueue{Limit: 64, MaxSynBacklog: 1024, Extra: 1}
	full := plenty
	full.HalfOpen = 65
	with := func(q SynQueue, f func(*SynQueue)) SynQueue { f(&q); return q }
	cookies := func(k int) func(*SynQueue) { return func(q *SynQueue) { q.Syncookies = k } }
	overflowing := func(q *SynQueue) { q.AcceptLength = 65 }
	quarter := with(plenty, func(q *SynQueue) { q.MaxSynBacklog, q.HalfOpen = 64, 49 })
	for _, tt := range []struct {
		name    string
		queue   SynQueue
		arrival SynArrival
		rule    int
		result  SynResult
		counts  string
		drops   int
	}{
		{"multicast", plenty, SynArrival{Multicast: true}, 1, SynDropped, "ListenDrops", 1},
		{"stored", plenty, SynArrival{}, 9, SynStored, "", 0},
		{"full, cookies 0", full, SynArrival{}, 2, SynDropped, "TCPReqQFullDrop ListenDrops", 1},
		{"one below full, cookies 0", with(plenty, func(q *SynQueue) { q.HalfOpen = 64 }), SynArrival{}, 9, SynStored, "", 0},
		{"full, cookies 0, over TIME_WAIT", full, SynArrival{TimeWait: true}, 9, SynStored, "", 0},
		{"full, cookies 1", with(full, cookies(1)), SynArrival{}, 8, SynCookie, "TCPReqQFullDoCookies SyncookiesSent", 0},
		{"full, cookies 3 acts as 1", with(full, cookies(3)), SynArrival{}, 8, SynCookie, "TCPReqQFullDoCookies SyncookiesSent", 0},
		{"room, cookies 3 acts as 1", with(plenty, cookies(3)), SynArrival{}, 9, SynStored, "", 0},
		{"full, cookies 1, over TIME_WAIT", with(full, cookies(1)), SynArrival{TimeWait: true}, 9, SynStored, "", 0},
		{"room, cookies 1", with(plenty, cookies(1)), SynArrival{}, 9, SynStored, "", 0},
		{"room, cookies 2", with(plenty, cookies(2)), SynArrival{}, 8, SynCookie, "TCPReqQFullDoCookies SyncookiesSent", 0},
		{"cookies 2, over TIME_WAIT", with(plenty, cookies(2)), SynArrival{TimeWait: true}, 9, SynStored, "", 0},
		{"accept queue full", with(plenty, overflowing), SynArrival{}, 4, SynDropped, "ListenOverflows ListenDrops", 1},
		{"accept queue full, cookies 2", with(with(plenty, cookies(2)), overflowing), SynArrival{}, 4, SynDropped,
			"TCPReqQFullDoCookies ListenOverflows ListenDrops", 1},
		{"accept queue full, over TIME_WAIT", with(plenty, overflowing), SynArrival{TimeWait: true}, 4, SynDropped, "ListenOverflows ListenDrops", 1},
		{"accept queue one below full", with(plenty, func(q *SynQueue) { q.AcceptLength = 64 }), SynArrival{}, 9, SynStored, "", 0},
		{"no memory", plenty, SynArrival{NoMemory: true}, 5, SynDropped, "ListenDrops", 1},
		{"no memory for a cookie", with(full, cookies(1)), SynArrival{NoMemory: true}, 5, SynDropped, "TCPReqQFullDoCookies ListenDrops", 1},
		{"no route", plenty, SynArrival{NoRoute: true}, 6, SynDropped, "ListenDrops OutNoRoutes", 1},
		{"last quarter", quarter, SynArrival{}, 7, SynDropped, "ListenDrops", 1},
		{"last quarter, proven", quarter, SynArrival{Proven: true}, 9, SynStored, "", 0},
		{"last quarter, over TIME_WAIT", quarter, SynArrival{TimeWait: true}, 9, SynStored, "", 0},
		{"last quarter, cookies 1", with(quarter, cookies(1)), SynArrival{}, 9, SynStored, "", 0},
		{"just before the last quarter", with(quarter, func(q *SynQueue) { q.HalfOpen = 48 }), SynArrival{}, 9, SynStored, "", 0},
	} {
		got := tt.queue.Decide(tt.arrival)
		names := make([]string, len(got.Counters))
		for i, c := range got.Counters {
			_, names[i], _ = strings.Cut(string(c), ".")
		}
		if got.Rule != tt.rule || got.Result != tt.result || strings.Join(names, " ") != tt.counts || got.ListenerDrops != tt.drops {
			t.Errorf("%s: got rule %d, %s, %v, %d drops, want rule %d, %s, %q, %d", tt.name,
				got.Rule, got.Result, names, got.ListenerDrops, tt.rule, tt.result, tt.counts, tt.drops)
		}
	}
	for i, r := range SynRules() {
		if r.Number != i+1 || r.Name == "" || r.Applies == nil {
			t.Errorf("rule %d is number %d, %q", i+1, r.Number, r.Name)
		}
	}
	if got := decideSyn(nil, plenty, SynArrival{}); got.Result != SynDropped {
		t.Errorf("no rule at all: got %s, want a drop", got.Result)
	}
}

// TestHalfOpenCapacity holds the closed form against the decision table, on
// both dialects, and against what was measured on a kernel.
func TestHalfOpenCapacity(t *testing.T) {
	t.Parallel()
	measured := []struct{ limit, m, k, want int }{
		{64, 16, 1, 65}, {8, 2048, 1, 9}, {64, 128, 0, 65}, {4096, 128, 0, 97}, {1024, 256, 0, 193}, {64, 128, 2, 0}, {0, 128, 1, 1},
	}
	for _, tt := range measured {
		if got := HalfOpenCapacity(tt.limit, tt.m, tt.k, false, modern); got != tt.want {
			t.Errorf("B=%d M=%d K=%d: got %d, want %d", tt.limit, tt.m, tt.k, got, tt.want)
		}
	}
	if got := HalfOpenCapacity(4096, 128, 0, true, modern); got != 4097 {
		t.Errorf("proven peers: got %d, want 4097", got)
	}
	if HalfOpenBinding(64, 128, 0, modern) != LimitBacklog || HalfOpenBinding(4096, 128, 0, modern) != LimitMaxSynBacklog ||
		HalfOpenBinding(4096, 128, 1, modern) != LimitBacklog || HalfOpenBinding(4096, 128, 2, modern) != LimitCookies {
		t.Error("the binding limit is wrong")
	}
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.SampledFrom([]Dialect{modern, vintage}).Draw(t, "dialect")
		q := SynQueue{
			Limit:         rapid.IntRange(0, 300).Draw(t, "B"),
			MaxSynBacklog: rapid.IntRange(0, 300).Draw(t, "M"),
			Syncookies:    rapid.IntRange(0, 2).Draw(t, "K"),
			Extra:         d.SynQueueExtra,
		}
		proven := rapid.Bool().Draw(t, "proven")
		want := HalfOpenCapacity(q.Limit, q.MaxSynBacklog, q.Syncookies, proven, d)
		for q.Decide(SynArrival{Proven: proven}).Result == SynStored {
			if q.HalfOpen++; q.HalfOpen > 1000 {
				t.Fatalf("the queue never fills: %+v", q)
			}
		}
		if q.HalfOpen != want {
			t.Fatalf("%+v proven %v: the table stores %d, the formula says %d", q, proven, q.HalfOpen, want)
		}
	})
}

func ExampleHalfOpenCapacity() {
	d := NewDialect(Probe{Release: "6.18.44"})
	fmt.Println(HalfOpenCapacity(4096, 128, 0, false, d), HalfOpenBinding(4096, 128, 0, d))
	fmt.Println(HalfOpenCapacity(128, 16, 1, false, d), HalfOpenBinding(128, 16, 1, d))
	// Output:
	// 97 three quarters of tcp_max_syn_backlog
	// 129 listen backlog
}

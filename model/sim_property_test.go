package model

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func anySim(t *rapid.T) SimConfig {
	c := quietSim()
	c.Backlog = rapid.IntRange(0, 40).Draw(t, "backlog")
	c.Somaxconn = rapid.IntRange(0, 40).Draw(t, "somaxconn")
	c.MaxSynBacklog = rapid.IntRange(0, 64).Draw(t, "M")
	c.Syncookies = rapid.IntRange(0, 2).Draw(t, "K")
	c.SynackRetries = rapid.IntRange(0, 6).Draw(t, "synack retries")
	c.AbortOnOverflow = rapid.Bool().Draw(t, "abort")
	c.Dialect = rapid.SampledFrom([]Dialect{modern, vintage}).Draw(t, "dialect")
	c.Arrivals = nil
	for range rapid.IntRange(0, 2).Draw(t, "processes") {
		c.Arrivals = append(c.Arrivals, rapid.SampledFrom([]Arrivals{
			{Kind: PoissonArrivals, PerSecond: 50}, {Kind: ConstantArrivals, PerSecond: 30}, {Kind: BurstArrivals, Size: 60, Every: 3 * time.Second},
		}).Draw(t, "arrivals"))
	}
	c.FloodPerSecond = rapid.SampledFrom([]float64{0, 0, 5, 100}).Draw(t, "flood")
	c.Service = rapid.SampledFrom([]Service{{PerSecond: 20}, {PerSecond: 200, Batch: 5}, {Never: true}, {PerSecond: 60, Poisson: true}}).Draw(t, "service")
	if rapid.Bool().Draw(t, "stalls") {
		c.Stalls = []Stall{{At: time.Second, Length: time.Second, Every: 4 * time.Second}, {Length: 300 * ms}}
	}
	c.RTT = time.Duration(rapid.IntRange(0, 2000).Draw(t, "rtt ms")) * ms
	c.SlowShare, c.SlowDelay = rapid.SampledFrom([]float64{0, 0.3, 1}).Draw(t, "slow"), 1700*ms
	c.SynRetries, c.SynLinearTimeouts = rapid.IntRange(1, 3).Draw(t, "syn retries"), rapid.IntRange(0, 4).Draw(t, "linear")
	c.GiveUp = rapid.SampledFrom([]time.Duration{0, 0, 1500 * ms}).Draw(t, "patience")
	c.Quiet = rapid.Bool().Draw(t, "quiet")
	c.Duration = time.Duration(rapid.IntRange(1, 40).Draw(t, "seconds")) * sec
	c.Seed = rapid.Uint64().Draw(t, "seed")
	return c
}

// TestSimulationLaws checks that no queue exceeds its bound, that no client is
// lost from the books, and that a run can be repeated.
func TestSimulationLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := anySim(t)
		r, err := Simulate(c)
		if err != nil {
			t.Fatal(err)
		}
		limit := AcceptLimit(c.Backlog, c.Somaxconn)
		if r.Limit != limit || r.AcceptPeak > AcceptCapacity(limit) {
			t.Fatalf("the accept queue of %d held %d", limit, r.AcceptPeak)
		}
		if bound := HalfOpenCapacity(limit, c.MaxSynBacklog, c.Syncookies, false, c.Dialect); r.HalfOpenPeak > bound {
			t.Fatalf("the half-open queue of %d held %d", bound, r.HalfOpenPeak)
		}
		if sum := r.Served + r.TimedOut + r.Reset + r.GaveUp + r.Hung + r.Pending; sum != r.Arrivals {
			t.Fatalf("%d arrived, %d are accounted for: %+v", r.Arrivals, sum, r.SimTally)
		}
		if r.Counters.PassiveOpens != r.Accepted+r.Queued || r.Accepted != r.Served+r.AcceptedTooLate {
			t.Fatalf("%d children, %d accepted, %d queued, %d served", r.Counters.PassiveOpens, r.Accepted, r.Queued, r.Served)
		}
		if r.Counters.ListenDrops < r.Counters.ListenOverflows+r.Counters.ReqQFullDrop || r.Counters.ListenerDrops < r.Counters.ListenDrops {
			t.Fatalf("drops do not add up: %+v", r.Counters)
		}
		if r.SynsDropped+r.FloodDropped+r.AcksDropped != r.Counters.ListenDrops {
			t.Fatalf("%d SYNs, %d of the flood, %d ACKs dropped, but %d ListenDrops", r.SynsDropped, r.FloodDropped, r.AcksDropped, r.Counters.ListenDrops)
		}
		if r.WaitMedian > r.Wait99 || r.Wait99 > r.WaitMost || r.WaitMedian < 0 {
			t.Fatalf("quantiles go back: %v, %v, %v", r.WaitMedian, r.Wait99, r.WaitMost)
		}
		var drops uint64
		for i, s := range r.Trajectory {
			drops += s.Drops
			if s.AcceptPeak < s.Accept || s.HalfOpenPeak < s.HalfOpen || i > 0 && s.Seconds <= r.Trajectory[i-1].Seconds {
				t.Fatalf("point %d makes no sense: %+v", i, s)
			}
		}
		if drops > r.Counters.ListenDrops {
			t.Fatalf("the trajectory has %d drops of %d", drops, r.Counters.ListenDrops)
		}
		if again, _ := Simulate(c); !cmp.Equal(r, again, cmp.AllowUnexported(SimTally{}, SimResult{})) {
			t.Fatalf("the same seed gave another result: %s", cmp.Diff(r, again, cmp.AllowUnexported(SimTally{})))
		}
	})
}

// TestEventHeapSorts takes events out in the order of time, then of creation.
func TestEventHeapSorts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var h eventHeap
		last := event{at: -10}
		n := 0
		for _, at := range rapid.SliceOf(rapid.Int64Range(-3, 20)).Draw(t, "times") {
			if at < 0 {
				if n == 0 {
					continue
				}
				h.pop()
				n--
				last = event{at: -10}
				continue
			}
			h.push(event{at: at})
			n++
		}
		for ; n > 0; n-- {
			e := h.pop()
			if e.before(last) {
				t.Fatalf("%+v came after %+v", e, last)
			}
			last = e
		}
		if len(h.items) != 0 {
			t.Fatalf("%d events are left", len(h.items))
		}
	})
}

func TestQueueIsFirstInFirstOut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var r idRing
		var model []uint32
		for i, push := range rapid.SliceOf(rapid.Bool()).Draw(t, "pushes") {
			if push || len(model) == 0 {
				r.push(queued{id: uint32(i)})
				model = append(model, uint32(i))
			} else {
				if got := r.pop().id; got != model[0] {
					t.Fatalf("got %d, want %d", got, model[0])
				}
				model = model[1:]
			}
			if r.len() != len(model) {
				t.Fatalf("got %d, want %d", r.len(), len(model))
			}
		}
	})
}

func TestWaitBuckets(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Int64Range(0, 1<<60).Draw(t, "ns")
		b := waitBucket(v)
		if top := waitValue(b); top < v || float64(top-v) > 0.0667*float64(v)+1 {
			t.Fatalf("%d is in bucket %d, which ends at %d", v, b, top)
		}
		if b > 0 && waitValue(b-1) >= v {
			t.Fatalf("%d belongs into bucket %d already", v, b-1)
		}
	})
	var h waitHistogram
	if h.quantile(0.5, 0) != 0 {
		t.Error("nobody waited")
	}
	for i := range int64(1000) {
		h.add(i * 1000)
	}
	if got := h.quantile(0.5, 0); got < 470*time.Microsecond || got > 535*time.Microsecond {
		t.Errorf("got a median of %v, want about 500 µs", got)
	}
	if got := h.quantile(1, 999000); got != 0 {
		t.Errorf("got %v beyond the round trip, want 0", got)
	}
}

package model

import (
	"testing"
	"time"
)

// BenchmarkSimulate runs ten thousand connections a second through a queue
// that overflows now and then.
func BenchmarkSimulate(b *testing.B) {
	c := quietSim()
	c.Arrivals = []Arrivals{{Kind: PoissonArrivals, PerSecond: 10000}}
	c.Service = Service{PerSecond: 12000}
	c.Stalls = []Stall{{At: 5 * time.Second, Length: 300 * time.Millisecond, Every: 10 * time.Second}}
	c.Duration = 50 * time.Second
	b.ReportAllocs()
	var n uint64
	for b.Loop() {
		r, err := Simulate(c)
		if err != nil {
			b.Fatal(err)
		}
		n += r.Arrivals
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "connections/s")
}

// BenchmarkSimulateFlood adds spoofed SYNs, most of which are refused.
func BenchmarkSimulateFlood(b *testing.B) {
	c := quietSim()
	c.Arrivals = []Arrivals{{Kind: PoissonArrivals, PerSecond: 1000}}
	c.Service, c.FloodPerSecond, c.Duration = Service{PerSecond: 1200}, 20000, 20*time.Second
	var n uint64
	for b.Loop() {
		r, err := Simulate(c)
		if err != nil {
			b.Fatal(err)
		}
		n += r.Arrivals + r.FloodSYNs
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "connections/s")
}

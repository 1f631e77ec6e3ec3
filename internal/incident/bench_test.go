package incident

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/tcpdoctor/tcpdoctor/rules"
)

// BenchmarkObserve judges one tick of a host with so many findings, all open.
func BenchmarkObserve(b *testing.B) {
	for _, n := range []int{0, 10, 1000} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			s := newStage()
			var all []rules.Finding
			for i := range n {
				all = append(all, listenerOn("0.0.0.0", uint16(1000+i), "nginx", rules.Warning, i+1))
			}
			s.play(s.tick*6, see(all...))
			b.ReportAllocs()
			for b.Loop() {
				s.play(s.tick, see(all...))
			}
			if data, err := json.Marshal(s.t.Memory()); err == nil {
				b.ReportMetric(float64(len(data)), "bytes-kept")
			}
		})
	}
}

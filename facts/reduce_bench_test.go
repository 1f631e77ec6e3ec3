package facts

import (
	"fmt"
	"iter"
	"net/netip"
	"testing"
)

// crowd yields n established sockets, half of them inbound at port 443, with
// as many addresses as spread.
func crowd(n, spread int) iter.Seq2[*Socket, error] {
	return func(yield func(*Socket, error) bool) {
		var s Socket
		for i := range n {
			s = Socket{
				Cookie: uint64(i + 1), State: Established, Family: IPv4, Inode: uint32(i + 1),
				Info: TCPInfo{Len: uint16(InfoTotalRTO), LastAckRecvMillis: uint32(i)},
			}
			k := i / 2 % spread
			a := netip.AddrFrom4([4]byte{10, byte(k >> 16), byte(k >> 8), byte(k)})
			near, far := netip.AddrPortFrom(a, 443), netip.AddrPortFrom(a, uint16(32768+i%28000))
			s.Local, s.Remote = near, far
			if i%2 == 0 {
				s.Local, s.Remote = far, near
			}
			if !yield(&s, nil) {
				return
			}
		}
	}
}

func BenchmarkReduce(b *testing.B) {
	o := ReduceOptions{PortLow: 32768, PortHigh: 60999}
	o.Listening.Add(443)
	for _, spread := range []int{1, 100, 20000} {
		b.Run(fmt.Sprintf("n=100000/addresses=%d", spread), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Reduce(crowd(100000, spread), o); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100000, "ns/socket")
		})
	}
}

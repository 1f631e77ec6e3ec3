package model

import (
	"net/netip"
	"testing"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// TestResetsAreRefusedACKs is about which of the refused tcp_abort_on_overflow
// resets: the listener's own counter tells last ACKs, which count twice, from SYNs.
func TestResetsAreRefusedACKs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		abort     string
		own       uint32
		overflows uint64
		embryonic uint64
		want      float64 // resets per second if the setting is on
	}{
		{"SYNs only", "0", 100, 100, 0, 0},
		{"last ACKs only", "0", 200, 100, 0, 20},
		{"three SYNs to one ACK", "0", 125, 100, 0, 5},
		{"healthy events besides", "0", 900, 100, 0, 20},
		{"already on", "1", 100, 100, 35, 7},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := windowOf(map[string]string{KeyAbortOnOverflow: tt.abort},
				facts.Counters{"TcpExt.ListenOverflows": tt.overflows, "TcpExt.EmbryonicRsts": tt.embryonic, "Tcp.PassiveOpens": 500},
				facts.Census{Sockets: 1, Complete: true, Listeners: []facts.Listener{{
					Cookie: 1, Local: netip.MustParseAddrPort("0.0.0.0:80"), Family: facts.IPv4, Queue: 64, Limit: 64,
				}}},
				facts.Watch{Cookie: 1, Polls: 50, Full: 10, HighWater: 65, FirstDrops: some(uint32(0)), LastDrops: some(tt.own)})
			n := &NewView(w).Namespaces[0]
			to, verdict := "1", Harmful
			if tt.abort == "1" {
				to, verdict = "0", Helps
			}
			e := Predict(n, Change{Key: KeyAbortOnOverflow, Value: to})
			f := figure(t, e, FigureResets)
			if got := max(f.Before, f.After); e.Verdict != verdict || got != tt.want {
				t.Errorf("got %s, %v resets/s, want %s, %v", e.Verdict, got, verdict, tt.want)
			}
		})
	}
}

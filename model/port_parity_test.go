package model

import "testing"

func TestPortParity(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		low           uint16
		connect, bind uint16
	}{{32768, 0, 1}, {1025, 1, 0}} {
		r := PortRange{tt.low, 60999}
		if ConnectParity(r) != tt.connect || BindParity(r) != tt.bind {
			t.Errorf("from %d: got %d and %d, want %d and %d", tt.low, ConnectParity(r), BindParity(r), tt.connect, tt.bind)
		}
	}
}

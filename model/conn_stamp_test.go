package model

import "testing"

// Objects that are no full socket keep the newest timestamp too: a SYN on
// TIME_WAIT is held against that of the FIN. Measured on Linux 6.18.
func TestSmallObjectsKeepTheNewestTimestamp(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		from Node
		seg  Segment
		want uint32
	}{
		{"final ACK", nodeRequest, Segment{Flags: ACK, Timestamps: true, TSVal: 101}, 101},
		{"FIN in FIN_WAIT2", nodeFinWait2T, Segment{Flags: FIN | ACK, Timestamps: true, TSVal: 102}, 102},
		{"bare ACK in TIME_WAIT", nodeTimeWait, Segment{Flags: ACK, Timestamps: true, TSVal: 103}, 103},
		{"the same again", nodeTimeWait, Segment{Flags: ACK, Timestamps: true, TSVal: 100}, 100},
		{"without the option", nodeFinWait2T, Segment{Flags: FIN | ACK}, 100},
	} {
		stamped := func(c *Conn) { c.Timestamps, c.TSRecent = true, 100 }
		r := stepCase{from: tt.from, adjust: stamped, event: Event{Segment: tt.seg}}.run()
		if r.c.TSRecent != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, r.c.TSRecent, tt.want)
		}
	}
}

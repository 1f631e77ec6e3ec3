package sockdiag

import (
	"net/netip"
	"testing"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

func TestWantedOf(t *testing.T) {
	t.Parallel()
	samples := func(n int, moved uint64) (out []facts.Sample) {
		for i := range n {
			out = append(out, facts.Sample{Cookie: uint64(100 + i), Inode: uint32(1000 + i), BytesMoved: facts.Some(moved)})
		}
		return out
	}
	class := func(n int, moved uint64) facts.Class {
		return facts.Class{Total: uint64(n), Samples: samples(n, moved)}
	}
	far := netip.MustParseAddrPort("10.0.0.2:80")
	tests := []struct {
		name       string
		start, end map[facts.ClassName]facts.Class
		dest       facts.Destination
		want       int
	}{
		{"nothing", nil, nil, facts.Destination{Dest: far}, 0},
		{"established", nil, map[facts.ClassName]facts.Class{facts.ClassEstablished: class(1000, 1)}, facts.Destination{}, 0},
		{"few in close wait", nil, map[facts.ClassName]facts.Class{facts.ClassCloseWait: class(wantedCloseWait-1, 1)}, facts.Destination{}, 0},
		{"close wait", nil, map[facts.ClassName]facts.Class{facts.ClassCloseWait: class(wantedCloseWait, 1)}, facts.Destination{}, wantedCloseWait},
		{"unread for the first time", nil, map[facts.ClassName]facts.Class{facts.ClassUnread: class(20, 1)}, facts.Destination{}, 0},
		{"unread again, but moving", map[facts.ClassName]facts.Class{facts.ClassUnread: class(20, 1)}, map[facts.ClassName]facts.Class{facts.ClassUnread: class(20, 2)}, facts.Destination{}, 0},
		{"unread and still", map[facts.ClassName]facts.Class{facts.ClassUnread: class(10, 1)}, map[facts.ClassName]facts.Class{facts.ClassUnread: class(20, 1)}, facts.Destination{}, 10},
		{"few ports", nil, nil, facts.Destination{Dest: far, InRange: 100, Inodes: []uint32{1, 2, 3}}, 0},
		{"many ports", nil, nil, facts.Destination{Dest: far, InRange: 20_000, Inodes: []uint32{1, 2, 3, 4, 5, 6}}, wantedPerGroup},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := facts.NamespaceWindow{Namespace: facts.Namespace{Inode: 7}}
			n.Start.Census.Classes, n.End.Census.Classes = tt.start, tt.end
			n.End.Census.Listeners = []facts.Listener{{Cookie: 1, Inode: 11}}
			n.End.Census.Destinations = []facts.Destination{tt.dest}
			got, only := wantedOf([]facts.NamespaceWindow{n})
			if len(got) != 1+tt.want || !got[0].listener || only != nil {
				t.Errorf("got %v, want the listener and %d more", got, tt.want)
			}
		})
	}
}

package lab

import (
	"errors"
	"net/netip"
	"os"
	"testing"
	"time"
)

// TestObserve goes through one half-open connection with what sees it from
// outside: the stamp of each arrival, the look-up, and a router's complaint.
func TestObserve(t *testing.T) {
	t.Parallel()
	for _, family := range []Family{IPv4, IPv6} {
		t.Run(family.String(), func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			server, err := StartServer(t.Context(), b.Server, Server{
				Listen: []netip.AddrPort{netip.AddrPortFrom(family.Wildcard(), 8080)}, Backlog: 4, Stalled: true,
			}, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			peer, err := b.Peer()
			if err != nil {
				t.Fatal(err)
			}
			if err := peer.StampArrivals(); err != nil {
				t.Fatal(err)
			}
			if err := peer.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			local, remote := netip.AddrPortFrom(b.ServerAddr(family), 8080), netip.AddrPortFrom(b.Stranger(family, 1), 40000)
			if _, found, err := LookUp(b.Server, local, remote); found || err != nil {
				t.Errorf("before the SYN: got %v, %v, want no connection, only a listener", found, err)
			}
			began := time.Now()
			if err := peer.Send(Segment{From: remote, To: local, Flags: SYN, Seq: 1}); err != nil {
				t.Fatal(err)
			}
			answer, at, err := peer.ReceiveStamped()
			if err != nil {
				t.Fatal(err)
			}
			if answer.Flags != SYN|ACK || at.Before(began) || at.After(time.Now()) {
				t.Errorf("got %v at %v, want a SYN-ACK since %v", answer, at, began)
			}
			s, found, err := LookUp(b.Server, local, remote)
			if err != nil || !found || s.State != SynRecv || s.Local != local || s.Remote != remote {
				t.Errorf("after the SYN: got %+v, %v, %v, want the half-open entry", s, found, err)
			}
			if err := peer.SendUnreachable(answer); err != nil {
				t.Error(err)
			}
			if err := peer.Close(); err != nil {
				t.Error(err)
			}
			if _, _, err := peer.ReceiveStamped(); !errors.Is(err, os.ErrClosed) {
				t.Errorf("after Close: got %v, want that it is closed", err)
			}
		})
	}
}

package sockdiag

import (
	"net/netip"
	"testing"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// TestSocketsOfManyPieces walks over more sockets than one receive holds, and
// breaks walks off at every stage.
func TestSocketsOfManyPieces(t *testing.T) {
	t.Parallel()
	const connections = 300
	ns := freshNamespace(t)
	z := &zoo{ns: ns}
	defer z.close()
	err := ns.Do(func() error {
		for _, k := range []keeper{
			{z: z, kind: "ipv4", listen: netip.MustParseAddr("127.0.0.1"), port: 1000, family: facts.IPv4},
			{z: z, kind: "ipv6", listen: netip.IPv6Loopback(), port: 2000, family: facts.IPv6},
		} {
			l, err := k.server(connections, nil)
			if err != nil {
				return err
			}
			for range connections {
				if _, err := k.client(l, true); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = 4*connections + 2
	c := dialIn(t, ns)
	tee := &teeDumper{dumper: c.dump}
	c.walk.dump = tee
	if got := len(collect(t, c.Sockets(t.Context(), Request{Attributes: AllAttributes}))); got != want {
		t.Errorf("got %d sockets, want %d", got, want)
	}
	if *update {
		tee.save(t, busyDump)
	}
	c.walk.dump = c.dump
	for _, stop := range []int{1, 2, 70, 71, 72, 500, want - 1, want} {
		var n int
		for _, err := range c.Sockets(t.Context(), Request{Attributes: AllAttributes}) {
			if err != nil {
				t.Fatalf("stop at %d: %v", stop, err)
			}
			if n++; n == stop {
				break
			}
		}
		if got := len(collect(t, c.Listeners(t.Context()))); got != 2 {
			t.Errorf("after a stop at %d: got %d listeners, want 2", stop, got)
		}
	}
}

package sockdiag

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// dial opens a connection to the namespace of the process for one test.
func dial(t testing.TB) *Conn {
	t.Helper()
	c, err := Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func addrPort(t testing.TB, a net.Addr) netip.AddrPort {
	t.Helper()
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		t.Fatalf("address of type %T", a)
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

func TestSocketsFindsBothEndsOfAConnection(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", ":0"} {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			client, err := net.Dial("tcp", net.JoinHostPort(map[string]string{"[::1]:0": "::1"}[address], portOf(t, l)))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			want := map[[2]netip.AddrPort]bool{
				{addrPort(t, client.LocalAddr()), addrPort(t, client.RemoteAddr())}: false,
				{addrPort(t, client.RemoteAddr()), addrPort(t, client.LocalAddr())}: false,
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			for s, err := range dial(t).Sockets(ctx, Request{Attributes: AllAttributes}) {
				if err != nil {
					t.Fatal(err)
				}
				if _, ok := want[[2]netip.AddrPort{s.Local, s.Remote}]; !ok {
					continue
				}
				want[[2]netip.AddrPort{s.Local, s.Remote}] = true
				if s.State != facts.Established || !s.Info.Has(facts.InfoBytesRecv) || !s.Mem.Known || s.Congestion == "" {
					t.Errorf("got %+v, want an established socket with all attributes", *s)
				}
			}
			for ends, seen := range want {
				if !seen {
					t.Errorf("%v is missing", ends)
				}
			}
		})
	}
}

func portOf(t testing.TB, l net.Listener) string {
	t.Helper()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestShowsBound(t *testing.T) {
	t.Parallel()
	shows, err := ShowsBound(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("bound sockets shown: %v", shows)
}

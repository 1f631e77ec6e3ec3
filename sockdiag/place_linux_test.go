package sockdiag

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// freshNamespace makes a namespace with loopback up, until the test ends; or skips
// where that may not be done, but never in CI.
func freshNamespace(t testing.TB) *netns.Handle {
	t.Helper()
	h, err := netns.New()
	if err != nil {
		if os.Getenv("CI") == "" && errors.Is(err, fs.ErrPermission) {
			t.Skip("no right to make a network namespace; run as root or under unshare -rn")
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	err = h.Do(func() error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		return netlink.LinkSetUp(lo)
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// dialIn opens a connection to a namespace for one test.
func dialIn(t testing.TB, ns *netns.Handle) *Conn {
	t.Helper()
	var c *Conn
	if err := ns.Do(func() (err error) { c, err = Dial(); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// bothFamilies runs a test over IPv4 and over IPv6.
func bothFamilies(t *testing.T, test func(t *testing.T, family int)) {
	t.Helper()
	for name, family := range map[string]int{"ipv4": unix.AF_INET, "ipv6": unix.AF_INET6} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, family)
		})
	}
}

// socketAddress is a port of the loopback address.
func socketAddress(family, port int) unix.Sockaddr {
	at := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if family == unix.AF_INET6 {
		at = netip.IPv6Loopback()
	}
	return sockaddr(netip.AddrPortFrom(at, uint16(port)))
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

func addrPortOf(s unix.Sockaddr) netip.AddrPort {
	switch s := s.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(s.Addr), uint16(s.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(s.Addr).Unmap(), uint16(s.Port))
	}
	return netip.AddrPort{}
}

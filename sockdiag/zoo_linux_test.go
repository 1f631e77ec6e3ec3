package sockdiag

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// zoo is a namespace of its own with one socket or more in every state that
// INET_DIAG can show, in each of three kinds: IPv4, IPv6, and IPv4 on both
// sides of a dual-stack listener. All of it runs over loopback, and every state
// lasts for at least as long as the retransmission timers of the kernel.
type zoo struct {
	ns      *netns.Handle
	animals []animal
	fds     []int
	// restless are the ports of servers that still probe or retransmit; what
	// they and their clients count differs from one look to the next.
	restless []uint16
	// multipath tells that there is a listener for Multipath TCP.
	multipath bool
}

// animal is one socket and what a walk must say about it.
type animal struct {
	name   string
	cookie uint64 // 0 where no descriptor is left to ask
	local  netip.AddrPort
	remote netip.AddrPort
	family facts.Family
	state  facts.State
	fd     int // −1 without
}

// newZoo fills a namespace.
func newZoo(t testing.TB) *zoo {
	t.Helper()
	z := &zoo{ns: freshNamespace(t)}
	t.Cleanup(z.close)
	inside := func() error {
		for _, k := range []keeper{
			{z: z, kind: "ipv4", listen: netip.MustParseAddr("127.0.0.1"), port: 1000, family: facts.IPv4},
			{z: z, kind: "ipv6", listen: netip.IPv6Loopback(), port: 2000, family: facts.IPv6},
			{z: z, kind: "dual", listen: netip.IPv6Unspecified(), port: 3000, family: facts.IPv6},
		} {
			if err := k.fill(); err != nil {
				return err
			}
		}
		return z.addMultipath()
	}
	if err := z.ns.Do(inside); err != nil {
		t.Fatal(err)
	}
	z.settle(t)
	return z
}

// quiet tells whether two looks at a socket show the same counts.
func (z *zoo) quiet(s *facts.Socket) bool {
	return !slices.Contains(z.restless, s.Local.Port()) && !slices.Contains(z.restless, s.Remote.Port())
}

func (z *zoo) close() {
	for _, fd := range z.fds {
		_ = unix.Close(fd)
	}
}

// addMultipath adds a listener for Multipath TCP, whose TCP socket has an upper
// layer protocol; on a kernel without it nothing.
func (z *zoo) addMultipath() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_MPTCP)
	if errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.ENOPROTOOPT) {
		return nil
	}
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	z.fds = append(z.fds, fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: multipathPort}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	z.multipath = true
	return os.NewSyscallError("listen", unix.Listen(fd, 3))
}

// multipathPort is where the zoo listens for Multipath TCP.
const multipathPort = 4000

// settle waits until the kernel shows every animal in its state.
func (z *zoo) settle(t testing.TB) {
	t.Helper()
	c := dialIn(t, z.ns)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for {
		sockets := collect(t, c.Sockets(ctx, Request{Attributes: AllAttributes}))
		missing := ""
		for _, a := range z.animals {
			if s := a.find(sockets); s == nil || s.State != a.state {
				missing = a.name
			}
		}
		if missing == "" {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%s never came into its state", missing)
		}
	}
}

// find picks the animal out of a walk: by cookie, else by addresses.
func (a *animal) find(sockets []facts.Socket) *facts.Socket {
	for i := range sockets {
		s := &sockets[i]
		if a.cookie != 0 && s.Cookie == a.cookie {
			return s
		}
		if a.cookie == 0 && s.Local == a.local && s.Remote == a.remote {
			return s
		}
	}
	return nil
}

package sockdiag

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// keeper brings sockets of one kind into each state. Its thread is in the
// namespace of the zoo.
type keeper struct {
	z      *zoo
	kind   string
	listen netip.Addr // of servers
	port   uint16     // of the next server
	family facts.Family
}

// pair is the two ends of one connection.
type pair struct{ client, server int }

func (k *keeper) fill() error {
	for _, f := range []func() error{
		k.listening, k.established, k.adorned, k.unaccepted, k.synSent, k.synRecv, k.bound, k.closeWait, k.lastAck,
		k.closing, k.finWait1, k.timeWait, k.orphan,
	} {
		if err := f(); err != nil {
			return fmt.Errorf("%s: %w", k.kind, err)
		}
	}
	return nil
}

// sight is a socket that a walk must find.
type sight struct {
	name  string
	fd    int
	state facts.State
}

func (k *keeper) listening() error {
	l, err := k.server(7, nil)
	if err != nil {
		return err
	}
	return k.show(sight{"listen", l, facts.Listen})
}

func (k *keeper) established() error {
	p, err := k.connected()
	if err != nil {
		return err
	}
	for _, fd := range []int{p.client, p.server} {
		if _, err := unix.Write(fd, make([]byte, 1000+fd)); err != nil {
			return os.NewSyscallError("write", err)
		}
	}
	return k.show(sight{"client", p.client, facts.Established}, sight{"server", p.server, facts.Established})
}

// adorned carries what few sockets have: a mark, a device, its own congestion
// control.
func (k *keeper) adorned() error {
	p, err := k.connected()
	if err != nil {
		return err
	}
	for _, err := range []error{
		unix.SetsockoptInt(p.client, unix.SOL_SOCKET, unix.SO_MARK, 0x1f2e3d4c),
		unix.SetsockoptString(p.client, unix.IPPROTO_TCP, unix.TCP_CONGESTION, "reno"),
		unix.BindToDevice(p.client, "lo"),
	} {
		if err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	return k.show(sight{"adorned", p.client, facts.Established})
}

// unaccepted is a child in the accept queue.
func (k *keeper) unaccepted() error {
	c, err := k.waiting(7, nil)
	if err != nil {
		return err
	}
	return k.showPeer(sight{"unaccepted", c, facts.Established})
}

// synSent is a client whose SYN a listener with a full queue drops.
func (k *keeper) synSent() error {
	l, err := k.server(0, nil)
	if err != nil {
		return err
	}
	if _, err := k.client(l, true); err != nil { // backlog 0 holds one
		return err
	}
	k.z.restless = append(k.z.restless, k.port)
	c, err := k.client(l, false)
	if err != nil {
		return err
	}
	return k.show(sight{"syn sent", c, facts.SynSent})
}

// synRecv is what TCP_DEFER_ACCEPT keeps back until data comes.
func (k *keeper) synRecv() error {
	c, err := k.waiting(7, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 30)
	})
	if err != nil {
		return err
	}
	return k.showPeer(sight{"syn recv", c, facts.SynRecv})
}

// bound is a socket with a port and nothing else.
func (k *keeper) bound() error {
	fd, err := k.socket(k.listen)
	if err != nil {
		return err
	}
	if err := k.bind(fd); err != nil {
		return err
	}
	return k.show(sight{"bound", fd, facts.Close})
}

// closeWait has its client in FIN_WAIT2.
func (k *keeper) closeWait() error {
	p, err := k.connected()
	if err != nil {
		return err
	}
	if err := shutdown(p.client); err != nil {
		return err
	}
	return k.show(sight{"fin wait 2", p.client, facts.FinWait2}, sight{"close wait", p.server, facts.CloseWait})
}

// lastAck cannot send its FIN, because its client reads nothing.
func (k *keeper) lastAck() error {
	return k.unsent("last ack", facts.LastAck, func(p pair) []int { return []int{p.client, p.server} })
}

// closing gets the other side's FIN before it could send its own.
func (k *keeper) closing() error {
	return k.unsent("closing", facts.Closing, func(p pair) []int { return []int{p.server, p.client} })
}

// finWait1 cannot send its FIN either.
func (k *keeper) finWait1() error {
	return k.unsent("fin wait 1", facts.FinWait1, func(p pair) []int { return []int{p.server} })
}

// unsent shows a server that cannot send its FIN, after some ends were shut down in
// their order.
func (k *keeper) unsent(name string, state facts.State, order func(pair) []int) error {
	p, err := k.stuck()
	if err != nil {
		return err
	}
	if err := shutdown(order(p)...); err != nil {
		return err
	}
	return k.show(sight{name, p.server, state})
}

// timeWait closes both ends, client first.
func (k *keeper) timeWait() error {
	p, err := k.leaving(sight{"time wait", 0, facts.TimeWait})
	if err != nil {
		return err
	}
	k.close(p.server)
	return nil
}

// orphan is a FIN_WAIT2 that nobody owns any more.
func (k *keeper) orphan() error {
	_, err := k.leaving(sight{"orphaned fin wait 2", 0, facts.FinWait2})
	return err
}

// leaving makes a connection and closes its client.
func (k *keeper) leaving(s sight) (pair, error) {
	p, err := k.connected()
	if err != nil {
		return p, err
	}
	s.fd = p.client
	if err := k.showGone(s); err != nil {
		return p, err
	}
	k.close(p.client)
	return p, nil
}

// shutdown ends one direction of some sockets.
func shutdown(fds ...int) error {
	for _, fd := range fds {
		if err := unix.Shutdown(fd, unix.SHUT_WR); err != nil {
			return os.NewSyscallError("shutdown", err)
		}
	}
	return nil
}

// waiting connects to a new listener that accepts nothing.
func (k *keeper) waiting(backlog int, prepare func(fd int) error) (client int, err error) {
	l, err := k.server(backlog, prepare)
	if err != nil {
		return -1, err
	}
	return k.client(l, true)
}

// connected makes a connection and accepts it.
func (k *keeper) connected() (p pair, err error) {
	l, err := k.server(7, nil)
	if err != nil {
		return p, err
	}
	if p.client, err = k.client(l, true); err != nil {
		return p, err
	}
	if p.server, _, err = unix.Accept4(l, unix.SOCK_CLOEXEC); err != nil {
		return p, os.NewSyscallError("accept4", err)
	}
	k.z.fds = append(k.z.fds, p.server)
	return p, nil
}

// stuck makes a connection whose server has more to send than its client takes.
func (k *keeper) stuck() (p pair, err error) {
	if p, err = k.connected(); err != nil {
		return p, err
	}
	k.z.restless = append(k.z.restless, k.port)
	if err := unix.SetNonblock(p.server, true); err != nil {
		return p, os.NewSyscallError("fcntl", err)
	}
	for data := make([]byte, 1<<20); err == nil; {
		_, err = unix.Write(p.server, data)
	}
	if !errors.Is(err, unix.EAGAIN) {
		return p, os.NewSyscallError("write", err)
	}
	return p, nil
}

// socket opens a socket fit for an address.
func (k *keeper) socket(a netip.Addr) (int, error) {
	family := unix.AF_INET
	if a.Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	k.z.fds = append(k.z.fds, fd)
	return fd, nil
}

// server opens a listener at the next port.
func (k *keeper) server(backlog int, prepare func(fd int) error) (int, error) {
	fd, err := k.socket(k.listen)
	if err != nil {
		return -1, err
	}
	if k.kind == "ipv6" {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return -1, os.NewSyscallError("setsockopt", err)
		}
	}
	if prepare != nil {
		if err := prepare(fd); err != nil {
			return -1, os.NewSyscallError("setsockopt", err)
		}
	}
	if err := k.bind(fd); err != nil {
		return -1, err
	}
	return fd, os.NewSyscallError("listen", unix.Listen(fd, backlog))
}

// bind binds a socket to the next port.
func (k *keeper) bind(fd int) error {
	k.port++
	return os.NewSyscallError("bind", unix.Bind(fd, sockaddr(netip.AddrPortFrom(k.listen, k.port))))
}

// client connects to a listener, with small buffers and a clamped window so
// that the two window scales of a connection differ.
func (k *keeper) client(listener int, wait bool) (int, error) {
	to := k.address()
	fd, err := k.socket(to.Addr())
	if err != nil {
		return -1, err
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_WINDOW_CLAMP, 60000); err != nil {
		return -1, os.NewSyscallError("setsockopt", err)
	}
	if err := unix.SetNonblock(fd, !wait); err != nil {
		return -1, os.NewSyscallError("fcntl", err)
	}
	if err := unix.Connect(fd, sockaddr(to)); err != nil && (wait || err != unix.EINPROGRESS) {
		return -1, os.NewSyscallError("connect", err)
	}
	return fd, nil
}

// address is where clients reach the last server.
func (k *keeper) address() netip.AddrPort {
	if k.kind == "dual" {
		return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), k.port)
	}
	return netip.AddrPortFrom(k.listen, k.port)
}

// close closes a descriptor that stays in the list; the number must not be
// given to somebody else meanwhile, so /dev/null takes its place.
func (k *keeper) close(fd int) {
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	_ = unix.Dup3(null, fd, unix.O_CLOEXEC)
	_ = unix.Close(null)
}

// show puts sockets into the list of those a walk must find.
func (k *keeper) show(all ...sight) error {
	for _, s := range all {
		a, err := k.animal(s)
		if err != nil {
			return err
		}
		if a.cookie, err = unix.GetsockoptUint64(s.fd, unix.SOL_SOCKET, unix.SO_COOKIE); err != nil {
			return os.NewSyscallError("getsockopt", err)
		}
		a.fd = s.fd
		if to, err := unix.Getpeername(s.fd); err == nil {
			a.remote = addrPortOf(to)
		} else if s.state == facts.SynSent {
			a.remote = k.address()
		}
		k.z.animals = append(k.z.animals, a)
	}
	return nil
}

// showGone lists a socket that its owner is about to close.
func (k *keeper) showGone(s sight) error {
	a, to, err := k.connectedAnimal(s)
	if err != nil {
		return err
	}
	a.remote = to
	if k.kind == "dual" {
		a.family = facts.IPv4 // the client's end
	}
	k.z.animals = append(k.z.animals, a)
	return nil
}

// showPeer lists the other end of a socket, which has no descriptor.
func (k *keeper) showPeer(s sight) error {
	a, to, err := k.connectedAnimal(s)
	if err != nil {
		return err
	}
	a.local, a.remote, a.family = to, a.local, k.family
	k.z.animals = append(k.z.animals, a)
	return nil
}

func (k *keeper) connectedAnimal(s sight) (animal, netip.AddrPort, error) {
	a, err := k.animal(s)
	if err != nil {
		return a, netip.AddrPort{}, err
	}
	to, err := unix.Getpeername(s.fd)
	if err != nil {
		return a, netip.AddrPort{}, os.NewSyscallError("getpeername", err)
	}
	return a, addrPortOf(to), nil
}

func (k *keeper) animal(s sight) (animal, error) {
	at, err := unix.Getsockname(s.fd)
	if err != nil {
		return animal{}, os.NewSyscallError("getsockname", err)
	}
	family := facts.IPv4
	if _, ok := at.(*unix.SockaddrInet6); ok {
		family = facts.IPv6
	}
	return animal{name: k.kind + " " + s.name, local: addrPortOf(at), family: family, state: s.state, fd: -1}, nil
}

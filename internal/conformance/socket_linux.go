package conformance

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
)

// number is where an option lives in the sockets API.
type number struct{ level, name int }

func (o option) number() number {
	return [...]number{
		optReuseAddr:   {unix.SOL_SOCKET, unix.SO_REUSEADDR},
		optReusePort:   {unix.SOL_SOCKET, unix.SO_REUSEPORT},
		optKeepalive:   {unix.SOL_SOCKET, unix.SO_KEEPALIVE},
		optLinger2:     {unix.IPPROTO_TCP, unix.TCP_LINGER2},
		optSynCount:    {unix.IPPROTO_TCP, unix.TCP_SYNCNT},
		optDeferAccept: {unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT},
		optLateBind:    {unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT},
	}[o]
}

// Socket opens a socket in the namespace.
func (s *Side) Socket(options ...Option) *Socket {
	k := &Socket{side: s, fd: -1}
	if s.c.Failed() {
		return k
	}
	domain := unix.AF_INET
	if s.c.Family != lab.IPv4 {
		domain = unix.AF_INET6
	}
	err := s.ns.Do(func() (err error) {
		k.fd, err = unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_TCP)
		return err
	})
	s.c.Fail(err)
	for _, o := range options {
		k.SetOption(o)
	}
	return s.c.keep(k)
}

// SetOption sets an option.
func (k *Socket) SetOption(o Option) {
	at := o.option.number()
	k.Must("setsockopt", errnoOf(unix.SetsockoptInt(k.fd, at.level, at.name, o.value)))
}

// Option reads an option back.
func (k *Socket) Option(o option) int {
	at := o.number()
	value, err := unix.GetsockoptInt(k.fd, at.level, at.name)
	k.Must("getsockopt", errnoOf(err))
	return value
}

// LingerNone makes close() reset the connection (SO_LINGER with zero seconds).
func (k *Socket) LingerNone() {
	k.Must("setsockopt", errnoOf(unix.SetsockoptLinger(k.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})))
}

// Bind binds the socket to an address.
func (k *Socket) Bind(at netip.AddrPort) Errno { return errnoOf(unix.Bind(k.fd, sockaddr(at))) }

// Listen makes it a listener, or changes the backlog of one.
func (k *Socket) Listen(backlog int) Errno { return errnoOf(unix.Listen(k.fd, backlog)) }

// Connect begins a connection; EINPROGRESS means that it is under way.
func (k *Socket) Connect(to netip.AddrPort) Errno { return errnoOf(unix.Connect(k.fd, sockaddr(to))) }

// Connected waits until the connection stands or has failed.
func (k *Socket) Connected(ctx context.Context) Errno {
	c := k.side.c
	var failed Errno
	c.Until(ctx, "the end of connect()", patience, func() bool {
		fds := []unix.PollFd{{Fd: int32(k.fd), Events: unix.POLLOUT}}
		n, err := unix.Poll(fds, 0)
		if n > 0 {
			failed = k.Error()
		}
		return n > 0 || err != nil && !errors.Is(err, unix.EINTR)
	})
	return failed
}

// Error takes the error that waits for the application (SO_ERROR).
func (k *Socket) Error() Errno {
	code, err := unix.GetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = unix.Errno(code)
	}
	return errnoOf(err)
}

// Accept takes a connection from the queue; nil if there is none.
func (k *Socket) Accept() *Socket {
	if k.side.c.Failed() {
		return nil
	}
	fd, _, err := unix.Accept4(k.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if errors.Is(err, unix.EAGAIN) {
		return nil
	}
	k.Must("accept", errnoOf(err))
	return k.side.c.keep(&Socket{side: k.side, fd: fd})
}

// AcceptOne waits for a connection and takes it.
func (k *Socket) AcceptOne(ctx context.Context) *Socket {
	child := &Socket{side: k.side, fd: -1}
	k.side.c.Until(ctx, "a connection to accept", patience, func() bool {
		got := k.Accept()
		if got != nil {
			child = got
		}
		return got != nil
	})
	return child
}

// Write writes so many bytes and returns how many were taken.
func (k *Socket) Write(n int) (int, Errno) {
	took, err := unix.SendmsgN(k.fd, make([]byte, n), nil, nil, unix.MSG_NOSIGNAL)
	return max(took, 0), errnoOf(err)
}

// Read reads at most so many bytes and returns how many there were. Nothing to
// read is EAGAIN; the end of the stream is 0 bytes without error.
func (k *Socket) Read(n int) (int, Errno) {
	got, err := unix.Read(k.fd, make([]byte, n))
	return max(got, 0), errnoOf(err)
}

// Shutdown ends the sending side.
func (k *Socket) Shutdown() Errno { return errnoOf(unix.Shutdown(k.fd, unix.SHUT_WR)) }

// RTO is the connection's retransmission timeout.
func (k *Socket) RTO() time.Duration {
	info, err := unix.GetsockoptTCPInfo(k.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		k.Must("getsockopt", errnoOf(err))
		return 0
	}
	return time.Duration(info.Rto) * time.Microsecond
}

// Steer sends all connections of the socket's SO_REUSEPORT group to one member
// of it, by the order in which they were opened.
func (k *Socket) Steer(member int) {
	filter := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: uint32(member)}}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	k.Must("setsockopt", errnoOf(unix.SetsockoptSockFprog(k.fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF, &program)))
}

// Cookie is the kernel's number for the socket, as INET_DIAG shows it.
func (k *Socket) Cookie() uint64 {
	cookie, err := unix.GetsockoptUint64(k.fd, unix.SOL_SOCKET, unix.SO_COOKIE)
	k.Must("getsockopt", errnoOf(err))
	return cookie
}

// Close closes the socket.
func (k *Socket) Close() {
	if k.fd >= 0 {
		_ = unix.Close(k.fd)
		k.fd = -1
	}
}

// abort closes the socket and leaves nothing behind.
func (k *Socket) abort() {
	if k.fd >= 0 {
		_ = unix.SetsockoptLinger(k.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	k.Close()
}

// Local is the address of the socket's own end.
func (k *Socket) Local() netip.AddrPort {
	name, err := unix.Getsockname(k.fd)
	k.Must("getsockname", errnoOf(err))
	switch a := name.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port))
	}
	return netip.AddrPort{}
}

func sockaddr(at netip.AddrPort) unix.Sockaddr {
	if at.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()}
}

// errnoOf names an error of a system call.
func errnoOf(err error) Errno {
	if err == nil {
		return ""
	}
	if code, ok := errors.AsType[unix.Errno](err); ok {
		return Errno(unix.ErrnoName(code))
	}
	return Errno(err.Error())
}

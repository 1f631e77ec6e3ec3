package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// connection is one that a client has begun.
type connection struct {
	serial    uint64
	connected bool
}

// clientLoop plays the part of a [Client].
type clientLoop struct {
	*loop
	spec    Client
	pace    pace
	owed    int       // connections that may be begun now
	walk    int       // the next port to go through
	resume  time.Time // begin none before
	open    map[int]*connection
	serial  uint64
	waiting agenda // to give up
	holding agenda // to end
	buffer  [16 << 10]byte
}

func playClient(l *loop, spec Client) error {
	c := &clientLoop{loop: l, open: map[int]*connection{}, walk: int(spec.WalkFirst)}
	c.update(spec)
	if err := c.bindPorts(); err != nil {
		return err
	}
	c.status.Ready = true
	for {
		if err := c.step(time.Now()); err != nil {
			return err
		}
	}
}

// update takes a changed part.
func (c *clientLoop) update(spec Client) {
	if !spec.To.IsValid() {
		spec.To = c.spec.To
	}
	if spec.Pending == 0 {
		spec.Pending = 128
	}
	if spec.GiveUp == 0 {
		spec.GiveUp = time.Minute
	}
	c.spec = spec
	c.pace.perSecond, c.pace.burst = spec.PerSecond, spec.Burst
	c.waiting.after, c.holding.after = spec.GiveUp, spec.Hold
}

// bindPorts binds sockets without using them.
func (c *clientLoop) bindPorts() error {
	wildcard := netip.IPv4Unspecified()
	if c.spec.To.Addr().Is6() {
		wildcard = netip.IPv6Unspecified()
	}
	for port := int(c.spec.BindFirst); port != 0 && port <= int(c.spec.BindLast); port++ {
		fd, err := unix.Socket(domain(wildcard), unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("bind ports: %w", os.NewSyscallError("socket", err))
		}
		err = unix.Bind(fd, sockaddr(netip.AddrPortFrom(wildcard, uint16(port))))
		switch {
		case err == nil:
			c.status.Bound++
		case errors.Is(err, unix.EADDRINUSE):
			_ = unix.Close(fd)
		default:
			return fmt.Errorf("bind port %d: %w", port, os.NewSyscallError("bind", err))
		}
	}
	return nil
}

func (c *clientLoop) step(now time.Time) error {
	wake := c.holding.wake(c.waiting.wake(now.Add(turnAtMost)))
	if c.mayBegin() {
		switch {
		case now.Before(c.resume):
			wake = earlier(wake, c.resume)
		case c.owed > 0 || c.pace.perSecond == 0:
			wake = now
		default:
			wake = earlier(wake, c.pace.next)
		}
	}
	events, order, err := c.turn(now, wake)
	if err != nil {
		return err
	}
	now = time.Now()
	for i := range events {
		fd := int(events[i].Fd)
		switch conn := c.open[fd]; {
		case conn == nil:
		case !conn.connected:
			c.answered(now, fd, conn)
		default:
			c.readable(fd)
		}
	}
	if order != nil && order.Client != nil {
		c.update(*order.Client)
	}
	c.expire(now)
	return c.beginDue(now)
}

// mayBegin reports whether another connection is wanted and allowed.
func (c *clientLoop) mayBegin() bool {
	return !c.spec.Paused && c.status.Waiting < c.spec.Pending &&
		(c.spec.Total == 0 || c.status.Attempts < c.spec.Total)
}

// expire gives up what has waited too long, and ends what has been held.
func (c *clientLoop) expire(now time.Time) {
	for m, ok := c.waiting.pop(now); ok; m, ok = c.waiting.pop(now) {
		if conn := c.open[m.fd]; conn != nil && conn.serial == m.serial && !conn.connected {
			c.status.GaveUp++
			c.shut(m.fd, conn)
		}
	}
	for m, ok := c.holding.pop(now); ok; m, ok = c.holding.pop(now) {
		if conn := c.open[m.fd]; conn != nil && conn.serial == m.serial {
			c.end(m.fd, conn)
		}
	}
}

func (c *clientLoop) beginDue(now time.Time) error {
	if c.spec.Paused || now.Before(c.resume) {
		return nil
	}
	if c.pace.perSecond == 0 {
		c.owed = batchAtMost
	} else {
		c.owed = min(c.owed+c.pace.due(now), max(batchAtMost, 2*c.spec.Burst))
	}
	for c.owed > 0 && c.mayBegin() {
		c.owed--
		if err := c.begin(now); err != nil {
			return err
		}
		if now.Before(c.resume) {
			return nil
		}
	}
	return nil
}

// begin starts one connection.
func (c *clientLoop) begin(now time.Time) error {
	c.status.Attempts++
	to := c.spec.To
	fd, err := unix.Socket(domain(to.Addr()), unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		c.status.NoDescriptor++
		c.resume = now.Add(pauseNoFile)
		return nil
	}
	walking := c.walk != 0 && c.walk <= int(c.spec.WalkLast)
	if walking {
		// Without binding, the socket may choose from this one port. Where the
		// option is unknown the kernel has all ports to choose from.
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_LOCAL_PORT_RANGE, c.walk|c.walk<<16)
		c.walk++
	}
	if c.spec.From.IsValid() {
		if err := bindFrom(fd, c.spec.From); err != nil {
			return err
		}
	}
	c.serial++
	conn := &connection{serial: c.serial}
	c.open[fd] = conn
	c.status.Open++
	c.status.Waiting++
	err = unix.Connect(fd, sockaddr(to))
	switch {
	case err == nil:
		c.answered(now, fd, conn)
	case errors.Is(err, unix.EINPROGRESS):
		c.waiting.add(now, fd, conn.serial)
		return c.watch(fd, unix.EPOLLOUT)
	case walking && errors.Is(err, unix.EADDRNOTAVAIL):
		c.shut(fd, conn) // that one was taken; others may be free
	default:
		c.failed(now, fd, conn, err)
	}
	return nil
}

// bindFrom sets the source address and leaves the port to connect().
func bindFrom(fd int, from netip.Addr) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	return os.NewSyscallError("bind", unix.Bind(fd, sockaddr(netip.AddrPortFrom(from, 0))))
}

// failed counts why a connection did not come about.
func (c *clientLoop) failed(now time.Time, fd int, conn *connection, err error) {
	switch {
	case errors.Is(err, unix.EADDRNOTAVAIL):
		c.status.NoPort++
		// As a sane client would: each further try costs a walk over the ports.
		c.resume = now.Add(pauseNoPort)
	case errors.Is(err, unix.ECONNREFUSED):
		c.status.Refused++
	default:
		c.status.Failed++
	}
	c.shut(fd, conn)
}

// answered goes on with a connection whose connect() has come to an end.
func (c *clientLoop) answered(now time.Time, fd int, conn *connection) {
	code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = unix.Errno(code)
	}
	if err != nil {
		c.failed(now, fd, conn, err)
		return
	}
	conn.connected = true
	c.status.Waiting--
	c.status.Connected++
	if c.spec.Send > 0 {
		if _, err := unix.Write(fd, c.buffer[:min(c.spec.Send, len(c.buffer))]); err != nil {
			c.status.Broken++
			c.shut(fd, conn)
			return
		}
	}
	if c.spec.Hold == 0 && c.spec.Conduct != Await {
		c.end(fd, conn)
		if c.open[fd] == nil {
			return
		}
	} else if c.spec.Hold > 0 {
		c.holding.add(now, fd, conn.serial)
	}
	_ = c.watch(fd, unix.EPOLLIN)
}

// readable reads what the server sends, and closes once it has finished.
func (c *clientLoop) readable(fd int) {
	finished, err := drain(fd, c.buffer[:])
	switch {
	case err != nil:
		c.status.Broken++
		c.shut(fd, c.open[fd])
	case finished:
		c.status.Ended++
		c.shut(fd, c.open[fd])
	}
}

// end does what the part says with a connection that has been held.
func (c *clientLoop) end(fd int, conn *connection) {
	switch c.spec.Conduct {
	case HalfClose:
		_ = unix.Shutdown(fd, unix.SHUT_WR)
	case Await:
	case Abort:
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 0})
		c.shut(fd, conn)
	default:
		c.shut(fd, conn)
	}
}

func (c *clientLoop) shut(fd int, conn *connection) {
	if !conn.connected {
		c.status.Waiting--
	}
	_ = unix.Close(fd)
	delete(c.open, fd)
	c.status.Open--
}

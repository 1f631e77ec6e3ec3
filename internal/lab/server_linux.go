package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// serverLoop plays the part of a [Server].
type serverLoop struct {
	*loop
	spec      Server
	listeners []int
	pace      pace
	resume    time.Time // accept nothing before
	accepting bool      // listeners are watched
	open      map[int]uint64
	serial    uint64
	closing   agenda // connections to close, in turn
	streaming time.Time
	buffer    [16 << 10]byte
}

func playServer(l *loop, spec Server) error {
	s := &serverLoop{loop: l, spec: spec, open: map[int]uint64{}}
	s.pace = pace{perSecond: spec.AcceptPerSecond}
	s.closing = agenda{after: spec.Delay}
	for _, at := range spec.Listen {
		fd, err := listen(at, spec)
		if err != nil {
			return fmt.Errorf("listen on %v: %w", at, err)
		}
		s.listeners = append(s.listeners, fd)
	}
	if spec.Descriptors > 0 {
		if err := limitDescriptors(spec.Descriptors); err != nil {
			return err
		}
	}
	s.status.Ready = true
	for {
		if err := s.step(time.Now()); err != nil {
			return err
		}
	}
}

// listen opens a listening socket.
func listen(at netip.AddrPort, spec Server) (int, error) {
	fd, err := unix.Socket(domain(at.Addr()), unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return -1, os.NewSyscallError("setsockopt", err)
	}
	if at.Addr().Is6() {
		// Whatever net.ipv6.bindv6only says: the wildcard takes IPv4 too.
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0); err != nil {
			return -1, os.NewSyscallError("setsockopt", err)
		}
	}
	if spec.DeferAccept > 0 {
		seconds := int(spec.DeferAccept / time.Second)
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, seconds); err != nil {
			return -1, os.NewSyscallError("setsockopt", err)
		}
	}
	if err := unix.Bind(fd, sockaddr(at)); err != nil {
		return -1, os.NewSyscallError("bind", err)
	}
	return fd, os.NewSyscallError("listen", unix.Listen(fd, spec.Backlog))
}

// limitDescriptors lowers the soft limit of open files.
func limitDescriptors(count uint64) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	limit.Cur = min(count, limit.Max)
	return os.NewSyscallError("setrlimit", unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
}

// descriptorLimit is how many files a process here may open at most.
func descriptorLimit() (uint64, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("lab: %w", os.NewSyscallError("getrlimit", err))
	}
	return limit.Max, nil
}

func (s *serverLoop) step(now time.Time) error {
	// At full speed the listeners wake the loop; at a pace the clock does.
	eager := !s.spec.Stalled && s.pace.perSecond == 0 && !now.Before(s.resume)
	if err := s.watchListeners(eager); err != nil {
		return err
	}
	wake := s.closing.wake(now.Add(turnAtMost))
	if !s.spec.Stalled && !eager {
		if now.Before(s.resume) {
			wake = earlier(wake, s.resume)
		} else {
			wake = earlier(wake, s.pace.next)
		}
	}
	if s.spec.Conduct == Stream {
		wake = earlier(wake, s.streaming)
	}
	events, order, err := s.turn(now, wake)
	if err != nil {
		return err
	}
	now = time.Now()
	for i := range events {
		if fd := int(events[i].Fd); s.open[fd] != 0 {
			s.ready(now, fd)
		}
	}
	if order != nil && order.Server != nil {
		if err := s.update(*order.Server); err != nil {
			return err
		}
	}
	if err := s.acceptDue(now); err != nil {
		return err
	}
	for m, ok := s.closing.pop(now); ok; m, ok = s.closing.pop(now) {
		if s.open[m.fd] == m.serial {
			s.shut(m.fd)
		}
	}
	s.stream(now)
	return nil
}

func (s *serverLoop) watchListeners(want bool) error {
	if want == s.accepting {
		return nil
	}
	s.accepting = want
	for _, fd := range s.listeners {
		if !want {
			s.unwatch(fd)
		} else if err := s.watch(fd, unix.EPOLLIN); err != nil {
			return err
		}
	}
	return nil
}

// update takes a changed part. What listens keeps listening.
func (s *serverLoop) update(spec Server) error {
	if spec.Backlog != s.spec.Backlog {
		for _, fd := range s.listeners {
			if err := unix.Listen(fd, spec.Backlog); err != nil {
				return os.NewSyscallError("listen", err)
			}
		}
	}
	spec.Listen = s.spec.Listen
	s.spec = spec
	s.pace.perSecond = spec.AcceptPerSecond
	s.closing.after = spec.Delay
	return nil
}

func (s *serverLoop) acceptDue(now time.Time) error {
	if s.spec.Stalled || now.Before(s.resume) {
		return nil
	}
	for due := s.pace.due(now); due > 0; {
		took := false
		for _, listener := range s.listeners {
			if due == 0 {
				break
			}
			fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
			switch {
			case err == nil:
				due--
				took = true
				if err := s.accepted(now, fd); err != nil {
					return err
				}
			case errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE):
				// As real servers do: say so, wait a little, try again.
				s.status.NoDescriptor++
				s.resume = now.Add(pauseNoFile)
				return nil
			case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ECONNABORTED) || errors.Is(err, unix.EINTR):
			default:
				return os.NewSyscallError("accept4", err)
			}
		}
		if !took {
			return nil
		}
	}
	return nil
}

// accepted begins with a new connection.
func (s *serverLoop) accepted(now time.Time, fd int) error {
	s.serial++
	s.open[fd] = s.serial
	s.status.Accepted++
	s.status.Open++
	switch s.spec.Conduct {
	case CloseFirst:
		s.closing.add(now, fd, s.serial)
	case Ignore:
	default:
		return s.watch(fd, unix.EPOLLIN)
	}
	return nil
}

// ready goes on with a connection on which something has arrived.
func (s *serverLoop) ready(now time.Time, fd int) {
	finished, err := drain(fd, s.buffer[:])
	if err != nil {
		s.status.Broken++
		s.shut(fd)
		return
	}
	if !finished {
		return
	}
	s.unwatch(fd)
	s.status.Ended++
	if s.spec.Conduct == Serve {
		s.closing.add(now, fd, s.open[fd])
	}
}

// stream sends a little on every connection when it is time to.
func (s *serverLoop) stream(now time.Time) {
	if s.spec.Conduct != Stream || now.Before(s.streaming) {
		return
	}
	s.streaming = now.Add(s.spec.Delay)
	for fd := range s.open {
		_, err := unix.Write(fd, s.buffer[:512])
		if err != nil && !errors.Is(err, unix.EAGAIN) {
			s.status.Broken++
			s.shut(fd)
		}
	}
}

func (s *serverLoop) shut(fd int) {
	_ = unix.Close(fd)
	delete(s.open, fd)
	s.status.Open--
}

func domain(a netip.Addr) int {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func sockaddr(at netip.AddrPort) unix.Sockaddr {
	if at.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()}
}

package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// How an actor's loop turns.
const (
	statusEvery = 20 * time.Millisecond  // between two reports, if there is news
	turnAtMost  = 100 * time.Millisecond // to look for orders
	pauseNoFile = 10 * time.Millisecond  // after a want of descriptors
	pauseNoPort = 20 * time.Millisecond  // after a want of ports
)

// loop is the event loop that both roles share: one thread, one epoll
// descriptor, orders from standard input, news to standard output.
type loop struct {
	poll     int
	events   [batchAtMost]unix.EpollEvent
	orders   chan part
	out      *json.Encoder
	status   Status
	told     Status
	toldAt   time.Time
	deadline time.Time
}

func newLoop(life time.Duration, in io.Reader, out io.Writer) (*loop, error) {
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	l := &loop{poll: poll, orders: make(chan part), out: json.NewEncoder(out)}
	if life > 0 {
		l.deadline = time.Now().Add(life)
	}
	go func() {
		defer close(l.orders)
		for decoder := json.NewDecoder(in); ; {
			var p part
			if decoder.Decode(&p) != nil {
				return
			}
			l.orders <- p
		}
	}()
	return l, nil
}

// errCurtain ends an actor in the ordinary way: whoever started it is gone or
// wants no more of it.
var errCurtain = errors.New("the play is over")

// turn reports news, waits for events until wake, and takes an order if there is
// one. The events are good until the next turn.
func (l *loop) turn(now, wake time.Time) ([]unix.EpollEvent, *part, error) {
	if !l.deadline.IsZero() && now.After(l.deadline) {
		return nil, nil, errCurtain
	}
	if l.status != l.told {
		if next := l.toldAt.Add(statusEvery); now.Before(next) {
			wake = earlier(wake, next)
		} else if err := l.tell(now); err != nil {
			return nil, nil, err
		}
	}
	wait := min(max(wake.Sub(now), 0), turnAtMost)
	// Rounded up, or the loop would spin through the last millisecond.
	n, err := unix.EpollWait(l.poll, l.events[:], int((wait+time.Millisecond-1)/time.Millisecond))
	if err != nil && !errors.Is(err, unix.EINTR) {
		return nil, nil, os.NewSyscallError("epoll_wait", err)
	}
	select {
	case order, ok := <-l.orders:
		if !ok {
			return nil, nil, errCurtain
		}
		return l.events[:max(n, 0)], &order, nil
	default:
		return l.events[:max(n, 0)], nil, nil
	}
}

// tell writes the status out.
func (l *loop) tell(now time.Time) error {
	l.told, l.toldAt = l.status, now
	if err := l.out.Encode(l.status); err != nil {
		return fmt.Errorf("tell status: %w", err)
	}
	return nil
}

// watch asks for events on a descriptor. Errors and hang-ups always count.
func (l *loop) watch(fd int, events uint32) error {
	event := unix.EpollEvent{Events: events, Fd: int32(fd)}
	err := unix.EpollCtl(l.poll, unix.EPOLL_CTL_MOD, fd, &event)
	if errors.Is(err, unix.ENOENT) {
		err = unix.EpollCtl(l.poll, unix.EPOLL_CTL_ADD, fd, &event)
	}
	return os.NewSyscallError("epoll_ctl", err)
}

// unwatch wants no more events of a descriptor, which may not be watched at all.
func (l *loop) unwatch(fd int) {
	_ = unix.EpollCtl(l.poll, unix.EPOLL_CTL_DEL, fd, nil)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// drain reads what is there and throws it away; finished when the other side has
// sent its last.
func drain(fd int, buffer []byte) (finished bool, err error) {
	for {
		n, err := unix.Read(fd, buffer)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return false, nil
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return true, err
		case n == 0:
			return true, nil
		}
	}
}

// moment is a descriptor whose time comes.
type moment struct {
	at     time.Time
	fd     int
	serial uint64
}

// agenda is a queue of moments that all lie the same time ahead when they are
// added, so the first is always the next.
type agenda struct {
	after time.Duration
	queue []moment
}

func (a *agenda) add(now time.Time, fd int, serial uint64) {
	a.queue = append(a.queue, moment{at: now.Add(a.after), fd: fd, serial: serial})
}

// pop returns the next moment that has come.
func (a *agenda) pop(now time.Time) (moment, bool) {
	if len(a.queue) == 0 || now.Before(a.queue[0].at) {
		return moment{}, false
	}
	m := a.queue[0]
	a.queue = a.queue[1:]
	return m, true
}

// wake is when the next moment comes, no later than latest.
func (a *agenda) wake(latest time.Time) time.Time {
	if len(a.queue) == 0 {
		return latest
	}
	return earlier(latest, a.queue[0].at)
}

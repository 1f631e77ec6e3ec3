package sockdiag

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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

func TestShowsBound(t *testing.T) {
	t.Parallel()
	shows, err := ShowsBound(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("bound sockets shown: %v", shows)
}

// TestReceiveWithoutAnswer waits for a kernel that owes nothing.
func TestReceiveWithoutAnswer(t *testing.T) {
	t.Parallel()
	c := dial(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.dump.receive(ctx, make([]byte, bufferLen)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
}

func TestSocketsAfterDeadline(t *testing.T) {
	t.Parallel()
	c := dial(t)
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	for s, err := range c.Sockets(ctx, Request{}) {
		if s != nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v and %v, want the deadline", s, err)
		}
	}
	collect(t, c.Sockets(t.Context(), Request{})) // and it still works
}

// TestReceiveIntoLittleRoom has a message cut off.
func TestReceiveIntoLittleRoom(t *testing.T) {
	t.Parallel()
	c := dialIn(t, newZoo(t).ns)
	c.walk.buf = make([]byte, 24)
	for _, want := range []error{errTruncated, ErrUnusable} {
		var got error
		for _, err := range c.Sockets(t.Context(), Request{}) {
			got = err
		}
		if !errors.Is(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

// TestUnknownFamilyIsUnsupported asks the running kernel for a family without
// TCP, as a kernel without the handler would answer.
func TestUnknownFamilyIsUnsupported(t *testing.T) {
	t.Parallel()
	var got error
	for _, err := range dial(t).Sockets(t.Context(), Request{Family: 99}) {
		got = err
	}
	if !errors.Is(got, errors.ErrUnsupported) {
		t.Errorf("got %v, want unsupported", got)
	}
}

// TestSocketsWithoutPrivilege sees everybody's sockets, but no marks.
func TestSocketsWithoutPrivilege(t *testing.T) {
	t.Parallel()
	z := newZoo(t)
	var sockets []facts.Socket
	// Only one thread gives up its rights. It ends with its goroutine, which
	// leaves it locked.
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		done <- z.withoutPrivilege(func() error {
			c, err := Dial()
			if err != nil {
				return err
			}
			defer c.Close()
			for s, err := range c.Sockets(t.Context(), Request{Attributes: AllAttributes}) {
				if err != nil {
					return err
				}
				sockets = append(sockets, *s)
			}
			return nil
		})
	}()
	err := <-done
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range z.animals {
		s := a.find(sockets)
		if s == nil || s.Owned() != (a.fd >= 0) || s.Mark.Known() {
			t.Errorf("%s: got %+v, want its owner and no mark", a.name, s)
		}
	}
}

// withoutPrivilege moves the calling thread into the namespace of the zoo, gives up all
// privileges and calls f. There is no way back.
func (z *zoo) withoutPrivilege(f func() error) error {
	here := make(chan int)
	leave := make(chan struct{})
	go func() {
		_ = z.ns.Do(func() error {
			here <- unix.Gettid()
			<-leave
			return nil
		})
	}()
	defer close(leave)
	fd, err := unix.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", <-here), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("open", err)
	}
	defer unix.Close(fd)
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return os.NewSyscallError("setns", err)
	}
	none := [2]unix.CapUserData{}
	if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err != nil {
		return os.NewSyscallError("capset", err)
	}
	return f()
}

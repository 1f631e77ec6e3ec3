package netns

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Do calls fn on a thread that is locked into the namespace, waits for it and
// returns its error. The thread is put back afterwards; if that fails it ends
// with the call, so no other goroutine can ever run on a misplaced thread.
//
// For the process's own namespace no system call is made and no privilege is
// needed. Any other takes CAP_SYS_ADMIN over the namespace's user namespace and
// over the caller's own; without it the error wraps [os.ErrPermission] and fn is
// not called.
//
// A panic in fn, or a runtime.Goexit as by testing.T.FailNow, continues in the
// caller.
func (h *Handle) Do(fn func() error) error {
	if h.self {
		return runOnWorker(nil, fn)
	}
	return runOnWorker(h.enter, fn)
}

// enter moves the calling thread into the namespace.
func (h *Handle) enter() error {
	raw, err := h.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("netns: enter %s: %w", h.label(), err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = unix.Setns(int(fd), unix.CLONE_NEWNET) }); err != nil {
		return fmt.Errorf("netns: enter %s: %w", h.label(), err)
	}
	if failed != nil {
		return fmt.Errorf("netns: enter %s: %w", h.label(), os.NewSyscallError("setns", failed))
	}
	return nil
}

// label names the namespace in an error.
func (h *Handle) label() string {
	if name := h.Name(); name != "" {
		return name
	}
	return h.id.String()
}

// outcome is how a function ended on its worker.
type outcome struct {
	err      error
	returned bool // false: it panicked or called runtime.Goexit
	panicked any
}

// runOnWorker runs move and then fn on a locked thread other than the
// thread-group leader, and puts the thread back if move was given.
func runOnWorker(move, fn func() error) error {
	done := make(chan outcome, 1)
	go work(move, fn, done)
	end := <-done
	switch {
	case end.returned:
		return end.err
	case end.panicked != nil:
		panic(end.panicked)
	default:
		runtime.Goexit()
		return nil
	}
}

// work is the body of the worker. While a worker sits on the thread-group
// leader, /proc/self/ns/net shows the namespace it has moved to and other
// goroutines would take that for the process's own, so a worker that finds
// itself there blocks the leader and hands over to another thread.
func work(move, fn func() error, done chan<- outcome) {
	runtime.LockOSThread()
	if move != nil && unix.Gettid() == unix.Getpid() {
		next := make(chan outcome, 1)
		go work(move, fn, next)
		done <- <-next
		runtime.UnlockOSThread()
		return
	}
	var end outcome
	restore := func() bool { return true }
	defer func() {
		if !end.returned {
			end.panicked = recover()
		}
		// A goroutine that ends without UnlockOSThread takes its thread along.
		if restore() {
			runtime.UnlockOSThread()
		}
		done <- end
	}()
	if move != nil {
		home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			end = outcome{returned: true, err: fmt.Errorf("netns: remember own namespace: %w", err)}
			return
		}
		restore = func() bool {
			err := unix.Setns(home, unix.CLONE_NEWNET)
			_ = unix.Close(home)
			return err == nil
		}
		if err := move(); err != nil {
			end = outcome{returned: true, err: err}
			return
		}
	}
	err := fn()
	end = outcome{returned: true, err: err}
}

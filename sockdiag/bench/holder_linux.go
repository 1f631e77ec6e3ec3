package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// spareDescriptors are those that a holder needs for itself.
const spareDescriptors = 100

// hold makes connections to itself, says so, and keeps them until its standard
// input ends. With descriptors to fill, the clients shut down, so that their
// servers are left in CLOSE_WAIT, and copies of one descriptor make up the
// number.
func hold(o options) error {
	listener, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	port := 5000 + o.index
	if err := unix.Bind(listener, &unix.SockaddrInet4{Port: port}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	if err := unix.Listen(listener, 64); err != nil {
		return os.NewSyscallError("listen", err)
	}
	for i := range o.connections {
		to := &unix.SockaddrInet4{Port: port, Addr: holderAddr(o.index, i%o.spread)}
		if err := connectSelf(listener, to, o.fill > 0); err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
	}
	for range o.fill - 2*o.connections {
		if _, err := unix.FcntlInt(uintptr(listener), unix.F_DUPFD_CLOEXEC, 0); err != nil {
			return os.NewSyscallError("fcntl", err)
		}
	}
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// holderAddr is one loopback address of a holder.
func holderAddr(index, n int) [4]byte {
	return [4]byte{127, byte(1 + index), byte(n >> 8), byte(1 + n)}
}

// connectSelf makes one connection, both ends of which this process holds, and
// shuts it down on the client's side if that is wanted. Linger of 0 spares the
// kernel a long goodbye.
func connectSelf(listener int, to *unix.SockaddrInet4, shutdown bool) error {
	client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	if err := unix.SetsockoptLinger(client, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if err := unix.Connect(client, to); err != nil {
		return os.NewSyscallError("connect", err)
	}
	if _, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC); err != nil {
		return os.NewSyscallError("accept4", err)
	}
	if shutdown {
		return os.NewSyscallError("shutdown", unix.Shutdown(client, unix.SHUT_WR))
	}
	return nil
}

// holder is a process that keeps connections.
type holder struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	stdout *bufio.Reader
}

// startHolders starts as many processes in a namespace as the sockets need, and
// waits until all connections are made.
func startHolders(ctx context.Context, ns *netns.Handle, o options) (holders []*holder, err error) {
	defer func() {
		if err != nil {
			stopHolders(holders)
			holders = nil
		}
	}()
	shares, err := o.shares()
	if err != nil {
		return nil, err
	}
	for index, share := range shares {
		h, err := startHolder(ctx, ns, "-role=holder", "-index="+strconv.Itoa(index), "-spread="+strconv.Itoa(o.spread),
			"-connections="+strconv.Itoa(share.connections), "-fill="+strconv.Itoa(share.fill))
		if err != nil {
			return holders, err
		}
		holders = append(holders, h)
	}
	for i, h := range holders {
		if line, err := h.stdout.ReadString('\n'); err != nil || line != "ready\n" {
			return holders, fmt.Errorf("holder %d of %d: said %q: %w", i+1, len(holders), line, errors.Join(err, h.stop()))
		}
	}
	return holders, nil
}

// share is what one holder makes.
type share struct{ connections, fill int }

// shares splits the work so that no holder needs more descriptors than it may
// have.
func (o options) shares() (out []share, err error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return nil, os.NewSyscallError("getrlimit", err)
	}
	room := min(o.perHolder, int(min(limit.Max, 1<<30))) - spareDescriptors
	if room < 2 {
		return nil, fmt.Errorf("a limit of %d descriptors is too low", limit.Max)
	}
	if !o.attribution {
		for left := o.sockets / 2; left > 0; left -= room / 2 {
			out = append(out, share{connections: min(left, room/2)})
		}
		return out, nil
	}
	for left := o.descriptors; left > 0; left -= room {
		out = append(out, share{fill: min(left, room)})
	}
	for i, left := 0, o.closeWait; i < len(out); i++ {
		out[i].connections = min(left, out[i].fill/2, o.closeWait*out[i].fill/o.descriptors+1)
		left -= out[i].connections
	}
	return out, nil
}

func startHolder(ctx context.Context, ns *netns.Handle, args ...string) (*holder, error) {
	cmd, err := command(ctx, args...)
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := ns.Do(cmd.Start); err != nil {
		return nil, err
	}
	return &holder{cmd: cmd, stdin: stdin, stdout: bufio.NewReader(stdout)}, nil
}

func (h *holder) stop() error {
	return errors.Join(h.stdin.Close(), h.cmd.Wait())
}

func stopHolders(holders []*holder) {
	for _, h := range holders {
		_ = h.stdin.Close()
	}
	for _, h := range holders {
		_ = h.cmd.Wait()
	}
}

// command prepares a run of this very program.
func command(ctx context.Context, args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, self, args...), nil
}

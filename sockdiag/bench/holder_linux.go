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

// spareDescriptors are those a holder needs for itself.
const spareDescriptors = 100

// hold makes connections to itself, says so, and keeps them until its standard
// input ends.
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
		if err := connectSelf(listener, to); err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
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

// connectSelf makes one connection, both ends of which this process holds.
// Linger of 0 spares the kernel their long goodbye.
func connectSelf(listener int, to *unix.SockaddrInet4) error {
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
	per, err := connectionsPerHolder(o)
	if err != nil {
		return nil, err
	}
	for left, index := o.sockets/2, 0; left > 0; index++ {
		n := min(left, per)
		left -= n
		h, err := startHolder(ctx, ns, "-role=holder", "-index="+strconv.Itoa(index),
			"-connections="+strconv.Itoa(n), "-spread="+strconv.Itoa(o.spread))
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

func connectionsPerHolder(o options) (int, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, os.NewSyscallError("getrlimit", err)
	}
	per := (min(o.perHolder, int(limit.Max)) - spareDescriptors) / 2
	if per < 1 {
		return 0, fmt.Errorf("a limit of %d descriptors is too low", limit.Max)
	}
	return per, nil
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

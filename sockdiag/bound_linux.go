package sockdiag

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// ShowsBound reports whether this kernel lists sockets that are bound without
// being connected (Linux 6.8 and later). Older kernels ignore the request
// without a word, so it binds a socket for a moment and looks for it. The
// answer is the same for every namespace of the host: ask once.
func ShowsBound(ctx context.Context) (bool, error) {
	runtime.LockOSThread() // both sockets belong into one namespace
	defer runtime.UnlockOSThread()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return false, fmt.Errorf("sockdiag: probe: %w", os.NewSyscallError("socket", err))
	}
	defer unix.Close(fd)
	port, err := bindAside(fd)
	if err != nil {
		return false, fmt.Errorf("sockdiag: probe: %w", err)
	}
	cookie, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_COOKIE)
	if err != nil {
		return false, fmt.Errorf("sockdiag: probe: %w", os.NewSyscallError("getsockopt", err))
	}
	c, err := Dial()
	if err != nil {
		return false, err
	}
	defer c.Close()
	r := Request{States: facts.StateSet(facts.BoundInactive), Family: facts.IPv4, LocalPort: port}
	for s, err := range c.Sockets(ctx, r) {
		if err != nil {
			return false, err
		}
		if s.Cookie == cookie {
			return true, nil
		}
	}
	return false, nil
}

// bindAside binds a socket where it is in nobody's way: at a loopback address
// that no one else uses, so that it works even on a host that is out of
// ephemeral ports. Only where loopback is down the wildcard address must do.
func bindAside(fd int) (port uint16, err error) {
	err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 83, 121, 9}})
	if errors.Is(err, unix.EADDRNOTAVAIL) {
		err = unix.Bind(fd, &unix.SockaddrInet4{})
	}
	if err != nil {
		return 0, os.NewSyscallError("bind", err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return 0, os.NewSyscallError("getsockname", err)
	}
	at, ok := name.(*unix.SockaddrInet4)
	if !ok {
		return 0, fmt.Errorf("bound to an address of type %T", name)
	}
	return uint16(at.Port), nil
}

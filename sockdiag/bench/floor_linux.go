package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"unsafe"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Message types that the floor meets.
const (
	typeTCP  = 18 // TCPDIAG_GETSOCK
	typeFail = 2
	typeDone = 3
)

// floor asks the kernel for the same as the census, on a plain blocking
// socket, and only steps over the answers.
func floor(context.Context, *stopwatch) (n int, err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	if err := unix.Sendto(fd, floorRequest(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, os.NewSyscallError("sendto", err)
	}
	buf := make([]byte, 32<<10)
	for {
		// Without telling the scheduler, as a program in C would read.
		got, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)))
		if errno != 0 {
			return n, os.NewSyscallError("read", errno)
		}
		for b := buf[:got]; len(b) >= unix.NLMSG_HDRLEN; {
			length, kind := binary.NativeEndian.Uint32(b), binary.NativeEndian.Uint16(b[4:])
			switch kind {
			case typeDone:
				return n, nil
			case typeFail:
				return n, fmt.Errorf("the kernel refused the request")
			}
			n++
			b = b[min(int(length+3)&^3, len(b)):]
		}
	}
}

// floorRequest is struct inet_diag_req with TCP_INFO, CONG and SKMEMINFO, for
// every state of both families.
func floorRequest() []byte {
	b := make([]byte, 60)
	b[3] = 1<<1 | 1<<3 | 1<<6
	for i := 44; i < 52; i++ {
		b[i] = 0xff
	}
	binary.NativeEndian.PutUint32(b[52:], 0x3ffe)
	r := nl.NewNetlinkRequest(typeTCP, unix.NLM_F_DUMP)
	r.AddRawData(b)
	return r.Serialize()
}

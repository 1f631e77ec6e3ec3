package lab

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// errQueueFull is what a send on a packet socket says when a queue is full.
const errQueueFull = unix.ENOBUFS

// wireBufferBytes is how much a raw peer may have unread.
const wireBufferBytes = 4 << 20

// openWire opens a packet socket on a link, which reads only frames that are
// addressed to own.
func openWire(ns *netns.Handle, link string, own hardwareAddr) (*os.File, error) {
	var wire *os.File
	err := ns.Do(func() error {
		device, err := net.InterfaceByName(link)
		if err != nil {
			return err
		}
		// Protocol 0 receives nothing until the filter stands and bind names one.
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		if err := setUpWire(fd, device.Index, own); err != nil {
			_ = unix.Close(fd)
			return err
		}
		wire = os.NewFile(uintptr(fd), link)
		return nil
	})
	return wire, err
}

func setUpWire(fd, index int, own hardwareAddr) error {
	filter := hardwareFilter(own)
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	// In a user namespace the first is forbidden, and the second is cut down to
	// net.core.rmem_max: some 500 segments.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, wireBufferBytes) != nil {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, wireBufferBytes); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	everything := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: everything, Ifindex: index}); err != nil {
		return fmt.Errorf("bind to link %d: %w", index, err)
	}
	return nil
}

// hardwareFilter passes frames whose destination is own (the first six bytes).
func hardwareFilter(own hardwareAddr) []unix.SockFilter {
	high, low := binary.BigEndian.Uint32(own[0:4]), uint32(binary.BigEndian.Uint16(own[4:6]))
	return []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 3, K: high},
		{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, K: 4},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: low},
		{Code: unix.BPF_RET | unix.BPF_K, K: 1 << 18},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	}
}

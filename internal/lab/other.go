//go:build !linux

package lab

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// errQueueFull is never met where there are no packet sockets.
var errQueueFull = errors.New("queue full")

func unsupported(what string) error {
	return fmt.Errorf("%s: %w", what, errors.ErrUnsupported)
}

func openWire(*netns.Handle, string, hardwareAddr) (*os.File, error) {
	return nil, unsupported("packet sockets")
}

func (b *Bench) join() error { return unsupported("links") }

// LoopbackUp returns an error on this platform.
func LoopbackUp(*netns.Handle) error { return fmt.Errorf("lab: %w", unsupported("links")) }

// Sockets returns an error on this platform.
func Sockets(*netns.Handle, ...State) ([]Socket, error) {
	return nil, fmt.Errorf("lab: dump sockets: %w", unsupported("socket diagnosis"))
}

func descriptorLimit() (uint64, error) {
	return 0, fmt.Errorf("lab: %w", unsupported("descriptor limits"))
}

func actorAttributes() *syscall.SysProcAttr { return nil }

func play(part, io.Reader, io.Writer) error { return unsupported("actors") }

package sockdiag

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// listenerProcess is a process that listens.
type listenerProcess struct {
	pid  int
	stop func()
}

// listeningChild starts a process in a namespace that listens at a port, until it
// is stopped or the test ends.
func listeningChild(t testing.TB, h *netns.Handle, port int) listenerProcess {
	t.Helper()
	child := exec.Command("/proc/self/exe", "-test.run=^TestListeningChild$")
	child.Env = append(os.Environ(), "SOCKDIAG_LISTEN="+strconv.Itoa(port))
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Do(child.Start); err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceFunc(func() {
		_ = stdin.Close()
		_ = child.Wait()
	})
	t.Cleanup(stop)
	answer := make([]byte, 6)
	if _, err := io.ReadFull(stdout, answer); err != nil || string(answer) != "ready\n" {
		t.Fatalf("got %q and %v from the child", answer, err)
	}
	return listenerProcess{child.Process.Pid, stop}
}

// TestListeningChild is the child of listeningChild and no test by itself.
func TestListeningChild(t *testing.T) {
	port, err := strconv.Atoi(os.Getenv("SOCKDIAG_LISTEN"))
	if err != nil {
		return // not a child
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: port}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 16); err != nil {
		t.Fatal(err)
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

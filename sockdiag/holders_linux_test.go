package sockdiag

import (
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

func TestHolders(t *testing.T) {
	t.Parallel()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		t.Fatal(err)
	}
	inode := uint32(stat.Ino)
	processes, _, err := Holders(t.Context(), []uint32{inode})
	if err != nil {
		t.Fatal(err)
	}
	// A child of another test may hold it too, until it runs its program.
	if !slices.ContainsFunc(processes, func(p facts.Process) bool {
		return p.PID == os.Getpid() && slices.Equal(p.HoldsInodes, []uint32{inode})
	}) {
		t.Errorf("got %+v, want this process with inode %d", processes, inode)
	}
}

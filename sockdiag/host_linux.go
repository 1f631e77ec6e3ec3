package sockdiag

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// readHost reads what identifies the machine and what its defaults depend on.
// Whatever cannot be read stays empty.
func readHost(t tree) facts.Host {
	h := facts.Host{CPUs: onlineCPUs(t), PageBytes: os.Getpagesize()}
	var uts unix.Utsname
	if err := unix.Uname(&uts); err == nil {
		h.Hostname, h.Kernel = unix.ByteSliceToString(uts.Nodename[:]), unix.ByteSliceToString(uts.Release[:])
	}
	if b, err := readSmall(t.sysctl("kernel/random/boot_id")); err == nil {
		h.BootID = string(bytes.TrimSpace(b))
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err == nil {
		h.MemoryBytes = uint64(info.Totalram) * uint64(info.Unit)
	}
	return h
}

// onlineCPUs counts the CPUs of the host; the runtime only knows those that
// this process may run on.
func onlineCPUs(t tree) int {
	b, err := readSmall(filepath.Join(t.sys, "devices/system/cpu/online"))
	if err == nil {
		if n := countList(string(bytes.TrimSpace(b))); n > 0 {
			return n
		}
	}
	return runtime.NumCPU()
}

// countList counts the members of a list such as "0-3,8"; 0 means that it is
// none.
func countList(s string) int {
	total := 0
	for part := range strings.SplitSeq(s, ",") {
		low, high, ranged := strings.Cut(part, "-")
		a, err := strconv.ParseUint(low, 10, 16)
		if err != nil {
			return 0
		}
		b := a
		if ranged {
			if b, err = strconv.ParseUint(high, 10, 16); err != nil || b < a {
				return 0
			}
		}
		total += int(b-a) + 1
	}
	return total
}

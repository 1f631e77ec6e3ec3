package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// describeMachine writes what figures must be read with.
func describeMachine(w io.Writer) error {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return os.NewSyscallError("uname", err)
	}
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return err
	}
	model := "unknown processor"
	if cpus, err := fs.CPUInfo(); err == nil && len(cpus) > 0 && cpus[0].ModelName != "" {
		model = cpus[0].ModelName
	}
	var memory uint64
	if m, err := fs.Meminfo(); err == nil && m.MemTotal != nil {
		memory = *m.MemTotal
	}
	var load float64
	if l, err := fs.LoadAvg(); err == nil {
		load = l.Load1
	}
	_, err = fmt.Fprintf(w, "%s, %d CPUs, %.1f GiB, Linux %s, %s %s, load %.2f\n", model, runtime.NumCPU(),
		float64(memory)/(1<<20), unix.ByteSliceToString(u.Release[:]), runtime.Version(), runtime.GOARCH, load)
	return err
}

// foreignPeakKiB is the most memory that a program which has ended had
// resident.
func foreignPeakKiB(s *os.ProcessState) int {
	if u, ok := s.SysUsage().(*syscall.Rusage); ok {
		return int(u.Maxrss)
	}
	return 0
}

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/procfs"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/sockdiag"
)

// result is what one run of one method cost.
type result struct {
	Wall    time.Duration `json:"wall"`
	CPU     time.Duration `json:"cpu"`      // user and system, of the whole process
	Count   int           `json:"count"`    // sockets or descriptors it met
	PeakKiB int           `json:"peak_kib"` // VmHWM of the process
}

// inProcess are the methods that this program runs itself, in a process of
// their own. What they did before the stopwatch was restarted is not counted.
var inProcess = map[string]func(context.Context, *stopwatch) (int, error){
	methodFloor:    floor,
	methodCensus:   census,
	methodWalk:     walkOnly,
	methodLibrary:  library,
	methodProcfs:   procfsTCP,
	methodListener: listeners,
	methodBareFD:   bareDescriptors,
	methodHolders:  holdersOf,
}

// stopwatch holds the beginning of what is measured.
type stopwatch struct {
	wall time.Time
	cpu  time.Duration
}

func (w *stopwatch) restart() (err error) {
	w.cpu, err = cpuTime()
	w.wall = time.Now()
	return err
}

// measure runs one method and prints what it cost.
func measure(ctx context.Context, method string) error {
	f, ok := inProcess[method]
	if !ok {
		return fmt.Errorf("no method %q", method)
	}
	var w stopwatch
	if err := w.restart(); err != nil {
		return err
	}
	n, err := f(ctx, &w)
	if err != nil {
		return err
	}
	r := result{Wall: time.Since(w.wall), Count: n}
	after, err := cpuTime()
	if err != nil {
		return err
	}
	r.CPU = after - w.cpu
	if r.PeakKiB, err = peakKiB(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// census is what the product does for one namespace.
func census(ctx context.Context, _ *stopwatch) (int, error) {
	c, err := sockdiag.Dial()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	o := facts.ReduceOptions{PortLow: 32768, PortHigh: 60999, ShowsBound: true}
	for s, err := range c.Listeners(ctx) {
		if err != nil {
			return 0, err
		}
		o.Listening.Add(s.Local.Port())
	}
	got, err := facts.Reduce(c.Sockets(ctx, sockdiag.Request{Attributes: sockdiag.AllAttributes}), o)
	return int(got.Sockets), err
}

// walkOnly decodes like the census, and counts.
func walkOnly(ctx context.Context, _ *stopwatch) (n int, err error) {
	c, err := sockdiag.Dial()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	for _, err := range c.Sockets(ctx, sockdiag.Request{Attributes: sockdiag.AllAttributes}) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// library is the netlink library's own reader, for both families.
func library(context.Context, *stopwatch) (int, error) {
	var n int
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		got, err := netlink.SocketDiagTCPInfo(family)
		if err != nil {
			return n, err
		}
		n += len(got)
	}
	return n, nil
}

// procfsTCP reads /proc/net/tcp and tcp6.
func procfsTCP(context.Context, *stopwatch) (int, error) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return 0, err
	}
	//lint:ignore SA1019 what it costs to read the files is what is measured
	v4, err := fs.NetTCP()
	if err != nil {
		return 0, err
	}
	//lint:ignore SA1019 what it costs to read the files is what is measured
	v6, err := fs.NetTCP6()
	if err != nil {
		return 0, err
	}
	return len(v4) + len(v6), nil
}

// listenerPolls is how many polls one run of [listeners] makes; its cost is
// divided by that.
const listenerPolls = 200

// listeners polls the listeners over and over.
func listeners(ctx context.Context, _ *stopwatch) (n int, err error) {
	c, err := sockdiag.Dial()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	for range listenerPolls {
		n = 0
		for _, err := range c.Listeners(ctx) {
			if err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}

// cpuTime is the user and system time this process has used.
func cpuTime() (time.Duration, error) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0, os.NewSyscallError("getrusage", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// peakKiB is the most memory this process had resident.
func peakKiB() (int, error) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			return strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(rest, "kB")))
		}
	}
	return 0, fmt.Errorf("/proc/self/status: no VmHWM")
}

// median of the durations, which it sorts.
func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	if n := len(d); n%2 == 0 {
		return (d[n/2-1] + d[n/2]) / 2
	}
	return d[len(d)/2]
}

package main

import (
	"context"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/sockdiag"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// listeningPorts returns the ports that services listen on in this namespace, as a
// list of ports is written; empty where that cannot be told.
func listeningPorts(ctx context.Context) string {
	w, err := sockdiag.Collect(ctx, sockdiag.Options{NoProcesses: true, Deadline: 5 * time.Second})
	if err != nil || len(w.Namespaces) == 0 {
		return ""
	}
	return portsOf(w.Namespaces[0].End.Census.Listeners)
}

// severalUplinks says whether more than one interface has a default route.
func severalUplinks() sysctl.Truth {
	text, err := os.ReadFile("/proc/net/route")
	if err != nil {
		return sysctl.Unknown
	}
	var ways []string
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) > 7 && f[1] == "00000000" && f[7] == "00000000" && !slices.Contains(ways, f[0]) {
			ways = append(ways, f[0])
		}
	}
	if len(ways) > 1 {
		return sysctl.Yes
	}
	return sysctl.No
}

// portsOf lists the ports that listeners hold, sorted, with commas between them.
func portsOf(listeners []facts.Listener) string {
	var ports []int
	for _, l := range listeners {
		ports = append(ports, int(l.Local.Port()))
	}
	slices.Sort(ports)
	var out []string
	for _, p := range slices.Compact(ports) {
		out = append(out, strconv.Itoa(p))
	}
	return strings.Join(out, ",")
}

// hostCPUs is how many processors this host has.
func hostCPUs() int { return runtime.NumCPU() }

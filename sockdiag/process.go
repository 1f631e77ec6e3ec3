package sockdiag

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// attribution is who holds the suspects of a window.
type attribution struct {
	processes []facts.Process // by process ID
	found     int             // suspects that some process holds
	suspects  int
	seen      int  // processes looked at, kernel threads left out
	denied    int  // of these, not to be looked into
	complete  bool // false: the time ran out first
}

// gaps says what the attribution could not see.
func (a attribution) gaps(root, ownPIDs bool) []facts.Gap {
	var out []facts.Gap
	gap := func(format string, args ...any) {
		out = append(out, facts.Gap{Source: facts.SourceProcesses, Reason: fmt.Sprintf(format, args...)})
	}
	if !a.complete {
		gap("time ran out after %d processes; %d of %d sockets have no named owner", a.seen, a.suspects-a.found, a.suspects)
	}
	switch {
	case a.denied > 0 && root:
		gap("%d of %d processes may not be looked into; CAP_SYS_PTRACE in the host's user namespace is needed to name them", a.denied, a.seen)
	case a.denied > 0:
		gap("%d of %d processes belong to other users; run as root to name them", a.denied, a.seen)
	case ownPIDs && a.complete && a.found < a.suspects:
		gap("%d of %d sockets are held by no process of this PID namespace; run in the host's to name their owners", a.suspects-a.found, a.suspects)
	}
	return out
}

// cgroupPath picks the path that says most about a process: that of the unified
// hierarchy unless it is the root, and else that of systemd's own, memory or any
// other hierarchy of version 1.
func cgroupPath(groups []procfs.Cgroup) string {
	best, bestRank := "", -1
	for _, g := range groups {
		path := strings.TrimSuffix(g.Path, " (deleted)")
		if rank := cgroupRank(g, path); rank > bestRank {
			best, bestRank = path, rank
		}
	}
	return best
}

func cgroupRank(g procfs.Cgroup, path string) int {
	switch {
	case path == "" || path == "/":
		return 0
	case g.HierarchyID == 0:
		return 4
	case slices.Contains(g.Controllers, "name=systemd"):
		return 3
	case slices.Contains(g.Controllers, "memory"):
		return 2
	}
	return 1
}

// containerIDLen is the length of the IDs of docker, containerd, CRI-O and
// podman: 256 bits in hexadecimal digits.
const containerIDLen = 64

// containerID finds the container that a cgroup path belongs to, the innermost
// one. Runtimes name the group after it in these ways:
//
//	/docker/ID                                 docker, cgroupfs driver
//	/system.slice/docker-ID.scope              docker, systemd driver
//	/kubepods/burstable/podUID/ID              containerd, cgroupfs driver
//	/kubepods.slice/…/cri-containerd-ID.scope  containerd, systemd driver
//	/…/kubepods-…slice:cri-containerd:ID       containerd, systemd driver misapplied
//	/kubepods.slice/…/crio-ID.scope            CRI-O
//	/machine.slice/libpod-ID.scope/container   podman
//	/libpod_parent/libpod-ID                   podman, cgroupfs driver
//
// The groups of the monitor beside a container (crio-conmon-ID,
// libpod-conmon-ID) are no container.
func containerID(path string) string {
	parts := strings.Split(path, "/")
	for _, part := range slices.Backward(parts) {
		name := strings.TrimSuffix(part, ".scope")
		if strings.Contains(name, "conmon") {
			continue
		}
		if i := strings.LastIndexAny(name, "-:"); i >= 0 {
			name = name[i+1:]
		}
		if isContainerID(name) {
			return name
		}
	}
	return ""
}

func isContainerID(s string) bool {
	if len(s) != containerIDLen {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// unitOf finds the systemd unit that a cgroup path belongs to: the innermost
// service or scope. The scope around a container is no unit that an operator
// knows it by.
func unitOf(path string) string {
	for _, part := range slices.Backward(strings.Split(path, "/")) {
		switch {
		case strings.HasSuffix(part, ".service"):
			return part
		case strings.HasSuffix(part, ".scope") && containerID(part) == "" && !strings.Contains(part, "conmon"):
			return part
		}
	}
	return ""
}

// parseFDLimit finds the soft limit of open files in /proc/PID/limits. Without a
// limit it is the largest number there is.
func parseFDLimit(b []byte) (uint64, bool) {
	const name = "Max open files"
	for len(b) > 0 {
		var line []byte
		line, b = cutLine(b)
		rest, ok := bytes.CutPrefix(line, []byte(name))
		if !ok {
			continue
		}
		words := bytes.Fields(rest)
		if len(words) == 0 {
			return 0, false
		}
		if string(words[0]) == "unlimited" {
			return math.MaxUint64, true
		}
		n, err := strconv.ParseUint(string(words[0]), 10, 64)
		return n, err == nil
	}
	return 0, false
}

package sockdiag

import (
	"math"
	"strings"
	"testing"

	"github.com/prometheus/procfs"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

func TestContainerAndUnit(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("0123456789abcdef", 4)
	tests := []struct{ name, path, container, unit string }{
		{"docker, cgroupfs driver", "/docker/" + id, id, ""},
		{"docker, systemd driver", "/system.slice/docker-" + id + ".scope", id, ""},
		{"docker in docker", "/docker/" + strings.Repeat("f", 64) + "/docker/" + id, id, ""},
		{"a group inside the container", "/docker/" + id + "/init", id, ""},
		{"containerd, cgroupfs driver", "/kubepods/burstable/pod6f0c1f9b-6b7e-4b0e-8f0a-3f8f2f5d5c11/" + id, id, ""},
		{
			"containerd, systemd driver",
			"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod6f0c.slice/cri-containerd-" + id + ".scope", id, "",
		},
		{"containerd, driver misapplied", "/system.slice/containerd.service/kubepods-burstable-pod6f0c.slice:cri-containerd:" + id, id, "containerd.service"},
		{"containerd's own tool", "/default/" + id, id, ""},
		{"CRI-O", "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod6f0c.slice/crio-" + id + ".scope", id, ""},
		{"CRI-O with a group for the container", "/kubepods.slice/crio-" + id + ".scope/container", id, ""},
		{"CRI-O's monitor", "/kubepods.slice/crio-conmon-" + id + ".scope", "", ""},
		{"podman", "/machine.slice/libpod-" + id + ".scope/container", id, ""},
		{"podman, rootless", "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id + ".scope", id, "user@1000.service"},
		{"podman, cgroupfs driver", "/libpod_parent/libpod-" + id, id, ""},
		{"podman's monitor", "/machine.slice/libpod-conmon-" + id + ".scope", "", ""},
		{"a service", "/system.slice/nginx.service", "", "nginx.service"},
		{"a group inside the service", "/system.slice/nginx.service/workers", "", "nginx.service"},
		{"a template", "/system.slice/system-getty.slice/getty@tty1.service", "", "getty@tty1.service"},
		{"a user's service", "/user.slice/user-1000.slice/user@1000.service/app.slice/web.service", "", "web.service"},
		{"a session", "/user.slice/user-1000.slice/session-3.scope", "", "session-3.scope"},
		{"digits that are no identifier", "/docker/" + id[:63], "", ""},
		{"upper case is no identifier", "/docker/" + strings.ToUpper(id), "", ""},
		{"the root", "/", "", ""},
		{"nothing", "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := containerID(tt.path); got != tt.container {
				t.Errorf("got container %q, want %q", got, tt.container)
			}
			if got := unitOf(tt.path); got != tt.unit {
				t.Errorf("got unit %q, want %q", got, tt.unit)
			}
		})
	}
}

func TestCgroupPath(t *testing.T) {
	t.Parallel()
	v2 := procfs.Cgroup{HierarchyID: 0, Path: "/system.slice/a.service"}
	v2Root := procfs.Cgroup{HierarchyID: 0, Path: "/"}
	systemd := procfs.Cgroup{HierarchyID: 9, Controllers: []string{"name=systemd"}, Path: "/system.slice/b.service"}
	memory := procfs.Cgroup{HierarchyID: 4, Controllers: []string{"memory"}, Path: "/docker/c"}
	cpu := procfs.Cgroup{HierarchyID: 3, Controllers: []string{"cpu", "cpuacct"}, Path: "/docker/d"}
	tests := []struct {
		name   string
		groups []procfs.Cgroup
		want   string
	}{
		{"version 2 only", []procfs.Cgroup{v2}, "/system.slice/a.service"},
		{"hybrid, version 2 in use", []procfs.Cgroup{systemd, memory, v2}, "/system.slice/a.service"},
		{"hybrid, version 2 not in use", []procfs.Cgroup{cpu, memory, systemd, v2Root}, "/system.slice/b.service"},
		{"version 1 without systemd", []procfs.Cgroup{cpu, memory, v2Root}, "/docker/c"},
		{"any hierarchy", []procfs.Cgroup{cpu, v2Root}, "/docker/d"},
		{"the root of all", []procfs.Cgroup{v2Root}, "/"},
		{"removed meanwhile", []procfs.Cgroup{{Path: "/a.service (deleted)"}}, "/a.service"},
		{"none", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := cgroupPath(tt.groups); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestParseFDLimit(t *testing.T) {
	t.Parallel()
	const head = "Limit                     Soft Limit           Hard Limit           Units     \n" +
		"Max processes             96000                96000                processes \n"
	tests := []struct {
		name, text string
		want       uint64
		ok         bool
	}{
		{"a number", head + "Max open files            1024                 524288               files     \n", 1024, true},
		{"none", head + "Max open files            unlimited            unlimited            files     \n", math.MaxUint64, true},
		{"cut short", head + "Max open files", 0, false},
		{"nonsense", head + "Max open files x", 0, false},
		{"no such line", head, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got, ok := parseFDLimit([]byte(tt.text)); got != tt.want || ok != tt.ok {
				t.Errorf("got %d and %v, want %d and %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

func TestAttributionGaps(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name          string
		a             attribution
		root, ownPIDs bool
		want          []string
	}{
		{"all seen", attribution{seen: 40, suspects: 3, found: 3, complete: true}, true, false, nil},
		{"owners in flight", attribution{seen: 40, suspects: 3, found: 2, complete: true}, true, false, nil},
		{
			"other users", attribution{seen: 40, denied: 12, complete: true}, false, false,
			[]string{"12 of 40 processes belong to other users; run as root to name them"},
		},
		{
			"root without the capability", attribution{seen: 40, denied: 12, complete: true}, true, false,
			[]string{"12 of 40 processes may not be looked into; CAP_SYS_PTRACE in the host's user namespace is needed to name them"},
		},
		{
			"owners outside", attribution{seen: 4, suspects: 3, found: 1, complete: true}, true, true,
			[]string{"2 of 3 sockets are held by no process of this PID namespace; run in the host's to name their owners"},
		},
		{
			"out of time", attribution{seen: 7, suspects: 3, found: 1}, true, false,
			[]string{"time ran out after 7 processes; 2 of 3 sockets have no named owner"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := tt.a.gaps(tt.root, tt.ownPIDs)
			if len(got) != len(tt.want) {
				t.Fatalf("got %v, want %v", got, tt.want)
			}
			for i, want := range tt.want {
				if got[i] != (facts.Gap{Source: facts.SourceProcesses, Reason: want}) {
					t.Errorf("got %q, want %q", got[i].Reason, want)
				}
			}
		})
	}
}

func FuzzContainerID(f *testing.F) {
	f.Add("/kubepods.slice/crio-" + strings.Repeat("a", 64) + ".scope")
	f.Add("/system.slice/nginx.service")
	f.Fuzz(func(t *testing.T, path string) {
		if id := containerID(path); id != "" && (!isContainerID(id) || !strings.Contains(path, id)) {
			t.Errorf("got container %q of %q", id, path)
		}
		if unit := unitOf(path); strings.Contains(unit, "/") {
			t.Errorf("got unit %q", unit)
		}
	})
}

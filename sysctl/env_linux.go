package sysctl

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// HostEnv returns what the defaults of the running kernel depend on. The tree is
// asked for the size of the connection hash, which older kernels do not tell.
func HostEnv(d *Dir) (Env, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return Env{}, fmt.Errorf("sysctl: uname: %w", err)
	}
	release, err := ParseRelease(unix.ByteSliceToString(name.Release[:]))
	if err != nil {
		return Env{}, err
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return Env{}, fmt.Errorf("sysctl: sysinfo: %w", err)
	}
	env := Env{Kernel: release, RAMBytes: uint64(info.Totalram) * uint64(info.Unit), PageBytes: os.Getpagesize()}
	if d != nil {
		// Negative outside the initial namespace, where the host's hash is shared.
		if v, err := d.Read("net.ipv4.tcp_ehash_entries"); err == nil {
			if n, err := strconv.ParseInt(v, 10, 64); err == nil {
				env.HashBuckets = uint64(max(n, -n))
			}
		}
	}
	return env, nil
}

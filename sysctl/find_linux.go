package sysctl

import (
	"os"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// currentBoot returns the kernel's name for the present boot.
func currentBoot() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// FindTarget returns a [Finder] that looks through the namespaces of the host.
func FindTarget(tree *Dir) Finder {
	return func(id Identity) (*Target, func(), error) {
		handles, _ := netns.All()
		var found *Target
		var kept *netns.Handle
		var firstErr error
		for _, h := range handles {
			if found == nil && (id.Initial || h.ID().Cookie == id.Cookie) {
				t, err := NewTarget(TargetOptions{Tree: tree, Namespace: h, Name: h.Name()})
				switch {
				case err != nil && firstErr == nil:
					firstErr = err
				case err == nil && t.id.Initial == id.Initial && id.Is(t.id) == nil:
					found, kept = t, h
					continue
				}
			}
			_ = h.Close()
		}
		if found == nil {
			return nil, nil, firstErr
		}
		return found, func() { _ = kept.Close() }, nil
	}
}

package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// sysctlPath is the file of a parameter such as net.core.somaxconn.
func sysctlPath(key string) string {
	return filepath.Join("/proc/sys", strings.ReplaceAll(key, ".", "/"))
}

// SetSysctl sets a parameter of a namespace. It refuses the namespace of the
// process itself: the lab changes only what it has made.
func SetSysctl(ns *netns.Handle, key, value string) error {
	if ns.IsSelf() {
		return fmt.Errorf("lab: set %s: the process's own namespace is not the lab's to change", key)
	}
	// The thread that opens a file below /proc/sys/net decides whose it is.
	err := ns.Do(func() error {
		file, err := os.OpenFile(sysctlPath(key), os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = file.WriteString(value)
		if closed := file.Close(); err == nil {
			err = closed
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("lab: set %s=%s: %w", key, value, err)
	}
	return nil
}

// Sysctl reads a parameter of a namespace.
func Sysctl(ns *netns.Handle, key string) (string, error) {
	var value []byte
	err := ns.Do(func() (err error) {
		value, err = os.ReadFile(sysctlPath(key))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("lab: read %s: %w", key, err)
	}
	return strings.TrimSpace(string(value)), nil
}

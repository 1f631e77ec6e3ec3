package incident

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// Key identifies a fault across ticks and across restarts: of the agent, and of
// the program at fault. It holds no process ID and no inode.
type Key struct {
	// ID is the rule.
	ID string `json:"id"`
	// Netns identifies the network namespace: the boot and its cookie, or its
	// inode where the kernel tells no cookie (before 5.14).
	Netns string `json:"netns"`
	// Subject is what it is about, as in the alert: "listener 0.0.0.0:80 nginx".
	Subject string `json:"subject"`
}

// uid names one incident among all there ever are.
func uid(instance string, k Key, since time.Time, seq uint64) string {
	const bytes = 8
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%s\x00%d\x00%d", instance, k.ID, k.Netns, k.Subject, since.UnixNano(), seq))
	return hex.EncodeToString(sum[:bytes])
}

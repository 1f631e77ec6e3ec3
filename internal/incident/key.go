package incident

// Key identifies a fault across ticks and across restarts: of the agent, and of
// the program at fault. It holds no process ID and no inode.
type Key struct {
	// ID is the rule.
	ID string `json:"id"`
	// Netns identifies the network namespace: its cookie within the boot, or
	// its inode where the kernel tells no cookie (before 5.14).
	Netns string `json:"netns"`
	// Subject is what it is about, as in the alert: "listener 0.0.0.0:80 nginx".
	Subject string `json:"subject"`
}

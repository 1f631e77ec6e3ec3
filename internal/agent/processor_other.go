//go:build !unix

package agent

import "time"

// processorTime is unknown here: the agent then keeps to the intervals that it
// was given.
func processorTime() time.Duration { return 0 }

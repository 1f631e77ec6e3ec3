package steady_test

import (
	"fmt"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/steady"
)

// Somebody sets the clock an hour ahead; ten seconds have passed all the same.
func ExampleClock() {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	var c steady.Clock
	c.Advance(steady.Moment{Wall: noon, Mono: time.Hour})
	fmt.Println(c.Advance(steady.Moment{Wall: noon.Add(time.Hour), Mono: time.Hour + 10*time.Second}))
	// Output: 10s
}

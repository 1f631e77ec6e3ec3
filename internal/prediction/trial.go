package prediction

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// Trial is one change under one load, to be predicted and then made.
type Trial struct {
	// Name is kebab-case and unique.
	Name string
	// Load is what goes on meanwhile.
	Load Load
	// Change is what is predicted and then made.
	Change Change
	// Families are those it is tried with; none stands for IPv4.
	Families []lab.Family
	// Settle is how long it takes after the change, or after the restart of the
	// application, until its effect is complete; 0 stands for half a second.
	Settle time.Duration
	// Window is how long is measured after the change; 0 stands for the load's.
	Window time.Duration
	// Figures replace those of the load's subject, for a change that concerns
	// something else than what is wrong.
	Figures map[string]Measure
	// Differs says why the verdict is known to be wrong; empty where it is not.
	Differs string
	// Allow widens the tolerance of numbers that a load makes noisy.
	Allow []Allowance
}

// Allowance is a wider tolerance for one figure.
type Allowance struct {
	Figure string
	Share  float64 // of the larger of both, 0.5 for half as much or twice
	Reason string
}

// Load is something that goes on in a bench. Its functions are called in the order
// Start, Prepare, Event, and Prepare and Event again for each further window.
type Load struct {
	// Text describes it for the table, without a full stop.
	Text string
	// Judged is the side whose settings are changed; empty stands for the server's.
	Judged lab.Side
	// Subject says what can be wrong about it.
	Subject Subject
	// Start sets the load up and returns once it goes on.
	Start func(ctx context.Context, s *Scene)
	// Prepare makes what must be there before the change is; may be nil.
	Prepare func(ctx context.Context, s *Scene)
	// Event happens once in each window; may be nil. A window is not over
	// before its event is.
	Event func(ctx context.Context, s *Scene)
	// Finish looks at what is there when a window ends; may be nil.
	Finish func(ctx context.Context, s *Scene)
	// Follow goes along with the change: it begins right before and ends
	// before the next window does; may be nil.
	Follow func(ctx context.Context, s *Scene)
	// Restart is what the application does when it is restarted; nil stands
	// for calling listen() again, where there is a server.
	Restart func(ctx context.Context, s *Scene)
	// Lively tells that the load must keep time to a few milliseconds, so that
	// only a few of its kind may go on at once.
	Lively bool
	// Warm is how long it takes to be steady; 0 stands for half a second.
	Warm time.Duration
	// Window is how long is measured; 0 stands for three seconds.
	Window time.Duration
}

// Change is one change of a setting, or of what the application asks for.
type Change struct {
	// Key is the full name of the parameter and Value what is written to it.
	// Without Key no parameter is changed.
	Key, Value string
	// Backlog is what the application passes to listen() from the next call
	// on; 0 leaves it as it is.
	Backlog int
	// Relisten tells that the application calls listen() again, right after.
	Relisten bool
}

// String words the change for the table.
func (c Change) String() string {
	switch {
	case c.Key != "":
		return model.Change{Key: c.Key, Value: c.Value, Relisten: c.Relisten}.String()
	case c.Relisten:
		return fmt.Sprintf("the application calls listen() again, with backlog %d", c.Backlog)
	default:
		return fmt.Sprintf("backlog %d in the application's configuration", c.Backlog)
	}
}

// seconds words a time.
func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " s" }

// The times that trials and loads leave out.
const (
	defaultSettle = 500 * time.Millisecond
	defaultWarm   = 500 * time.Millisecond
	defaultWindow = 3 * time.Second
)

// complete fills in what was left out.
func (t Trial) complete() Trial {
	if t.Settle == 0 {
		t.Settle = defaultSettle
	}
	if t.Load.Warm == 0 {
		t.Load.Warm = defaultWarm
	}
	if t.Load.Window == 0 {
		t.Load.Window = defaultWindow
	}
	if t.Window == 0 {
		t.Window = t.Load.Window
	}
	if t.Figures == nil {
		t.Figures = t.Load.Subject.Figures
	}
	if t.Load.Judged == "" {
		t.Load.Judged = lab.ServerSide
	}
	if len(t.Families) == 0 {
		t.Families = []lab.Family{lab.IPv4}
	}
	return t
}

// takes is about how long a trial lasts, for the order of running.
func (t Trial) takes() time.Duration {
	return t.Load.Warm + t.Load.Window + t.Settle + t.Window
}

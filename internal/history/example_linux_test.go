package history_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/history"
	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// A tick is kept as a whole, its message until the receiver has it.
func Example() {
	dir, err := os.MkdirTemp("", "history")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	s, err := history.Open(filepath.Join(dir, history.DefaultFile), history.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	at := time.Date(2026, 3, 1, 14, 2, 0, 0, time.UTC)
	in := incident.Incident{UID: "q7x2", State: incident.Open, Since: at, Opened: at, LastSeen: at, Severity: rules.Critical}
	err = s.Declare([]string{"alertmanager"})
	if err == nil {
		err = s.Commit(history.Tick{
			At: at, State: []byte("where to go on"),
			Incidents: []incident.Incident{in},
			Alerts:    []incident.Alert{{UID: "q7x2", Status: incident.Firing, StartsAt: at}},
			Points:    []history.Point{{Series: "listen_overflows_per_second", Value: 37}},
		})
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	e, ok, err := s.Next("alertmanager")
	fmt.Println(e.Alert.UID, e.Alert.Status, ok, err)
	fmt.Println(s.Done("alertmanager", e.Seq))
	// Output:
	// q7x2 firing true <nil>
	// <nil>
}

// Anybody may read while the agent writes.
func ExampleOpenReadOnly() {
	_, err := history.OpenReadOnly("/nowhere/history.db")
	fmt.Println(errors.Is(err, fs.ErrNotExist), err)
	// Output: true history: open /nowhere/history.db: no such file or directory
}

// A recorder keeps what was seen in the minutes before something was found.
func ExampleRecorder() {
	dir, err := os.MkdirTemp("", "recordings")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	r := history.NewRecorder(dir, history.RecorderOptions{})
	at := time.Date(2026, 3, 1, 14, 0, 0, 0, time.UTC)
	for minute := range 3 {
		if err := r.Add(facts.Window{Started: at.Add(time.Duration(minute) * time.Minute), Seconds: 10}); err != nil {
			fmt.Println(err)
		}
	}
	name, err := r.Write("q7x2")
	fmt.Println(name, err)
	all, err := history.Recordings(dir)
	fmt.Println(len(all), all[0].Earlier[0].Name, all[0].Earlier[1].Name, err)
	// Output:
	// q7x2.rec <nil>
	// 1 q7x2.before-1.rec q7x2.before-2.rec <nil>
}

package sockdiag_test

import (
	"context"
	"fmt"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/sockdiag"
)

func ExampleCollect() {
	w, err := sockdiag.Collect(context.Background(), sockdiag.Options{Window: 100 * time.Millisecond})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range w.Namespaces {
		_, known := facts.Delta(n.Start.Counters, n.End.Counters, "TcpExt.ListenOverflows")
		fmt.Println("sockets walked to the end:", n.End.Census.Complete)
		fmt.Println("overflows counted:", known)
	}
	// Output:
	// sockets walked to the end: true
	// overflows counted: true
}

// A watcher takes a window every ten seconds, and walks over all sockets every five
// minutes.
func ExampleWatcher() {
	w, err := sockdiag.NewWatcher(sockdiag.WatchOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer w.Close()
	ctx := context.Background()
	if err := w.Refresh(ctx); err != nil {
		fmt.Println(err) // what could be listed is watched all the same
	}
	seconds := 0
	for range time.Tick(time.Second) {
		seconds++
		w.Poll(ctx)
		if seconds%10 != 0 {
			continue
		}
		window, err := w.Tick(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		if seconds%300 == 0 {
			if err := w.Walk(ctx, &window); err != nil {
				fmt.Println(err)
			}
		}
		fmt.Println(len(window.Namespaces), "namespaces,", w.Stats().CensusAge, "since the oldest walk")
	}
}

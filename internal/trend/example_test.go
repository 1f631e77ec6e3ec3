package trend_test

import (
	"fmt"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/steady"
	"github.com/tcpdoctor/tcpdoctor/internal/trend"
)

// A leak of twelve an hour is known as such after two hours.
func ExampleBook() {
	book := trend.New(trend.Options{}, trend.Memory{})
	leak := facts.Reading{Netns: "host", Series: facts.Series{Metric: "close_wait", Comm: "java"}}
	at := steady.Moment{Wall: time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)}
	for range 2 * 60 {
		leak.Value += 0.2
		book.Observe(at, []facts.Reading{leak}, nil)
		at.Wall, at.Mono = at.Wall.Add(time.Minute), at.Mono+time.Minute
	}
	w := facts.Window{Namespaces: make([]facts.NamespaceWindow, 1)}
	book.Annotate(&w, []string{"host"}, []string{"close_wait"}, nil)
	for _, t := range w.Namespaces[0].Trends {
		fmt.Printf("%s: growing %v by %.0f/h\n", t.Series.Comm, t.Growing(), t.PerHour)
	}
	// Output: java: growing true by 12/h
}

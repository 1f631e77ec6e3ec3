package trend

import (
	"fmt"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/steady"
)

// BenchmarkDay plays a day of a host with twenty namespaces, a tick every ten
// seconds: ns/op divided by 864,000,000 is the share of one core in percent.
func BenchmarkDay(b *testing.B) {
	var readings []facts.Reading
	var labels []string
	var covered []facts.Covered
	for n := range 20 {
		netns := fmt.Sprint("ns-", n)
		labels = append(labels, netns)
		covered = append(covered, facts.Covered{Netns: netns, Metric: metric})
		for i := range 16 {
			readings = append(readings, facts.Reading{Netns: netns, Series: facts.Series{Metric: metric, Comm: fmt.Sprint("job-", i)}})
		}
		for i := range 12 {
			readings = append(readings, facts.Reading{Netns: netns, Series: facts.Series{Metric: fmt.Sprint(counter, i)}, Rate: true})
		}
	}
	for b.Loop() {
		book := New(Options{}, Memory{})
		at := steady.Moment{Wall: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)}
		w := facts.Window{Namespaces: make([]facts.NamespaceWindow, 20)}
		for tick := range 8640 {
			at.Wall, at.Mono = at.Wall.Add(10*time.Second), at.Mono+10*time.Second
			for i := range readings {
				readings[i].Value = float64(tick*(i%7) + (tick*i)%13)
			}
			book.Observe(at, readings, covered)
			book.Annotate(&w, labels, []string{metric}, []string{counter + "0", counter + "1"})
		}
	}
}

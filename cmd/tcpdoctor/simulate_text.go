package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tcpdoctor/tcpdoctor/model"
)

// Columns of the page of a simulation.
const (
	simulateLabel = 12  // the name of a line
	simulateGauge = 8   // the figures beside a chart
	simulateMost  = 110 // nobody reads wider charts gladly
)

// simulatePage writes a simulation for people.
type simulatePage struct {
	b     strings.Builder
	ink   ink
	width int
}

func newSimulatePage(io streams) *simulatePage {
	return &simulatePage{ink: ink(io.Color), width: min(max(io.Width, leastWidth), simulateMost)}
}

// cells is how many moments a chart shows side by side.
func (p *simulatePage) cells() int { return p.width - simulateLabel - simulateGauge - 2 }

// simulation writes all of one.
func (p *simulatePage) simulation(c model.SimConfig, r model.SimResult) {
	p.verdict(simulationVerdict(r))
	var why []string
	for _, reason := range simulationReasons(c, r) {
		why = append(why, folded(reason, p.room())...)
	}
	p.labelled("why", why)
	p.labelled("load", foldedItems(loadWords(c), p.room()))
	p.labelled("server", foldedItems(serverWords(c, r), p.room()))
	p.line("")
	p.charts(r)
	p.line("")
	p.clients(r)
	p.waits(r)
	p.counters(r)
}

// verdict writes the first line: how it went.
func (p *simulatePage) verdict(text string, tone verdictTone) {
	paint := map[verdictTone]func(string) string{toneGood: p.ink.good, toneWarn: p.ink.warn, toneBad: p.ink.bad}[tone]
	lead := tone.mark()
	for _, l := range folded(text, p.width-columns(lead)) {
		p.line(paint(lead + l))
		lead = "  "
	}
}

func (p *simulatePage) line(text string) {
	p.b.WriteString(strings.TrimRight(text, " ") + "\n")
}

// labelled writes lines behind their name.
func (p *simulatePage) labelled(label string, lines []string) {
	for _, l := range lines {
		p.line(p.ink.faint(padded("  "+label, simulateLabel)) + l)
		label = ""
	}
}

// room is how wide the text behind a label may be.
func (p *simulatePage) room() int { return p.width - simulateLabel }

// charts draw the two queues and the drops over time.
func (p *simulatePage) charts(r model.SimResult) {
	var accept, half, drops []float64
	seconds := 0.0
	for _, s := range r.Trajectory {
		accept = append(accept, float64(s.AcceptPeak))
		half = append(half, float64(s.HalfOpenPeak))
		drops = append(drops, float64(s.Drops)/(s.Seconds-seconds))
		seconds = s.Seconds
	}
	holds := float64(model.AcceptCapacity(r.Limit))
	tall := 3 // the quantity that matters most
	if r.AcceptPeak > 0 || r.HalfOpenPeak == 0 {
		p.chart("queue", "of "+grouped(int(holds)), accept, holds, tall)
		tall = 1
	}
	if r.HalfOpenPeak > 0 {
		p.chart("half-open", "", half, float64(r.HalfOpenMax), tall)
	}
	if r.Counters.ListenDrops > 0 {
		p.chart("drops/s", "", drops, 0, 1)
	}
	middle := shortTime(time.Duration(seconds / 2 * float64(time.Second)))
	end := shortTime(time.Duration(seconds * float64(time.Second)))
	p.line(strings.Repeat(" ", simulateLabel+simulateGauge) + p.ink.faint(" └"+timeAxis([3]string{"0", middle, end}, p.cells())))
}

// chart draws one quantity: its name, its scale, and bars that are marked where
// they reach the limit. Without a limit nothing is marked.
func (p *simulatePage) chart(name, below string, values []float64, limit float64, rows int) {
	values = thinned(values, p.cells())
	peak := 0.0
	if len(values) > 0 {
		peak = slices.Max(values)
	}
	for i, bars := range barRows(values, peak, rows) {
		label, gauge := "", ""
		switch i {
		case 0:
			label, gauge = name, figure(peak)
		case 1:
			label = below
		}
		if i == rows-1 && rows > 1 {
			gauge = "0"
		}
		p.line(p.ink.faint(padded("  "+label, simulateLabel)) + fmt.Sprintf("%*s", simulateGauge, gauge) + p.ink.faint(" ┤") + p.marked(bars, values, limit))
	}
}

// marked paints the bars that reach a limit.
func (p *simulatePage) marked(bars string, values []float64, limit float64) string {
	if !p.ink || limit <= 0 {
		return bars
	}
	var b strings.Builder
	for i, r := range []rune(bars) {
		if i < len(values) && values[i] >= limit && r != ' ' {
			b.WriteString(p.ink.bad(string(r)))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// figureRow is one line of figures with a bar.
type figureRow struct {
	name, value string
	share       float64
}

// rows writes figures in columns, under one label.
func (p *simulatePage) rows(label string, all []figureRow) {
	name, value := 0, 0
	for _, r := range all {
		name, value = max(name, columns(r.name)), max(value, columns(r.value))
	}
	room := p.room() - name - value - 4
	var lines []string
	for _, r := range all {
		text := padded(r.name, name) + "  " + strings.Repeat(" ", value-columns(r.value)) + r.value
		if room > 3 {
			text += "  " + barAcross(r.share, min(room, 40))
		}
		lines = append(lines, text)
	}
	p.labelled(label, lines)
}

// clients writes what became of those that wanted in.
func (p *simulatePage) clients(r model.SimResult) {
	if r.Arrivals == 0 {
		return
	}
	var all []figureRow
	for _, x := range []struct {
		name  string
		count uint64
	}{
		{"served", r.Served}, {"timed out", r.TimedOut}, {"reset", r.Reset}, {"gave up", r.GaveUp},
		{"hung", r.Hung}, {"undecided", r.Pending},
	} {
		if x.count > 0 || x.name == "served" {
			share := float64(x.count) / float64(r.Arrivals)
			all = append(all, figureRow{x.name, fmt.Sprintf("%s  %5s %%", grouped(x.count), percent(share)), share})
		}
	}
	p.rows("clients", all)
}

// waits writes how long the clients that were served had to wait.
func (p *simulatePage) waits(r model.SimResult) {
	if r.Served == 0 {
		return
	}
	row := func(name string, d time.Duration) figureRow {
		return figureRow{name, shortTime(d), float64(d) / float64(max(1, r.WaitMost))}
	}
	p.rows("waiting", []figureRow{row("half within", r.WaitMedian), row("99 % within", r.Wait99), row("longest", r.WaitMost)})
}

// counters writes what the kernel would have counted.
func (p *simulatePage) counters(r model.SimResult) {
	counts := r.Counters.Map()
	var names []string
	for name, n := range counts {
		if n > 0 {
			names = append(names, string(name))
		}
	}
	slices.Sort(names)
	var words []string
	for _, name := range names {
		n := counts[model.Counter(name)]
		_, short, _ := strings.Cut(name, ".")
		words = append(words, fmt.Sprintf("%s +%s", short, grouped(n)))
	}
	if r.Counters.ListenerDrops > 0 {
		words = append(words, fmt.Sprintf("the listener's drops +%s", grouped(r.Counters.ListenerDrops)))
	}
	if len(words) > 0 {
		p.labelled("counts", foldedItems(words, p.room()))
	}
}

// percent prints a share; what is neither none nor all never looks like it.
func percent(share float64) string {
	text := strconv.FormatFloat(100*share, 'f', 1, 64)
	switch {
	case share > 0 && text == "0.0":
		return "<0.1"
	case share < 1 && text == "100.0":
		return ">99.9"
	}
	return text
}

// figure prints a number as people read it.
func figure(v float64) string {
	if v == float64(int(v)) || v >= 100 {
		return grouped(int(v + 0.5))
	}
	if v < 0.1 {
		return strconv.FormatFloat(v, 'g', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 1, 64)
}

// shortTime prints a time with as many digits as matter.
func shortTime(d time.Duration) string {
	switch {
	case d >= 100*time.Second:
		return d.Round(time.Second).String()
	case d >= 10*time.Second:
		return figure(float64(d.Round(100*time.Millisecond))/float64(time.Second)) + " s"
	case d >= time.Second:
		return strconv.FormatFloat(d.Seconds(), 'g', 3, 64) + " s"
	case d >= time.Millisecond:
		return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'g', 3, 64) + " ms"
	case d > 0:
		return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 2, 64) + " ms"
	}
	return "0"
}

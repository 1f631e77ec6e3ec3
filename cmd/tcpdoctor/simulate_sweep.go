package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/model"
)

// loadParameter is the swept parameter that is part of the load: of it, more is
// worse.
const loadParameter = "flood"

// runSweep tries the values of one parameter.
func (o *simulateOptions) runSweep(ctx context.Context, c model.SimConfig) error {
	s := o.sweep.value
	points, err := patiently(ctx, func() ([]model.SweepPoint, error) { return model.Sweep(c, s.name, s.values) })
	if err != nil {
		return err
	}
	knee := sweepKnee(s.name, points)
	if o.output == "json" {
		d := swept{Schema: sweepSchema, Tool: toolName{version()}, Config: configDocument(c), Parameter: s.name}
		for _, p := range points {
			d.Points = append(d.Points, sweptPoint{p.Value, outcomeDocument(p.Result)})
		}
		if knee >= 0 {
			d.Knee = &points[knee].Value
		}
		return writeJSON(o.io.Out, d)
	}
	p := newSimulatePage(o.io)
	p.sweep(c, s.name, points, knee)
	return writeText(o.io.Out, p.b.String())
}

// alike is the part by which drops may differ, by chance, for two values to count
// as equally good.
const alike = 50

// sweepKnee returns the index of the smallest value behind which nothing gets
// better; of a load, that of the largest which does no harm yet; -1 where the
// parameter makes no difference.
func sweepKnee(name string, points []model.SweepPoint) int {
	best, worst := sweepDrops(points)
	if worst-best <= worst/alike {
		return -1
	}
	if name != loadParameter {
		return smallest(points, model.Knee(points))
	}
	knee := -1
	for i, p := range points {
		r := p.Result
		if r.Counters.ListenDrops-best <= (r.Arrivals+r.FloodSYNs)/harmless && (knee < 0 || p.Value > points[knee].Value) {
			knee = i
		}
	}
	return knee
}

// harmless is how many SYNs there must be for each one dropped, for a load to
// count as borne.
const harmless = 1000

// smallest returns the index of the smallest value that refuses no more than
// that of a knee, which matters where the values do not ascend.
func smallest(points []model.SweepPoint, knee int) int {
	at := points[knee].Result.Counters.ListenDrops
	for i, p := range points {
		if p.Value < points[knee].Value && p.Result.Counters.ListenDrops <= at {
			knee = i
		}
	}
	return knee
}

// sweepDrops returns the fewest and the most drops of a sweep.
func sweepDrops(points []model.SweepPoint) (best, worst uint64) {
	for i, p := range points {
		n := p.Result.Counters.ListenDrops
		if i == 0 {
			best = n
		}
		best, worst = min(best, n), max(worst, n)
	}
	return best, worst
}

// sweepColumn is one column of the table of a sweep.
type sweepColumn struct {
	head  string
	value func(p model.SweepPoint) string
	spare int // those with more are left out first where there is no room
}

func sweepColumns(name string) []sweepColumn {
	return []sweepColumn{
		{strings.TrimPrefix(name, "tcp_"), func(p model.SweepPoint) string { return grouped(p.Value) }, 0},
		{"queue holds", func(p model.SweepPoint) string { return grouped(model.AcceptCapacity(p.Result.Limit)) }, 2},
		{"peak", func(p model.SweepPoint) string { return grouped(p.Result.AcceptPeak) }, 1},
		{"half-open", func(p model.SweepPoint) string { return grouped(p.Result.HalfOpenPeak) }, 2},
		{"drops/s", func(p model.SweepPoint) string { return figure(p.Result.DropsPerSecond()) }, 0},
		{"served", func(p model.SweepPoint) string {
			if p.Result.Arrivals == 0 {
				return "-"
			}
			return percent(float64(p.Result.Served)/float64(p.Result.Arrivals)) + " %"
		}, 1},
		{"99 % wait", func(p model.SweepPoint) string {
			if p.Result.Served == 0 {
				return "-"
			}
			return shortTime(p.Result.Wait99)
		}, 0},
	}
}

// sweep writes the table and what it says.
func (p *simulatePage) sweep(c model.SimConfig, name string, points []model.SweepPoint, knee int) {
	p.verdict(sweepVerdict(c, name, points, knee))
	p.labelled("load", foldedItems(loadWords(c), p.room()))
	p.line("")
	all := sweepColumns(name)
	lines := sweepLines(all, points)
	for spare := 2; spare > 0 && columns(lines[0])+columns(kneeMark) > p.width; spare-- {
		all = slices.DeleteFunc(all, func(c sweepColumn) bool { return c.spare == spare })
		lines = sweepLines(all, points)
	}
	p.line(p.ink.faint(lines[0]))
	for i, l := range lines[1:] {
		if i == knee {
			l = p.ink.strong(l) + p.ink.good(kneeMark)
		}
		p.line(l)
	}
}

// kneeMark stands behind the line of the knee.
const kneeMark = "  ◀"

// sweepLines aligns the cells of a table, its head first.
func sweepLines(all []sweepColumn, points []model.SweepPoint) []string {
	rows := make([][]string, len(points)+1)
	widths := make([]int, len(all))
	for j, col := range all {
		rows[0] = append(rows[0], col.head)
		for i, point := range points {
			rows[i+1] = append(rows[i+1], col.value(point))
		}
		for _, row := range rows {
			widths[j] = max(widths[j], columns(row[j]))
		}
	}
	lines := make([]string, len(rows))
	for i, row := range rows {
		for j, cell := range row {
			row[j] = strings.Repeat(" ", widths[j]-columns(cell)) + cell
		}
		lines[i] = "  " + strings.Join(row, "  ")
	}
	return lines
}

// sweepVerdict says where the knee is, or that there is none and why.
func sweepVerdict(c model.SimConfig, name string, points []model.SweepPoint, knee int) (string, verdictTone) {
	if knee < 0 {
		return noKneeVerdict(c, name, points)
	}
	at := points[knee]
	drops := figure(at.Result.DropsPerSecond())
	if name == loadParameter {
		return fmt.Sprintf("up to %s/s the flood does no more harm than the least one tried: %s drops/s", grouped(at.Value), drops), toneGood
	}
	if !slices.ContainsFunc(points, func(p model.SweepPoint) bool { return p.Value < at.Value }) {
		return fmt.Sprintf("%s %s, the smallest tried, is the best: more of it is worse; %s drops/s are left", name, grouped(at.Value), drops), toneGood
	}
	text := fmt.Sprintf("%s %s is the knee: nothing beyond it drops noticeably less; %s drops/s are left", name, grouped(at.Value), drops)
	if knee == largest(points) && at.Result.Counters.ListenDrops > 0 {
		text = fmt.Sprintf("%s %s, the largest tried, is the best so far; %s drops/s are left", name, grouped(at.Value), drops)
	}
	switch rate, most := arrivalRate(c), serviceRate(c); {
	case name != "service" && rate > most && at.Result.Counters.ListenDrops == 0:
		text += fmt.Sprintf("; but %s/s come and at most %s/s are accepted, so a longer run fills any queue", figure(rate), figure(most))
	case at.Result.Counters.ListenDrops == 0:
		return text, toneGood
	case name == "somaxconn" && c.Backlog >= 0 && at.Value >= c.Backlog:
		text += fmt.Sprintf("; from there on the application's backlog of %s binds", grouped(c.Backlog))
	case name != "service" && rate > most:
		text += fmt.Sprintf("; %s/s come and at most %s/s are accepted, so no queue is long enough", figure(rate), figure(most))
	}
	return text, toneWarn
}

// largest returns the index of the largest value of a sweep.
func largest(points []model.SweepPoint) int {
	most := 0
	for i, p := range points {
		if p.Value > points[most].Value {
			most = i
		}
	}
	return most
}

// noKneeVerdict says that a parameter does not matter, and why where that is plain.
func noKneeVerdict(c model.SimConfig, name string, points []model.SweepPoint) (string, verdictTone) {
	r := points[0].Result
	text := fmt.Sprintf("%s makes no difference to what is dropped: %s drops/s with every value", name, figure(r.DropsPerSecond()))
	if rate, most := arrivalRate(c), serviceRate(c); rate > most && r.Counters.ListenDrops > 0 {
		text += fmt.Sprintf(", because %s/s come and at most %s/s are accepted", figure(rate), figure(most))
	}
	least, longest := r.Wait99, r.Wait99
	for _, p := range points {
		least, longest = min(least, p.Result.Wait99), max(longest, p.Result.Wait99)
	}
	if longest-least > longest/10 {
		text += fmt.Sprintf("; waits differ, 99 %% within %s at best and %s at worst", shortTime(least), shortTime(longest))
	}
	if r.Counters.ListenDrops > 0 {
		return text, toneWarn
	}
	return text, toneGood
}

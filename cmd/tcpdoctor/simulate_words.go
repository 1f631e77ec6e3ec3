package main

import (
	"fmt"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/model"
)

// verdictTone is how good a verdict is.
type verdictTone string

const (
	toneGood verdictTone = "good"
	toneWarn verdictTone = "warning"
	toneBad  verdictTone = "bad"
)

// mark is what stands before a verdict.
func (t verdictTone) mark() string {
	switch t {
	case toneGood:
		return "✔ "
	case toneWarn:
		return "! "
	default:
		return "✖ "
	}
}

// undecidedMost is the share of clients that may be under way at the end without
// it being worth a warning.
const undecidedMost = 0.05

// lostClients is how many clients were turned away in one way or another.
func lostClients(r model.SimResult) uint64 { return r.TimedOut + r.Reset + r.GaveUp + r.Hung }

// simulationVerdict says in one sentence how it went.
func simulationVerdict(r model.SimResult) (string, verdictTone) {
	all, lost := r.Arrivals, lostClients(r)
	peak := fmt.Sprintf("the accept queue peaked at %s of %s", grouped(r.AcceptPeak), grouped(model.AcceptCapacity(r.Limit)))
	undecided := ""
	if r.Pending > 0 {
		undecided = fmt.Sprintf(", %s undecided at the end", grouped(r.Pending))
	}
	share := func(n uint64) string { return percent(float64(n)/float64(max(1, all))) + " %" }
	switch {
	case all == 0 && r.FloodDropped > 0:
		return fmt.Sprintf("%s of %s spoofed SYNs found no place", grouped(r.FloodDropped), grouped(r.FloodSYNs)), toneWarn
	case all == 0 && r.FloodSYNs == 0:
		return "nobody came in this time: a longer --for, or more of a load", toneWarn
	case all == 0:
		return fmt.Sprintf("all of %s SYNs were answered; the half-open queue peaked at %s", grouped(r.FloodSYNs), grouped(r.HalfOpenPeak)), toneGood
	case lost > 0:
		return fmt.Sprintf("%s of %s clients were not served (%s)%s", grouped(lost), grouped(all), share(lost), undecided), toneBad
	case float64(r.Pending) > undecidedMost*float64(all):
		return fmt.Sprintf("%s of %s clients still waited at the end (%s); %s", grouped(r.Pending), grouped(all), share(r.Pending), peak), toneWarn
	case r.SynsDropped+r.AcksDropped > 0:
		return fmt.Sprintf("no client of %s was lost%s, but SYNs and ACKs were dropped: 1 %% waited longer than %s, one %s",
			grouped(all), undecided, shortTime(r.Wait99), shortTime(r.WaitMost)), toneWarn
	case r.Pending > 0:
		return fmt.Sprintf("no client of %s was turned away%s; %s", grouped(all), undecided, peak), toneGood
	}
	return fmt.Sprintf("all of %s clients were served; %s", grouped(all), peak), toneGood
}

// simulationReasons say why something was refused, the most fundamental first.
func simulationReasons(c model.SimConfig, r model.SimResult) []string {
	var out []string
	if rate, most := arrivalRate(c), serviceRate(c); c.Service.Never && rate > 0 {
		out = append(out, "nothing is accepted: any queue fills up")
	} else if rate > most {
		less := ""
		if len(c.Stalls) > 0 {
			less = fmt.Sprintf(" (%s/s less the stalls)", figure(c.Service.PerSecond))
		}
		out = append(out, fmt.Sprintf("%s/s come, at most %s/s are accepted%s: a longer queue only postpones the overflow", figure(rate), figure(most), less))
	}
	if r.Counters.ListenOverflows > 0 {
		out = append(out, "accept queue full: "+acceptLimitWords(c))
	}
	if r.Counters.ReqQFullDrop > 0 {
		out = append(out, fmt.Sprintf("half-open queue full at %s, and tcp_syncookies is 0", grouped(r.HalfOpenPeak)))
	}
	if n := r.Counters.ListenDrops - r.Counters.ListenOverflows - r.Counters.ReqQFullDrop; n > 0 {
		out = append(out, fmt.Sprintf("three quarters of tcp_max_syn_backlog %s taken; with tcp_syncookies 0 the rest is kept for known peers", grouped(c.MaxSynBacklog)))
	}
	if r.Counters.DoCookies > 0 {
		out = append(out, fmt.Sprintf("half-open queue full: SYN cookies instead, %s times", grouped(r.Counters.DoCookies)))
	}
	return out
}

// acceptLimitWords says which of the two limits binds.
func acceptLimitWords(c model.SimConfig) string {
	switch {
	case c.Backlog < 0:
		return fmt.Sprintf("somaxconn %s binds", grouped(c.Somaxconn))
	case c.Backlog < c.Somaxconn:
		return fmt.Sprintf("the application's backlog of %s binds, somaxconn %s does not", grouped(c.Backlog), grouped(c.Somaxconn))
	case c.Backlog == c.Somaxconn:
		return fmt.Sprintf("backlog and somaxconn are both %s", grouped(c.Backlog))
	}
	return fmt.Sprintf("somaxconn %s cuts the backlog of %s", grouped(c.Somaxconn), grouped(c.Backlog))
}

// serviceRate is how many connections the application accepts in a second at
// most, on average over the run.
func serviceRate(c model.SimConfig) float64 {
	if c.Service.Never {
		return 0
	}
	stalled := 0.0
	for _, s := range c.Stalls {
		left := max(0, c.Duration-s.At).Seconds()
		if s.Every > 0 {
			stalled += left * s.Length.Seconds() / s.Every.Seconds()
		} else {
			stalled += min(left, s.Length.Seconds())
		}
	}
	return c.Service.PerSecond * max(0, 1-stalled/c.Duration.Seconds())
}

// loadWords describes who comes and how they behave.
func loadWords(c model.SimConfig) []string {
	var come []string
	for _, a := range c.Arrivals {
		if a.Kind == model.BurstArrivals {
			come = append(come, fmt.Sprintf("%s at once every %s", grouped(a.Size), shortTime(a.Every)))
		} else {
			come = append(come, fmt.Sprintf("%s %s/s", a.Kind, figure(a.PerSecond)))
		}
	}
	if c.FloodPerSecond > 0 {
		come = append(come, fmt.Sprintf("flood of %s SYNs/s", figure(c.FloodPerSecond)))
	}
	parts := []string{strings.Join(come, " and ") + " for " + shortTime(c.Duration)}
	if len(c.Arrivals) == 0 {
		return parts
	}
	parts = append(parts, "round trip "+shortTime(c.RTT))
	if c.SlowShare > 0 {
		parts = append(parts, fmt.Sprintf("%s %% answer after %s", figure(100*c.SlowShare), shortTime(c.SlowDelay)))
	}
	if c.GiveUp > 0 {
		parts = append(parts, "they give up after "+shortTime(c.GiveUp))
	}
	if c.Quiet {
		parts = append(parts, "they wait for the server to speak")
	}
	return parts
}

// serverWords describes the application and the settings.
func serverWords(c model.SimConfig, r model.SimResult) []string {
	parts := append([]string{serviceWords(c.Service)}, stallWords(c.Stalls)...)
	limit := fmt.Sprintf("accept queue limit %s = somaxconn", grouped(r.Limit))
	if c.Backlog >= 0 {
		limit = fmt.Sprintf("accept queue limit %s = min(backlog %s, somaxconn %s)", grouped(r.Limit), grouped(c.Backlog), grouped(c.Somaxconn))
	}
	half := fmt.Sprintf("half-open up to %s", grouped(r.HalfOpenMax))
	switch c.Syncookies {
	case 2:
		half = "cookies for every SYN"
	case 1:
		half += ", then cookies"
	}
	parts = append(parts, limit, half)
	if c.AbortOnOverflow {
		parts = append(parts, "resets on overflow")
	}
	if c.Dialect.Release != "" {
		parts = append(parts, "rules of Linux "+c.Dialect.Release)
	}
	return parts
}

func serviceWords(s model.Service) string {
	switch {
	case s.Never:
		return "accepts nothing"
	case s.PerSecond == atOncePerSecond:
		return "accepts at once"
	}
	text := fmt.Sprintf("accepts %s/s", figure(s.PerSecond))
	if s.Poisson {
		text += " at random"
	}
	if s.Batch > 1 {
		text += fmt.Sprintf(", %s at a time", grouped(s.Batch))
	}
	return text
}

func stallWords(stalls []model.Stall) []string {
	var out []string
	for _, s := range stalls {
		if s.Every > 0 {
			out = append(out, fmt.Sprintf("stalls %s every %s", shortTime(s.Length), shortTime(s.Every)))
		} else {
			out = append(out, fmt.Sprintf("stalls %s at %s", shortTime(s.Length), shortTime(s.At)))
		}
	}
	return out
}

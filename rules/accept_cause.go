package rules

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// verdictOnCause is why a queue overflows and who must act.
type verdictOnCause struct {
	name       string
	actor      Actor
	confidence Confidence
	text       string
}

// causeOfOverflow tells which limit binds. An application that accepts nothing
// would fill any queue, so that is asked first.
func causeOfOverflow(n *model.Namespace, g *acceptGroup, owners []*facts.Process) verdictOnCause {
	l := g.worst
	stood := howItStood(l)
	if at := slices.IndexFunc(owners, outOfDescriptors); at >= 0 {
		o := owners[at]
		return verdictOnCause{"fd-limit", LocalApplication, Certain,
			fmt.Sprintf("%s[%d] has %d of %d descriptors open, so accept() fails with EMFILE; %s",
				o.Comm, o.PID, o.FDs.Or(0), o.FDLimit.Or(0), stood)}
	}
	if n.End.Census.ListenersOnly {
		return verdictOnCause{"unknown", LocalApplication, Possible,
			stood + "; which limit binds takes a walk over all sockets to tell"}
	}
	if l.Turnover.Stalled() {
		return verdictOnCause{"application-not-accepting", LocalApplication, Certain,
			fmt.Sprintf("not one of the %d connections that waited when the window began was accepted during it%s; %s",
				l.Turnover.Waited, blockedIn(owners), stood)}
	}
	if !n.Settings.Known(model.KeySomaxconn) {
		return verdictOnCause{"unknown", LocalApplication, Possible,
			stood + "; net.core.somaxconn could not be read, so which limit binds is unknown"}
	}
	somaxconn := n.Settings.Somaxconn
	switch {
	case int(l.Limit) > somaxconn:
		return verdictOnCause{"somaxconn", KernelLimit, Possible,
			fmt.Sprintf("net.core.somaxconn is %d now and would cut the limit of %d at the next listen(); what the application asks for is unknown; %s", somaxconn, l.Limit, stood)}
	case int(l.Limit) == somaxconn:
		return verdictOnCause{"somaxconn", KernelLimit, Likely,
			fmt.Sprintf("the limit equals net.core.somaxconn (%d), which cuts every larger backlog; %s", somaxconn, stood)}
	case staleLimit(n, l):
		return verdictOnCause{"stale-somaxconn", LocalApplication, Likely,
			fmt.Sprintf("net.core.somaxconn is %d now, but the listener still has the limit of %d that it got when it called listen(); %s", somaxconn, l.Limit, stood)}
	}
	return verdictOnCause{"application-backlog", LocalApplication, Likely,
		fmt.Sprintf("the application asked listen() for %d, below net.core.somaxconn (%d); %s", l.Limit, somaxconn, stood)}
}

// howItStood says what was seen of the queue.
func howItStood(l *model.Listener) string {
	switch {
	case l.Watch.Polls == 0:
		return fmt.Sprintf("the queue stands at %d of %d", l.Queue, l.Limit)
	case l.Watch.Full == 0:
		return fmt.Sprintf("the queue stood at %d of %d at most when it was polled, and overflowed in between", l.HighWater(), l.Limit)
	}
	return fmt.Sprintf("the queue stood at up to %d of %d, over the limit in %d of %d polls",
		l.HighWater(), l.Limit, l.Watch.Full, l.Watch.Polls)
}

func outOfDescriptors(p *facts.Process) bool {
	limit, okL := p.FDLimit.Get()
	open, okO := p.FDs.Get()
	return okL && okO && open >= limit
}

// blockedIn tells where the process sleeps, where that was seen.
func blockedIn(owners []*facts.Process) string {
	for _, p := range owners {
		switch {
		case p.State == "T" || p.State == "t":
			return fmt.Sprintf(" (%s[%d] is stopped)", p.Comm, p.PID)
		case p.State == "D":
			return fmt.Sprintf(" (%s[%d] is in uninterruptible sleep)", p.Comm, p.PID)
		case p.BlockedIn != "" && p.BlockedIn != "0":
			return fmt.Sprintf(" (%s[%d] sleeps in %s)", p.Comm, p.PID, p.BlockedIn)
		}
	}
	return ""
}

// staleLimit reports whether a limit below somaxconn is more likely an old
// somaxconn than the application's own backlog: it is exactly the kernel's
// built-in default, or listeners of three different programs share it, which
// no three programs would choose by chance.
func staleLimit(n *model.Namespace, l *model.Listener) bool {
	builtIn := model.DefaultSettings(n.Dialect, n.Host.MemoryBytes).Somaxconn
	if int(l.Limit) == builtIn && n.Settings.Somaxconn > builtIn {
		return true
	}
	programs := make(map[string]bool)
	for i := range n.Listeners {
		if o := &n.Listeners[i]; o.Limit == l.Limit {
			for _, p := range o.Owners {
				programs[p.Comm] = true
			}
		}
	}
	return len(programs) >= 3
}

// acceptLoad is what the model needs to know of an overflowing listener. What
// the namespace counted is split among the listeners seen over their limits.
func acceptLoad(n *model.Namespace, g *acceptGroup) model.AcceptLoad {
	load := n.AcceptLoad(g.worst)
	load.DropsPerSecond = g.perSecond
	load.ArrivalsPerSecond = load.AcceptsPerSecond + load.DropsPerSecond
	return load
}

// predictAccept asks the model. One instant does not tell a burst, which a
// longer queue cures, from an overload, which it does not.
func predictAccept(n *model.Namespace, load model.AcceptLoad, c model.AcceptChange) model.Effect {
	e := model.PredictAccept(load, c)
	if n.Start == nil && (e.Verdict == model.Helps || e.Verdict == model.NeedsRestart) {
		return model.Effect{Verdict: model.Unknown, Reason: "one instant does not tell a burst from an overload; use a window"}
	}
	return e
}

func prescribeAccept(n *model.Namespace, s Subject, cause string, load model.AcceptLoad) []Prescription {
	var out []Prescription
	wanted := wantedLimit(load)
	switch cause {
	case "fd-limit":
		out = append(out,
			application(fmt.Sprintf("give %s more descriptors now: prlimit --pid %d --nofile=N, and for good with LimitNOFILE= or ulimit -n", s.program(), s.PID),
				model.Effect{Verdict: model.Helps, Reason: "accept() works again at once, until the new limit is reached"}),
			application("find what it does not close: descriptors that only grow run into any limit",
				model.Effect{Verdict: model.Helps, Reason: "the queue empties as soon as accept() works"}),
			not("net.core.somaxconn, a larger backlog", onlyPostpones()))
	case "application-not-accepting":
		out = append(out,
			application(fmt.Sprintf("find out what %s waits for: it must call accept()", s.program()),
				model.Effect{Verdict: model.Helps, Reason: "the queue empties as soon as the application accepts"}),
			not("net.core.somaxconn, a larger backlog", onlyPostpones()))
	case "somaxconn":
		out = append(out, prescribeSomaxconn(n, s, load, wanted)...)
	case "stale-somaxconn":
		e := predictAccept(n, load, model.AcceptChange{Backlog: facts.Some(load.Somaxconn)})
		out = append(out, longerQueue(s, e, "listen() again", fmt.Sprintf("have %s call listen() again (reload or restart): it then gets up to %d", s.program(), load.Somaxconn))...)
	case "application-backlog":
		e := predictAccept(n, load, model.AcceptChange{Backlog: facts.Some(wanted), Somaxconn: facts.Some(max(load.Somaxconn, wanted)), Relisten: true})
		out = append(out, longerQueue(s, e, "a larger backlog", fmt.Sprintf("raise the backlog that %s passes to listen() to %d, and restart it", s.program(), wanted))...)
		out = append(out, not(model.KeySomaxconn, predictAccept(n, load, model.AcceptChange{Somaxconn: facts.Some(max(load.Somaxconn, wanted) * 2)})))
	default:
		out = append(out, application("look at the listener's backlog and at what keeps it from accepting",
			model.Effect{Verdict: model.Unknown, Reason: "which limit binds could not be read"}))
	}
	return append(out, prescribeNoAcceptMyths(n, load)...)
}

// prescribeNoAcceptMyths warns of what people reach for.
func prescribeNoAcceptMyths(n *model.Namespace, load model.AcceptLoad) []Prescription {
	out := []Prescription{not(model.KeyMaxSynBacklog,
		model.Effect{Verdict: model.NoEffect, Reason: "the accept queue is bounded by the backlog and somaxconn alone"})}
	if !n.Settings.AbortOnOverflow {
		return append(out, not(model.KeyAbortOnOverflow, predictAccept(n, load, model.AcceptChange{AbortOnOverflow: facts.Some(true)})))
	}
	e := predictAccept(n, load, model.AcceptChange{AbortOnOverflow: facts.Some(false)})
	if e.Verdict == model.Helps {
		out = append(out, setting(n, model.KeyAbortOnOverflow, "", Exactly, "0", "sysctl -w "+model.KeyAbortOnOverflow+"=0", e))
	}
	return out
}

func onlyPostpones() model.Effect {
	return model.Effect{Verdict: model.NoEffect, Reason: "nothing is accepted, so a longer queue fills up too"}
}

// longerQueue advises what makes the queue longer where that helps. Under a
// lasting overload only accepting faster does.
func longerQueue(s Subject, e model.Effect, what, advice string) []Prescription {
	if e.Verdict != model.NoEffect {
		return []Prescription{application(advice, e)}
	}
	return []Prescription{acceptFaster(s), not(what, e)}
}

func acceptFaster(s Subject) Prescription {
	return application(fmt.Sprintf("make %s accept faster (more workers, less work before accept), or spread the load", s.program()),
		model.Effect{Verdict: model.Helps, Reason: "more connections arrive than it takes, throughout the window"})
}

// prescribeSomaxconn raises the setting where the model says that it helps,
// together with the listen() it takes; under a lasting overload it does not.
func prescribeSomaxconn(n *model.Namespace, s Subject, load model.AcceptLoad, wanted int) []Prescription {
	value := strconv.Itoa(wanted)
	e := predictAccept(n, load, model.AcceptChange{Somaxconn: facts.Some(wanted)})
	if e.Verdict == model.NoEffect {
		return []Prescription{acceptFaster(s), not(model.KeySomaxconn, e)}
	}
	return []Prescription{
		setting(n, model.KeySomaxconn, "", AtLeast, value, fmt.Sprintf("sysctl -w %s=%s", model.KeySomaxconn, value), e),
		application(fmt.Sprintf("then have %s call listen() again (reload or restart): a running listener keeps its old limit", s.program()),
			predictAccept(n, load, model.AcceptChange{Somaxconn: facts.Some(wanted), Relisten: true})),
	}
}

// wantedLimit is a limit that would have held what was refused, with as much
// again to spare: a power of two, at least the current kernels' default.
func wantedLimit(l model.AcceptLoad) int {
	need := 2 * (float64(l.HighWater) + l.DropsPerSecond*max(1, l.WindowSeconds))
	n := max(4096, int(need), 2*l.Limit)
	return min(65535, 1<<bits.Len(uint(n-1)))
}

// distinctProcesses drops repeats, keeping the order of pids.
func distinctProcesses(all []*facts.Process) []*facts.Process {
	slices.SortFunc(all, func(a, b *facts.Process) int { return a.PID - b.PID })
	return slices.CompactFunc(all, func(a, b *facts.Process) bool { return a.PID == b.PID })
}

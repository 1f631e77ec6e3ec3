package prediction

import (
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
)

func bothFamilies() []lab.Family { return []lab.Family{lab.IPv4, lab.IPv6} }

func onlyIPv6() []lab.Family { return []lab.Family{lab.IPv6} }

// The known trap: somaxconn is raised although the application asked for less.
var acceptOwnBacklog = Trial{
	Name:     "accept-somaxconn-raised-over-backlog-5",
	Load:     overload(listening{somaxconn: 128, backlog: 5}, 100, 40),
	Change:   Change{Key: model.KeySomaxconn, Value: "4096"},
	Families: bothFamilies(),
}

var acceptOwnBacklogRelisten = Trial{
	Name:   "accept-somaxconn-raised-over-backlog-16-and-listen-again",
	Load:   oneStall(listening{somaxconn: 64, backlog: 16}, 150, 800*time.Millisecond),
	Change: Change{Key: model.KeySomaxconn, Value: "1024", Relisten: true},
}

// The known trap: a running listener keeps its limit.
var acceptStallOnly = Trial{
	Name:     "accept-somaxconn-raised-one-stall",
	Load:     oneStall(listening{somaxconn: 32, backlog: 4096}, 200, time.Second),
	Change:   Change{Key: model.KeySomaxconn, Value: "1024"},
	Families: bothFamilies(),
}

var acceptStallDual = Trial{
	Name:     "accept-somaxconn-raised-one-stall-dual-stack",
	Load:     oneStall(listening{somaxconn: 64, backlog: 4096}, 250, 900*time.Millisecond),
	Change:   Change{Key: model.KeySomaxconn, Value: "4096"},
	Families: []lab.Family{lab.DualStack},
}

var acceptStallPart = Trial{
	Name:   "accept-somaxconn-raised-to-half-the-need",
	Load:   oneStall(listening{somaxconn: 32, backlog: 511}, 200, 1300*time.Millisecond),
	Change: Change{Key: model.KeySomaxconn, Value: "100"},
}

var acceptManyStalls = Trial{
	Name:     "accept-somaxconn-raised-many-stalls",
	Load:     manyStalls(listening{somaxconn: 16, backlog: 511}, 150, 500*time.Millisecond, 400*time.Millisecond),
	Change:   Change{Key: model.KeySomaxconn, Value: "511"},
	Families: bothFamilies(),
}

var acceptManyStallsPart = Trial{
	Name:   "accept-somaxconn-raised-a-little-many-stalls",
	Load:   manyStalls(listening{somaxconn: 16, backlog: 511}, 200, 500*time.Millisecond, 400*time.Millisecond),
	Change: Change{Key: model.KeySomaxconn, Value: "40"},
}

var acceptBursts = Trial{
	Name:   "accept-somaxconn-raised-bursts",
	Load:   bursts(listening{somaxconn: 16, backlog: 4096}, 200, 60, 400),
	Change: Change{Key: model.KeySomaxconn, Value: "1024"},
	Allow: []Allowance{{
		Figure: model.FigureQueuePeak, Share: 1,
		Reason: "bursts shorter than the distance of the polls cannot be counted, so the prediction is an upper bound",
	}},
}

var acceptStallRelisten = Trial{
	Name:     "accept-somaxconn-raised-and-listen-again-one-stall",
	Load:     oneStall(listening{somaxconn: 32, backlog: 4096}, 200, time.Second),
	Change:   Change{Key: model.KeySomaxconn, Value: "1024", Relisten: true},
	Families: bothFamilies(),
}

var acceptHiddenBacklog = Trial{
	Name:   "accept-somaxconn-raised-beyond-a-hidden-backlog",
	Load:   oneStall(listening{somaxconn: 32, backlog: 511}, 200, time.Second),
	Change: Change{Key: model.KeySomaxconn, Value: "1024", Relisten: true},
	Allow: []Allowance{{
		Figure: model.FigureQueueLimit, Share: 0.6,
		Reason: "the kernel does not show that the application asked for 511; the prediction says \"if the application's backlog is as large\"",
	}},
}

var acceptStallRelistenPart = Trial{
	Name:   "accept-somaxconn-raised-to-half-the-need-and-listen-again",
	Load:   oneStall(listening{somaxconn: 48, backlog: 2048}, 200, 1300*time.Millisecond),
	Change: Change{Key: model.KeySomaxconn, Value: "120", Relisten: true},
}

// retried allows for what a machine with much to do makes of an overload: the more
// SYNs pass while a place is free, the more are refused at their last ACK.
func retried() []Allowance {
	return []Allowance{{
		Figure: model.FigureDrops, Share: 0.4,
		Reason: "a client refused at its last ACK tries again after 1, 3, 7 and 15 s, and each try counts",
	}}
}

var acceptOverload = Trial{
	Name:     "accept-somaxconn-raised-lasting-overload",
	Load:     overload(listening{somaxconn: 64, backlog: 511}, 120, 40),
	Change:   Change{Key: model.KeySomaxconn, Value: "256", Relisten: true},
	Settle:   4 * time.Second,
	Families: bothFamilies(),
	Allow:    retried(),
}

var acceptOverloadOnly = Trial{
	Name:   "accept-somaxconn-raised-lasting-overload-without-listen",
	Load:   overload(listening{somaxconn: 64, backlog: 4096}, 150, 50),
	Change: Change{Key: model.KeySomaxconn, Value: "128"},
	Settle: 2 * time.Second,
	Allow:  retried(),
}

var acceptDeaf = Trial{
	Name:   "accept-somaxconn-raised-nothing-accepted",
	Load:   overload(listening{somaxconn: 64, backlog: 511}, 100, 0),
	Change: Change{Key: model.KeySomaxconn, Value: "192", Relisten: true},
	Settle: 2500 * time.Millisecond,
}

var acceptLowered = Trial{
	Name:   "accept-somaxconn-lowered",
	Load:   oneStall(listening{somaxconn: 512, backlog: 511}, 200, 800*time.Millisecond),
	Change: Change{Key: model.KeySomaxconn, Value: "32"},
}

var acceptLoweredRelisten = Trial{
	Name:     "accept-somaxconn-lowered-and-listen-again",
	Load:     manyStalls(listening{somaxconn: 512, backlog: 511}, 150, 500*time.Millisecond, 400*time.Millisecond),
	Change:   Change{Key: model.KeySomaxconn, Value: "16", Relisten: true},
	Families: onlyIPv6(),
}

var acceptBacklogRaised = Trial{
	Name:   "accept-backlog-raised-and-listen-again",
	Load:   oneStall(listening{somaxconn: 4096, backlog: 16}, 150, time.Second),
	Change: Change{Backlog: 512, Relisten: true},
}

var acceptBacklogConfigured = Trial{
	Name:     "accept-backlog-raised-in-the-configuration",
	Load:     oneStall(listening{somaxconn: 4096, backlog: 16}, 150, time.Second),
	Change:   Change{Backlog: 512},
	Families: bothFamilies(),
}

var acceptBacklogClamped = Trial{
	Name:   "accept-backlog-raised-beyond-somaxconn",
	Load:   oneStall(listening{somaxconn: 32, backlog: 64}, 150, time.Second),
	Change: Change{Backlog: 1024, Relisten: true},
}

var acceptBacklogLowered = Trial{
	Name:   "accept-backlog-lowered-and-listen-again",
	Load:   oneStall(listening{somaxconn: 4096, backlog: 512}, 150, time.Second),
	Change: Change{Backlog: 16, Relisten: true},
}

// The known trap: abort_on_overflow.
var acceptAbort = Trial{
	Name:     "accept-abort-on-overflow-bursts",
	Load:     lateACKs(listening{somaxconn: 48, backlog: 1024}, 30, 40),
	Change:   Change{Key: model.KeyAbortOnOverflow, Value: "1"},
	Families: bothFamilies(),
}

var acceptLongStall = Trial{
	Name:   "accept-somaxconn-raised-long-stall",
	Load:   oneStall(listening{somaxconn: 128, backlog: 8192}, 300, 1500*time.Millisecond),
	Change: Change{Key: model.KeySomaxconn, Value: "4096"},
}

var acceptBacklogManyStalls = Trial{
	Name:   "accept-backlog-raised-in-the-configuration-many-stalls",
	Load:   manyStalls(listening{somaxconn: 4096, backlog: 24}, 160, 500*time.Millisecond, 400*time.Millisecond),
	Change: Change{Backlog: 256},
}

var acceptAbortOff = Trial{
	Name:   "accept-abort-on-overflow-off-bursts",
	Load:   lateACKs(listening{somaxconn: 48, backlog: 1024, abort: true}, 30, 40),
	Change: Change{Key: model.KeyAbortOnOverflow, Value: "0"},
}

var acceptAbortOffQuiet = Trial{
	Name:   "accept-abort-on-overflow-off-nothing-overflows",
	Load:   keepingUp(listening{somaxconn: 128, backlog: 128, abort: true}, 100),
	Change: Change{Key: model.KeyAbortOnOverflow, Value: "0"},
}

var acceptQuiet = Trial{
	Name:   "accept-somaxconn-raised-nothing-overflows",
	Load:   keepingUp(listening{somaxconn: 64, backlog: 511}, 100),
	Change: Change{Key: model.KeySomaxconn, Value: "4096", Relisten: true},
}

var acceptSynBacklog = Trial{
	Name:   "accept-max-syn-backlog-raised-one-stall",
	Load:   oneStall(listening{somaxconn: 32, backlog: 511}, 200, time.Second),
	Change: Change{Key: model.KeyMaxSynBacklog, Value: "8192"},
	// What it says about drops is about SYNs that the half-open queue refuses.
	Figures: synFigures(),
}

var acceptTWReuse = Trial{
	Name:   "accept-tw-reuse-one-stall",
	Load:   oneStall(listening{somaxconn: 32, backlog: 511}, 200, time.Second),
	Change: Change{Key: model.KeyTWReuse, Value: "1"},
}

package prediction

import (
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// withNow shortens the time between a change and the window after it, for changes
// whose effect is there at once and does not last.
const withNow = time.Millisecond

var portsWider = Trial{
	Name:     "ports-range-wider-ports-in-time-wait",
	Load:     dial(dialling{ports: 120, perSecond: 100}, 3*time.Second),
	Change:   Change{Key: model.KeyPortRange, Value: portRange(400)},
	Settle:   withNow,
	Window:   5 * time.Second,
	Families: bothFamilies(),
}

var portsWiderForEver = Trial{
	Name:   "ports-range-wider-for-more-than-a-minute",
	Load:   dial(dialling{ports: 60, perSecond: 40}, 3*time.Second),
	Change: Change{Key: model.KeyPortRange, Value: portRange(300)},
	Settle: 66 * time.Second,
	Window: 66 * time.Second,
}

var portsWiderHeld = Trial{
	Name:   "ports-range-wider-ports-held-open",
	Load:   dial(dialling{ports: 120, perSecond: 100, held: true}, 3*time.Second),
	Change: Change{Key: model.KeyPortRange, Value: portRange(400)},
	Settle: withNow,
	Window: 5 * time.Second,
}

var portsNarrower = Trial{
	Name:   "ports-range-narrower",
	Load:   dial(dialling{ports: 4000, perSecond: 50}, 2*time.Second),
	Change: Change{Key: model.KeyPortRange, Value: portRange(100)},
	Settle: 3 * time.Second,
}

var portsReserved = Trial{
	Name:     "ports-most-of-the-range-reserved",
	Load:     dial(dialling{ports: 2000, perSecond: 30}, 2*time.Second),
	Change:   Change{Key: model.KeyReservedPorts, Value: "40100-41999"},
	Settle:   5 * time.Second,
	Families: onlyIPv6(),
}

var portsUnreserved = Trial{
	Name:   "ports-reserved-ports-given-back",
	Load:   dial(dialling{ports: 400, perSecond: 100, reserved: "40100-40399"}, 3*time.Second),
	Change: Change{Key: model.KeyReservedPorts, Value: "40399"},
	Settle: withNow,
	Window: 5 * time.Second,
}

var portsNotShort = Trial{
	Name:   "ports-range-wider-ports-not-short",
	Load:   dial(dialling{ports: 2000, perSecond: 10}, 3*time.Second),
	Change: Change{Key: model.KeyPortRange, Value: portRange(8000)},
}

// The kernel lets a port be used again once a second, all ports in step.
const reuseWindow = 7 * time.Second

func reusing(d dialling) Load {
	l := dial(d, 5*time.Second)
	l.Window = reuseWindow
	return l
}

var portsReuse = Trial{
	Name:     "ports-tw-reuse-on",
	Load:     dial(dialling{ports: 100, perSecond: 200}, 3*time.Second),
	Change:   Change{Key: model.KeyTWReuse, Value: "1"},
	Settle:   2 * time.Second,
	Window:   reuseWindow,
	Families: bothFamilies(),
}

var portsReuseLoopback = Trial{
	Name:     "ports-tw-reuse-2-on-loopback",
	Load:     dial(dialling{ports: 100, perSecond: 200, loopback: true}, 3*time.Second),
	Change:   Change{Key: model.KeyTWReuse, Value: "2"},
	Settle:   2 * time.Second,
	Window:   reuseWindow,
	Families: bothFamilies(),
}

var portsReuseNotLoopback = Trial{
	Name:   "ports-tw-reuse-2-not-loopback",
	Load:   dial(dialling{ports: 100, perSecond: 200}, 3*time.Second),
	Change: Change{Key: model.KeyTWReuse, Value: "2"},
	Settle: 2 * time.Second,
}

var portsReuseAlready = Trial{
	Name:   "ports-tw-reuse-1-on-loopback-where-2-is-on",
	Load:   reusing(dialling{ports: 100, perSecond: 200, loopback: true, reuse: 2}),
	Change: Change{Key: model.KeyTWReuse, Value: "1"},
	Settle: 2 * time.Second,
}

// The known trap: without timestamps nothing is reused.
var portsReuseBare = Trial{
	Name:     "ports-tw-reuse-on-without-timestamps",
	Load:     dial(dialling{ports: 100, perSecond: 200, bare: true}, 3*time.Second),
	Change:   Change{Key: model.KeyTWReuse, Value: "1"},
	Settle:   2 * time.Second,
	Families: bothFamilies(),
}

var portsReuseHeld = Trial{
	Name:   "ports-tw-reuse-on-ports-held-open",
	Load:   dial(dialling{ports: 100, perSecond: 200, held: true}, 3*time.Second),
	Change: Change{Key: model.KeyTWReuse, Value: "1"},
	Settle: 2 * time.Second,
}

var portsReuseOff = Trial{
	Name:   "ports-tw-reuse-off",
	Load:   reusing(dialling{ports: 100, perSecond: 200, reuse: 1}),
	Change: Change{Key: model.KeyTWReuse, Value: "0"},
	Settle: 2 * time.Second,
}

var portsReuseSooner = Trial{
	Name:   "ports-tw-reuse-delay-shorter",
	Load:   reusing(dialling{ports: 100, perSecond: 600, reuse: 1}),
	Change: Change{Key: model.KeyTWReuseDelay, Value: "250"},
	Settle: 2 * time.Second,
}

var portsReuseLater = Trial{
	Name:   "ports-tw-reuse-delay-longer",
	Load:   reusing(dialling{ports: 200, perSecond: 600, reuse: 1, delay: 500}),
	Change: Change{Key: model.KeyTWReuseDelay, Value: "2000"},
	Settle: 3 * time.Second,
}

var portsReuseSoonerUnused = Trial{
	Name:   "ports-tw-reuse-delay-shorter-without-reuse",
	Load:   dial(dialling{ports: 100, perSecond: 200}, 3*time.Second),
	Change: Change{Key: model.KeyTWReuseDelay, Value: "250"},
	Settle: 2 * time.Second,
}

// Measured: reuse goes on without timestamps where it began with them. It looks as if
// a TIME_WAIT handed its last timestamp down to the connection that takes over its port.
var portsTimestampsOff = Trial{
	Name:   "ports-timestamps-off-under-tw-reuse",
	Load:   reusing(dialling{ports: 100, perSecond: 200, reuse: 1}),
	Change: Change{Key: model.KeyTimestamps, Value: "0"},
	Settle: 3 * time.Second,
	Differs: "what the model warns of (PAWS, round-trip samples, options under SYN cookies) does not show on this client, and " +
		"its ports go on being reused, since they were first used with timestamps",
}

var portsTimestampsOn = Trial{
	Name:   "ports-timestamps-on-under-tw-reuse",
	Load:   dial(dialling{ports: 100, perSecond: 200, reuse: 1, bare: true}, 3*time.Second),
	Change: Change{Key: model.KeyTimestamps, Value: "1"},
	Settle: 70 * time.Second,
	Window: reuseWindow,
}

// The known trap: fewer TIME_WAIT objects free ports, and break what they are for.
var portsBucketsLowered = Trial{
	Name:    "ports-max-tw-buckets-lowered",
	Load:    dial(dialling{ports: 100, perSecond: 200}, 3*time.Second),
	Change:  Change{Key: model.KeyMaxTWBuckets, Value: "20"},
	Figures: timeWait(lab.ClientSide).Figures,
	Settle:  64 * time.Second,
	Allow: []Allowance{{
		Figure: model.FigureDrops, Share: 1,
		Reason: "a client without ports closes nothing, so how many it will close is not seen",
	}},
}

var portsFinTimeout = Trial{
	Name:   "ports-fin-timeout-shorter-ports-in-time-wait",
	Load:   dial(dialling{ports: 100, perSecond: 200}, 3*time.Second),
	Change: Change{Key: model.KeyFinTimeout, Value: "10"},
	Settle: 2 * time.Second,
}

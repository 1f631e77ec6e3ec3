package prediction

import (
	"time"

	"github.com/tcpdoctor/tcpdoctor/model"
)

// The known trap: with cookies on nobody asks tcp_max_syn_backlog.
var synBacklogCookies = Trial{
	Name:     "syn-max-syn-backlog-raised-cookies-on",
	Load:     flood(defence{backlog: 64, cookies: 1, memory: 64}, 100),
	Change:   Change{Key: model.KeyMaxSynBacklog, Value: "4096"},
	Families: bothFamilies(),
}

var synBacklogNotBinding = Trial{
	Name:   "syn-max-syn-backlog-raised-backlog-binds",
	Load:   flood(defence{backlog: 64, cookies: 0, memory: 1024}, 100),
	Change: Change{Key: model.KeyMaxSynBacklog, Value: "8192"},
}

var synBacklogFlood = Trial{
	Name:   "syn-max-syn-backlog-raised-under-a-flood",
	Load:   flood(defence{backlog: 1024, cookies: 0, memory: 64}, 300),
	Change: Change{Key: model.KeyMaxSynBacklog, Value: "128"},
	Settle: 9 * time.Second,
}

var synBacklogSlow = Trial{
	Name:     "syn-max-syn-backlog-raised-slow-clients",
	Load:     slowClients(defence{backlog: 1024, cookies: 0, memory: 64}, 200, 500*time.Millisecond),
	Change:   Change{Key: model.KeyMaxSynBacklog, Value: "1024"},
	Settle:   time.Second,
	Families: bothFamilies(),
}

var synBacklogSlowPart = Trial{
	Name:   "syn-max-syn-backlog-raised-to-half-the-need-slow-clients",
	Load:   slowClients(defence{backlog: 1024, cookies: 0, memory: 64}, 200, 800*time.Millisecond),
	Change: Change{Key: model.KeyMaxSynBacklog, Value: "128"},
	Settle: 2 * time.Second,
}

var synBacklogLowered = Trial{
	Name:   "syn-max-syn-backlog-lowered-slow-clients",
	Load:   slowClients(defence{backlog: 1024, cookies: 0, memory: 1024}, 150, 600*time.Millisecond),
	Change: Change{Key: model.KeyMaxSynBacklog, Value: "64"},
	Settle: 2 * time.Second,
}

var synCookiesOn = Trial{
	Name:     "syn-cookies-on-under-a-flood",
	Load:     flood(defence{backlog: 64, cookies: 0}, 100),
	Change:   Change{Key: model.KeySyncookies, Value: "1"},
	Families: bothFamilies(),
}

var synCookiesOnSlow = Trial{
	Name:   "syn-cookies-on-slow-clients",
	Load:   slowClients(defence{backlog: 32, cookies: 0}, 150, 600*time.Millisecond),
	Change: Change{Key: model.KeySyncookies, Value: "1"},
	Settle: 2 * time.Second,
}

var synCookiesOnIdle = Trial{
	Name:   "syn-cookies-on-nothing-full",
	Load:   slowClients(defence{backlog: 256, cookies: 0}, 100, 400*time.Millisecond),
	Change: Change{Key: model.KeySyncookies, Value: "1"},
}

var synCookiesOff = Trial{
	Name:     "syn-cookies-off-under-a-flood",
	Load:     flood(defence{backlog: 64, cookies: 1}, 100),
	Change:   Change{Key: model.KeySyncookies, Value: "0"},
	Families: bothFamilies(),
}

var synCookiesOffSlow = Trial{
	Name:   "syn-cookies-off-slow-clients",
	Load:   slowClients(defence{backlog: 32, cookies: 1}, 150, 600*time.Millisecond),
	Change: Change{Key: model.KeySyncookies, Value: "0"},
	Settle: 2 * time.Second,
}

var synCookiesAlways = Trial{
	Name:   "syn-cookies-always-clients-without-timestamps",
	Load:   withoutTimestamps(defence{backlog: 512, cookies: 1}, 20),
	Change: Change{Key: model.KeySyncookies, Value: "2"},
	Settle: 3 * time.Second,
}

var synCookiesNotAlways = Trial{
	Name:   "syn-cookies-no-longer-always-clients-without-timestamps",
	Load:   withoutTimestamps(defence{backlog: 512, cookies: 2}, 20),
	Change: Change{Key: model.KeySyncookies, Value: "1"},
	Settle: 3 * time.Second,
}

// Without timestamps a cookie cannot keep the options of a connection.
var synTimestampsOff = Trial{
	Name:   "syn-timestamps-off-under-a-flood",
	Load:   floodWithOptions(defence{backlog: 64, cookies: 1}, 100),
	Change: Change{Key: model.KeyTimestamps, Value: "0"},
	Settle: 3 * time.Second,
}

// The known trap: in a full queue the kernel prunes to 7 s by itself.
var synackFlood = Trial{
	Name:     "synack-retries-5-to-2-in-a-full-queue",
	Load:     floodWatched(defence{backlog: 64, cookies: 1}, 100),
	Change:   Change{Key: model.KeySynackRetries, Value: "2"},
	Settle:   9 * time.Second,
	Families: bothFamilies(),
	Allow: []Allowance{{
		Figure: model.FigureHalfOpenLife, Share: 0.4,
		Reason: "entries that come due while more than an eighth of the queue is young are kept for another round, until 15 s",
	}},
}

// The known trap's other half: below max(8, B)/2 nothing is pruned.
var synackLong = Trial{
	Name:   "synack-retries-5-to-2-below-half-of-the-backlog",
	Load:   trickle(defence{backlog: 512, cookies: 1}, 2, 70*time.Second),
	Change: Change{Key: model.KeySynackRetries, Value: "2"},
	Settle: 37 * time.Second,
}

var synackShort = Trial{
	Name:     "synack-retries-3-to-2-below-half-of-the-backlog",
	Load:     trickle(defence{backlog: 256, cookies: 1, retries: 3}, 6, 17*time.Second),
	Change:   Change{Key: model.KeySynackRetries, Value: "2"},
	Settle:   10 * time.Second,
	Families: bothFamilies(),
}

var synackRaised = Trial{
	Name:   "synack-retries-raised-below-half-of-the-backlog",
	Load:   trickle(defence{backlog: 256, cookies: 1, retries: 2}, 6, 9*time.Second),
	Change: Change{Key: model.KeySynackRetries, Value: "3"},
	Settle: 18 * time.Second,
}

var synackLossy = Trial{
	Name:     "synack-retries-3-to-1-lossy-clients",
	Load:     lossyClients(defence{backlog: 256, cookies: 1, retries: 3}, 10, 2, 5*time.Second),
	Change:   Change{Key: model.KeySynackRetries, Value: "1"},
	Settle:   5 * time.Second,
	Families: bothFamilies(),
}

var synSomaxconn = Trial{
	Name:     "syn-somaxconn-raised-slow-clients",
	Load:     slowClients(defence{backlog: 4096, somaxconn: 32, cookies: 0}, 150, 600*time.Millisecond),
	Change:   Change{Key: model.KeySomaxconn, Value: "512"},
	Settle:   time.Second,
	Families: bothFamilies(),
}

var synSomaxconnPart = Trial{
	Name:   "syn-somaxconn-raised-to-half-the-need-slow-clients",
	Load:   slowClients(defence{backlog: 4096, somaxconn: 32, cookies: 0}, 200, 700*time.Millisecond),
	Change: Change{Key: model.KeySomaxconn, Value: "80"},
	Settle: 2 * time.Second,
}

var synSomaxconnRelisten = Trial{
	Name:     "syn-somaxconn-raised-and-listen-again-slow-clients",
	Load:     slowClients(defence{backlog: 4096, somaxconn: 48, cookies: 0}, 200, 500*time.Millisecond),
	Change:   Change{Key: model.KeySomaxconn, Value: "1024", Relisten: true},
	Settle:   time.Second,
	Families: onlyIPv6(),
}

var synSomaxconnFlood = Trial{
	Name:   "syn-somaxconn-raised-and-listen-again-under-a-flood",
	Load:   flood(defence{backlog: 4096, somaxconn: 64, cookies: 0}, 200),
	Change: Change{Key: model.KeySomaxconn, Value: "128", Relisten: true},
	Settle: 9 * time.Second,
}

package prediction

import (
	"time"

	"github.com/tcpdoctor/tcpdoctor/model"
)

var connectingShorter = Trial{
	Name:     "connecting-syn-retries-lowered",
	Load:     calling(8, 3, 22*time.Second),
	Change:   Change{Key: model.KeySynRetries, Value: "2"},
	Settle:   17 * time.Second,
	Families: bothFamilies(),
}

var connectingLonger = Trial{
	Name:   "connecting-syn-retries-raised",
	Load:   calling(8, 2, 9*time.Second),
	Change: Change{Key: model.KeySynRetries, Value: "3"},
	Settle: 22 * time.Second,
}

var connectingLate = Trial{
	Name:   "connecting-syn-retries-1-late-answers",
	Load:   callingLate(10, 3, 5),
	Change: Change{Key: model.KeySynRetries, Value: "1"},
	Settle: 7 * time.Second,
	Allow: []Allowance{{
		Figure: model.FigurePopulation, Share: 1,
		Reason: "the model takes all of them for unanswered, but these are answered late and leave before their time is up",
	}},
}

// The timer of an idle connection is armed when it is made.
var keepaliveSooner = Trial{
	Name:     "keepalive-time-shorter",
	Load:     idle(probing{10, 1, 2}, true),
	Change:   Change{Key: model.KeyKeepaliveTime, Value: "3"},
	Families: bothFamilies(),
}

var keepaliveMuchSooner = Trial{
	Name:   "keepalive-time-much-shorter",
	Load:   idle(probing{12, 2, 3}, true),
	Change: Change{Key: model.KeyKeepaliveTime, Value: "1"},
}

var keepaliveLater = Trial{
	Name:   "keepalive-time-longer",
	Load:   idle(probing{3, 1, 2}, true),
	Change: Change{Key: model.KeyKeepaliveTime, Value: "10"},
}

var keepaliveFaster = Trial{
	Name:   "keepalive-intvl-shorter",
	Load:   idle(probing{4, 4, 2}, true),
	Change: Change{Key: model.KeyKeepaliveInterval, Value: "1"},
}

var keepaliveFewer = Trial{
	Name:   "keepalive-probes-fewer",
	Load:   idle(probing{4, 1, 8}, true),
	Change: Change{Key: model.KeyKeepaliveProbes, Value: "2"},
}

var keepaliveUnused = Trial{
	Name:   "keepalive-time-shorter-without-keepalive",
	Load:   idle(probing{10, 1, 2}, false),
	Change: Change{Key: model.KeyKeepaliveTime, Value: "2"},
	Settle: 8 * time.Second,
}

var retriesFewer = Trial{
	Name:     "retries2-lowered-dead-peers",
	Load:     unanswered(15),
	Change:   Change{Key: model.KeyRetries2, Value: "8"},
	Families: bothFamilies(),
}

var retriesMore = Trial{
	Name:   "retries2-raised-dead-peers",
	Load:   unanswered(8),
	Change: Change{Key: model.KeyRetries2, Value: "14"},
}

var retriesOutage = Trial{
	Name:   "retries2-lowered-below-8-outage",
	Load:   outage(10, 6*time.Second),
	Change: Change{Key: model.KeyRetries2, Value: "3"},
}

var retriesUnused = Trial{
	Name:   "retries2-lowered-nothing-unanswered",
	Load:   answered(15),
	Change: Change{Key: model.KeyRetries2, Value: "9"},
}

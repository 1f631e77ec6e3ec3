package prediction

import (
	"time"

	"github.com/tcpdoctor/tcpdoctor/model"
)

// The known trap: TIME_WAIT lasts a minute whatever tcp_fin_timeout says.
var timeWaitFinTimeout = Trial{
	Name:   "time-wait-fin-timeout-shorter",
	Load:   closeFirst(20, 0, fullCycle),
	Change: Change{Key: model.KeyFinTimeout, Value: "10"},
	Settle: 12 * time.Second,
}

// The known trap: accepted connections gain nothing from tcp_tw_reuse.
var timeWaitReuse = Trial{
	Name:     "time-wait-tw-reuse-accepting-side",
	Load:     closeFirst(20, 0, fullCycle),
	Change:   Change{Key: model.KeyTWReuse, Value: "1"},
	Settle:   5 * time.Second,
	Families: bothFamilies(),
}

var timeWaitLowered = Trial{
	Name:   "time-wait-max-tw-buckets-lowered",
	Load:   closeFirst(20, 0, fullCycle),
	Change: Change{Key: model.KeyMaxTWBuckets, Value: "100"},
	Settle: fullCycle - 3*time.Second,
}

var timeWaitLoweredGrowing = Trial{
	Name:     "time-wait-max-tw-buckets-lowered-below-the-need",
	Load:     closeFirst(100, 0, 2*time.Second),
	Change:   Change{Key: model.KeyMaxTWBuckets, Value: "800"},
	Settle:   5 * time.Second,
	Families: onlyIPv6(),
}

var timeWaitRaised = Trial{
	Name:     "time-wait-max-tw-buckets-raised-above-the-need",
	Load:     closeFirst(40, 100, 4*time.Second),
	Change:   Change{Key: model.KeyMaxTWBuckets, Value: "100000"},
	Settle:   fullCycle,
	Families: bothFamilies(),
}

var timeWaitRaisedPart = Trial{
	Name:   "time-wait-max-tw-buckets-raised-to-half-the-need",
	Load:   closeFirst(40, 100, 4*time.Second),
	Change: Change{Key: model.KeyMaxTWBuckets, Value: "1200"},
	Settle: withNow,
	Window: 64 * time.Second,
}

var timeWaitRaisedUnused = Trial{
	Name:   "time-wait-max-tw-buckets-raised-not-reached",
	Load:   closeFirst(40, 5000, 2*time.Second),
	Change: Change{Key: model.KeyMaxTWBuckets, Value: "100000"},
}

var timeWaitOrphanRetries = Trial{
	Name:   "time-wait-orphan-retries-lowered-nothing-silent",
	Load:   closeFirst(40, 0, 2*time.Second),
	Change: Change{Key: model.KeyOrphanRetries, Value: "3"},
}

var timeWaitSynRetries = Trial{
	Name:   "time-wait-syn-retries-lowered-nothing-dialled",
	Load:   closeFirst(40, 0, 2*time.Second),
	Change: Change{Key: model.KeySynRetries, Value: "3"},
}

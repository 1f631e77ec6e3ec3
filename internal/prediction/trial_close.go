package prediction

import (
	"time"

	"github.com/tcpdoctor/tcpdoctor/model"
)

var finWait2Shorter = Trial{
	Name:     "fin-wait2-fin-timeout-shorter",
	Load:     unclosed(12, 10*time.Second, 13*time.Second),
	Change:   Change{Key: model.KeyFinTimeout, Value: "4"},
	Settle:   12 * time.Second,
	Families: bothFamilies(),
}

var finWait2Longer = Trial{
	Name:   "fin-wait2-fin-timeout-longer",
	Load:   unclosed(12, 4*time.Second, 6*time.Second),
	Change: Change{Key: model.KeyFinTimeout, Value: "10"},
	Settle: 13 * time.Second,
}

// Above a minute Linux waits twice the excess over a minute.
var finWait2OddLonger = Trial{
	Name:   "fin-wait2-fin-timeout-6-to-66",
	Load:   unclosed(12, 6*time.Second, 8*time.Second),
	Change: Change{Key: model.KeyFinTimeout, Value: "66"},
	Settle: 16 * time.Second,
}

var finWait2OddShorter = Trial{
	Name:   "fin-wait2-fin-timeout-20-to-62",
	Load:   unclosed(12, 20*time.Second, 24*time.Second),
	Change: Change{Key: model.KeyFinTimeout, Value: "62"},
	Settle: 24 * time.Second,
}

var finWait2Owned = Trial{
	Name:     "fin-wait2-fin-timeout-shorter-still-owned",
	Load:     halfClosed(60),
	Change:   Change{Key: model.KeyFinTimeout, Value: "3"},
	Settle:   6 * time.Second,
	Families: bothFamilies(),
}

var orphansShorter = Trial{
	Name:     "orphans-orphan-retries-lowered",
	Load:     vanishing(10, 0, 5, 17*time.Second),
	Change:   Change{Key: model.KeyOrphanRetries, Value: "3"},
	Settle:   10 * time.Second,
	Families: bothFamilies(),
}

var orphansLonger = Trial{
	Name:   "orphans-orphan-retries-raised",
	Load:   vanishing(10, 0, 3, 6*time.Second),
	Change: Change{Key: model.KeyOrphanRetries, Value: "5"},
	Settle: 17 * time.Second,
}

var orphansZeroIsEight = Trial{
	Name:   "orphans-orphan-retries-0-to-8",
	Load:   vanishing(100, 60, 0, 3*time.Second),
	Change: Change{Key: model.KeyOrphanRetries, Value: "8"},
	Settle: 5 * time.Second,
}

var orphansOneRepeat = Trial{
	Name:   "orphans-orphan-retries-1-lossy-path",
	Load:   lossyFarewell(12, 3, 6),
	Change: Change{Key: model.KeyOrphanRetries, Value: "1"},
	Settle: 4 * time.Second,
	Allow: []Allowance{{
		Figure: model.FigurePopulation, Share: 1,
		Reason: "the model takes all of them for silent, but these answer at last and leave before their time is up",
	}},
}

var orphansShutWindow = Trial{
	Name:   "orphans-orphan-retries-lowered-windows-shut",
	Load:   shutWindows(40),
	Change: Change{Key: model.KeyOrphanRetries, Value: "2"},
	Settle: 10 * time.Second,
}

var orphansOwned = Trial{
	Name:   "orphans-orphan-retries-lowered-still-owned",
	Load:   ownedHalfClosed(40),
	Change: Change{Key: model.KeyOrphanRetries, Value: "2"},
	Settle: 6 * time.Second,
}

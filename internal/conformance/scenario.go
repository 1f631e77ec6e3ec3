package conformance

import (
	"context"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// Scenario is one thing to compare between the model and the kernel.
type Scenario struct {
	// Subject is what it belongs to, kebab-case: "accept-queue".
	Subject string
	// Name tells it from others of its subject, kebab-case.
	Name string
	// Doc says in a sentence or two what is done and what is compared.
	Doc string
	// Families are those it is run with; none stands for IPv4.
	Families []lab.Family
	// Needs reports whether a kernel can run it and, if not, why; nil means
	// that every supported kernel can.
	Needs func(d model.Dialect) (ok bool, reason string)
	// Variants are run one by one, each on a bench of its own.
	Variants []Variant
	// Deviations are the differences between model and kernel that are known.
	Deviations []Deviation
}

// Variant is a scenario with particular settings.
type Variant struct {
	// Name tells the settings: "cookies 0, backlog 64". Empty for the only one.
	Name string
	// Takes is about how long it lasts; the longest are begun first, and one
	// that takes a minute longer has failed.
	Takes time.Duration
	// Run does it on both sides and compares.
	Run func(ctx context.Context, c *Case)
}

// Deviation is a known difference between the model and the kernel.
type Deviation struct {
	// What is the [Comparison.What] it applies to.
	What string
	// Reason says why the difference is as it should be.
	Reason string
}

// families lists what a scenario is run with.
func (s Scenario) families() []lab.Family {
	if len(s.Families) == 0 {
		return []lab.Family{lab.IPv4}
	}
	return s.Families
}

// bothFamilies is for scenarios whose code path in the kernel differs between
// versions of IP.
func bothFamilies() []lab.Family { return []lab.Family{lab.IPv4, lab.IPv6} }

// once is the variants of a scenario that has one.
func once(takes time.Duration, run func(ctx context.Context, c *Case)) []Variant {
	return []Variant{{Takes: takes, Run: run}}
}

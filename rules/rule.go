package rules

import (
	"fmt"
	"slices"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// Rule is one named judgement. It is a value: adding a rule is adding a file
// that declares one (the pattern of golang.org/x/tools/go/analysis.Analyzer).
type Rule struct {
	// ID names the fault in kebab-case and is never reused.
	ID string
	// Title says in a few words what is wrong when the rule speaks.
	Title string
	// Doc answers the questions a reader of a finding has.
	Doc Doc
	// Causes are all values its findings may have as cause.
	Causes []Cause
	// Needs lists the sources without which the rule answers unknown.
	Needs []facts.Source
	// Counters lists the kernel counters it reads, for `explain`.
	Counters []string
	// Thresholds are the figures at which it speaks; each is a setting.
	Thresholds []Threshold
	// ExplainedBy lists the IDs whose finding on the same namespace and
	// subject accounts for everything this rule would say.
	ExplainedBy []string
	// Single tells that a namespace has this fault once at most: the subject is
	// who is most to blame, and may be another at another time.
	Single bool
	// CausedBy lists faults of which this one is a mere consequence in the
	// cases told. It is still a finding; the agent tells only of the root.
	CausedBy []Origin
	// Wakes lists the counters whose rise calls for a walk over all sockets.
	Wakes []Wake
	// Baselines lists the counters whose usual rate Check asks for.
	Baselines []string
	// Check judges one namespace.
	Check func(*Pass)
}

// Doc is the documentation of a rule.
type Doc struct {
	What   string // what is wrong
	How    string // how we know, and what is not it
	Cost   string // what it costs
	Change string // what to change
	Worse  string // what could get worse
	Source string // which source says so
}

// Cause is one reason a fault may have.
type Cause struct {
	Name    string
	Meaning string
}

// Threshold is one figure at which a rule speaks.
type Threshold struct {
	Name    string
	Default float64
	Unit    string
	Meaning string
}

// Pass hands a rule the namespace to judge and takes its findings.
type Pass struct {
	// View is the whole window, Ns the namespace to judge.
	View *model.View
	Ns   *model.Namespace

	rule       *Rule
	thresholds map[string]float64 // overrides, by "rule.threshold"
	findings   []Finding
	unknown    []Unknown
}

// Threshold returns the value of one of the rule's thresholds.
func (p *Pass) Threshold(name string) float64 {
	if v, ok := p.thresholds[p.rule.ID+"."+name]; ok {
		return v
	}
	i := slices.IndexFunc(p.rule.Thresholds, func(t Threshold) bool { return t.Name == name })
	if i < 0 {
		panic(fmt.Sprintf("rules: %s has no threshold %q", p.rule.ID, name))
	}
	return p.rule.Thresholds[i].Default
}

// Trend returns how a series of the namespace went over the last hours. It is
// known only where somebody has watched the host for long enough.
func (p *Pass) Trend(s facts.Series) (facts.Trend, bool) { return p.Ns.Trend(s) }

// Baseline returns the usual rate of a counter in the namespace, where it is
// known. The rule must list the counter.
func (p *Pass) Baseline(counter string) (facts.Baseline, bool) { return p.Ns.Baseline(counter) }

// Report adds a finding; its ID and namespace are filled in.
func (p *Pass) Report(f Finding) {
	f.ID = p.rule.ID
	f.Netns = netnsOf(p.Ns.ID)
	p.findings = append(p.findings, f)
}

// Unknown says that the rule cannot judge this namespace, and why.
func (p *Pass) Unknown(reason string) {
	n := netnsOf(p.Ns.ID)
	p.unknown = append(p.unknown, Unknown{Rule: p.rule.ID, Netns: &n, Reason: reason})
}

func netnsOf(n facts.Namespace) Netns {
	return Netns{Cookie: n.Cookie, Inode: n.Inode, Name: n.Name, Container: n.Container}
}

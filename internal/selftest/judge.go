package selftest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// Wanted is one fault that stands and the culprit that must be named for it. Of
// a look-alike it tells which findings are no false alarm.
type Wanted struct {
	Fault lab.Fault
	// NetnsInode and NetnsCookie identify the culprit's namespace.
	NetnsInode, NetnsCookie uint64
	// Port is that of the fault's listener.
	Port uint16
	// PID is the culprit; 0 where a raw peer plays it, and then it cannot be named.
	PID int
}

// WantedOf returns what must be found of a fault that stands.
func WantedOf(r *lab.Running) Wanted {
	pid, ns := r.Culprit()
	id := ns.ID()
	return Wanted{Fault: r.Fault, NetnsInode: id.Inode, NetnsCookie: id.Cookie, Port: r.Port, PID: pid}
}

// Verdict is how the findings compare with one fault.
type Verdict struct {
	// Found tells that a finding has the fault's ID and its namespace; it is
	// Finding then. A look-alike is never found.
	Found   bool
	Finding rules.Finding
	// Culprit tells that this finding names the process, the port and the
	// namespace.
	Culprit bool
	// Problems say what is not as it must be; none means all is well.
	Problems []string
}

// Judge compares the findings of a window with the faults that stand in it. Each
// fault must be found once, with its cause, on its culprit. Stray holds the
// findings at warning or above that belong to no fault: false alarms.
func Judge(findings []rules.Finding, wanted ...Wanted) (verdicts []Verdict, stray []rules.Finding) {
	rest := slices.DeleteFunc(slices.Clone(findings), func(f rules.Finding) bool {
		return f.Severity.Rank() < rules.Warning.Rank()
	})
	for _, w := range wanted {
		var v Verdict
		if !w.Fault.Harmless {
			i := w.find(rest)
			v = w.judge(rest, i)
			if i >= 0 {
				rest = slices.Delete(rest, i, i+1)
			}
		}
		verdicts = append(verdicts, v)
	}
	stray = slices.DeleteFunc(rest, func(f rules.Finding) bool {
		return slices.ContainsFunc(wanted, func(w Wanted) bool { return slices.Contains(w.Fault.Expect.Also, f.ID) })
	})
	return verdicts, stray
}

// find returns the index of the fault's finding, the one about its port where
// there are several, or -1.
func (w Wanted) find(all []rules.Finding) int {
	own := func(f rules.Finding) bool { return f.ID == w.Fault.Expect.ID && f.Netns.Inode == w.NetnsInode }
	exact := slices.IndexFunc(all, func(f rules.Finding) bool { return own(f) && w.isAbout(f.Subject) })
	if exact >= 0 {
		return exact
	}
	return slices.IndexFunc(all, own)
}

// isAbout reports whether a subject has the fault's port, on either side.
func (w Wanted) isAbout(s rules.Subject) bool { return s.Port == w.Port || s.PeerPort == w.Port }

// judge holds a finding against the fault.
func (w Wanted) judge(all []rules.Finding, i int) Verdict {
	e := w.Fault.Expect
	if i < 0 {
		return Verdict{Problems: []string{fmt.Sprintf("%s was not found", e.ID)}}
	}
	f := all[i]
	v := Verdict{Found: true, Finding: f, Problems: w.culpritProblems(f)}
	v.Culprit = len(v.Problems) == 0
	if f.Cause != e.Cause {
		v.Problems = append(v.Problems, fmt.Sprintf("the cause is said to be %q, and is %q: %s", f.Cause, e.Cause, f.Explanation))
	}
	if f.Severity.Rank() < rules.Severity(e.Severity).Rank() {
		v.Problems = append(v.Problems, fmt.Sprintf("it is called %s, and is at least %s: %s", f.Severity, e.Severity, f.Summary))
	}
	v.Problems = append(v.Problems, adviceProblems(f)...)
	return v
}

func (w Wanted) culpritProblems(f rules.Finding) []string {
	var problems []string
	if w.PID != 0 && f.Subject.PID != w.PID {
		problems = append(problems, fmt.Sprintf("process %d is blamed, and it is %d: %s", f.Subject.PID, w.PID, f.Summary))
	}
	if !w.isAbout(f.Subject) {
		problems = append(problems, fmt.Sprintf("it is about port %d and peer port %d, not %d: %s", f.Subject.Port, f.Subject.PeerPort, w.Port, f.Summary))
	}
	if f.Netns.Cookie != w.NetnsCookie {
		problems = append(problems, fmt.Sprintf("it names namespace cookie %d, and it is %d: %s", f.Netns.Cookie, w.NetnsCookie, f.Summary))
	}
	return problems
}

// adviceProblems names advice that is missing, or that the kernel is known to
// make useless.
func adviceProblems(f rules.Finding) []string {
	var problems []string
	if len(f.Prescriptions) == 0 {
		problems = append(problems, "nothing is advised: "+f.Summary)
	}
	for _, p := range f.Prescriptions {
		if f.ID == "close-wait-leak" && p.Kind == rules.PrescribeSysctl {
			problems = append(problems, fmt.Sprintf("%s is advised against CLOSE_WAIT, which no setting cures", p.Key))
		}
		if f.Cause == "application-backlog" && strings.Contains(p.Text, "somaxconn") && p.Effect.Verdict == model.Helps {
			problems = append(problems, "somaxconn is said to help where the application's backlog binds: "+p.Text)
		}
	}
	return problems
}

// describe is a finding in one line.
func describe(f rules.Finding) string {
	cause := ""
	if f.Cause != "" {
		cause = " (" + f.Cause + ")"
	}
	return fmt.Sprintf("%s %s%s: %s", f.Severity, f.ID, cause, f.Summary)
}

package rules

import (
	"fmt"
	"time"

	"github.com/tcpdoctor/tcpdoctor/model"
)

// Severity is how urgent a finding is.
type Severity string

// The severities, in rising order.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// Rank orders severities; an unknown one ranks below Info.
func (s Severity) Rank() int {
	switch s {
	case Info:
		return 1
	case Warning:
		return 2
	case Critical:
		return 3
	}
	return 0
}

// ParseSeverity reads a severity by name.
func ParseSeverity(s string) (Severity, error) {
	if v := Severity(s); v.Rank() > 0 {
		return v, nil
	}
	return "", fmt.Errorf("no severity %q (there are: info, warning, critical)", s)
}

// Confidence is how sure a finding is of its culprit and cause.
type Confidence string

// The degrees of confidence.
const (
	Certain  Confidence = "certain"  // the kernel said so directly
	Likely   Confidence = "likely"   // everything seen agrees with it
	Possible Confidence = "possible" // another explanation is not excluded
)

// Actor is who must act.
type Actor string

// The actors.
const (
	LocalApplication Actor = "local-application"
	Peer             Actor = "peer"
	Network          Actor = "network"
	KernelLimit      Actor = "kernel-limit"
	Attacker         Actor = "attacker"
	Operator         Actor = "operator"
)

// Finding is one thing that is wrong, under the names of the report schema.
type Finding struct {
	ID            string         `json:"id" yaml:"id"`
	Severity      Severity       `json:"severity" yaml:"severity"`
	Confidence    Confidence     `json:"confidence" yaml:"confidence"`
	Cause         string         `json:"cause,omitempty" yaml:"cause,omitempty"`
	Actor         Actor          `json:"actor" yaml:"actor"`
	Netns         Netns          `json:"netns" yaml:"netns"`
	Subject       Subject        `json:"subject" yaml:"subject"`
	Summary       string         `json:"summary" yaml:"summary"`
	Explanation   string         `json:"explanation" yaml:"explanation"`
	Since         *time.Time     `json:"since,omitempty" yaml:"since,omitempty"`
	Evidence      []Evidence     `json:"evidence" yaml:"evidence"`
	Prescriptions []Prescription `json:"prescriptions" yaml:"prescriptions"`
}

// Netns names the network namespace of a finding.
type Netns struct {
	Cookie    uint64 `json:"cookie,omitempty" yaml:"cookie,omitempty"`
	Inode     uint64 `json:"inode" yaml:"inode"`
	Name      string `json:"name,omitempty" yaml:"name,omitempty"`
	Container string `json:"container,omitempty" yaml:"container,omitempty"`
}

// SubjectKind says what a finding is about.
type SubjectKind string

// The kinds of subjects.
const (
	SubjectListener    SubjectKind = "listener"
	SubjectProcess     SubjectKind = "process"
	SubjectDestination SubjectKind = "destination"
	SubjectPort        SubjectKind = "port"
	SubjectHost        SubjectKind = "host"
	SubjectSocket      SubjectKind = "socket"
)

// Subject is the culprit: what a finding is about. PID is the process named
// first, PIDs all of them.
type Subject struct {
	Kind      SubjectKind `json:"kind" yaml:"kind"`
	Local     string      `json:"local,omitempty" yaml:"local,omitempty"` // address, without port
	Port      uint16      `json:"port,omitempty" yaml:"port,omitempty"`
	Peer      string      `json:"peer,omitempty" yaml:"peer,omitempty"`
	PeerPort  uint16      `json:"peer_port,omitempty" yaml:"peer_port,omitempty"`
	PID       int         `json:"pid,omitempty" yaml:"pid,omitempty"`
	PIDs      []int       `json:"pids,omitempty" yaml:"pids,omitempty"`
	Comm      string      `json:"comm,omitempty" yaml:"comm,omitempty"`
	Cgroup    string      `json:"cgroup,omitempty" yaml:"cgroup,omitempty"`
	Container string      `json:"container,omitempty" yaml:"container,omitempty"`
}

// Evidence is one figure a finding rests on and where it was read.
type Evidence struct {
	Name   string   `json:"name" yaml:"name"`
	Value  float64  `json:"value" yaml:"value"`
	Rate   *float64 `json:"rate,omitempty" yaml:"rate,omitempty"` // per second, over the window
	Unit   string   `json:"unit,omitempty" yaml:"unit,omitempty"`
	Source string   `json:"source" yaml:"source"`
}

// PrescriptionKind says what kind of change is proposed.
type PrescriptionKind string

// The kinds of prescriptions. None says that nothing needs doing, or that a
// popular remedy would not help.
const (
	PrescribeSysctl      PrescriptionKind = "sysctl"
	PrescribeApplication PrescriptionKind = "application"
	PrescribeNetwork     PrescriptionKind = "network"
	PrescribeFirewall    PrescriptionKind = "firewall"
	PrescribeNone        PrescriptionKind = "none"
)

// Risk is what a change may break.
type Risk string

// The risks.
const (
	Safe      Risk = "safe"
	Caution   Risk = "caution"
	Dangerous Risk = "dangerous"
)

// Prescription is one thing to do about a finding, or expressly not to do,
// with what the model says would come of it.
type Prescription struct {
	Kind PrescriptionKind `json:"kind" yaml:"kind"`
	Text string           `json:"text" yaml:"text"`
	Risk Risk             `json:"risk" yaml:"risk"`
	// Key to Scope are set for kind sysctl only. Field is the element of a
	// vector, by name.
	Key        string       `json:"key,omitempty" yaml:"key,omitempty"`
	Field      string       `json:"field,omitempty" yaml:"field,omitempty"`
	Current    string       `json:"current,omitempty" yaml:"current,omitempty"`
	Constraint string       `json:"constraint,omitempty" yaml:"constraint,omitempty"`
	Proposed   string       `json:"proposed,omitempty" yaml:"proposed,omitempty"`
	Scope      string       `json:"scope,omitempty" yaml:"scope,omitempty"`
	Effect     model.Effect `json:"effect" yaml:"effect"`
}

// Unknown is a rule that could not judge, and why.
type Unknown struct {
	Rule   string `json:"rule" yaml:"rule"`
	Netns  *Netns `json:"netns,omitempty" yaml:"netns,omitempty"`
	Reason string `json:"reason" yaml:"reason"`
}

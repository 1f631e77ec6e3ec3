package rules

import (
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// The constraints a prescription puts on a setting.
const (
	AtLeast  = "at-least"
	AtMost   = "at-most"
	Exactly  = "exactly"
	Includes = "includes"
)

// setting prescribes a kernel setting. Its current value, scope and risk come
// from the window and the catalogue, its effect from the model.
func setting(n *model.Namespace, key, field, constraint, proposed, text string, e model.Effect) Prescription {
	p := Prescription{
		Kind: PrescribeSysctl, Text: text, Risk: Caution,
		Key: key, Field: field, Constraint: constraint, Proposed: proposed, Scope: "netns", Effect: e,
	}
	p.Current, _ = n.Setting(key)
	if spec, ok := sysctl.Lookup(sysctl.Key(key)); ok {
		p.Risk = riskOf(spec.Risk)
		if spec.Scope != sysctl.ScopeNetns {
			p.Scope = "host"
		}
	}
	if e.Verdict == model.Harmful {
		p.Risk = Dangerous
	}
	return p
}

func riskOf(r sysctl.Risk) Risk {
	switch r {
	case sysctl.RiskSafe:
		return Safe
	case sysctl.RiskDangerous, sysctl.RiskObsolete:
		return Dangerous
	default:
		return Caution
	}
}

// application prescribes a change of the program.
func application(text string, e model.Effect) Prescription {
	return Prescription{Kind: PrescribeApplication, Text: text, Risk: Safe, Effect: e}
}

// not warns of a popular remedy that would not help, or would hurt.
func not(text string, e model.Effect) Prescription {
	p := Prescription{Kind: PrescribeNone, Text: text, Risk: Safe, Effect: e}
	if e.Verdict == model.Harmful {
		p.Risk = Dangerous
	}
	return p
}

// onlyIfItHelps turns a setting that would not help into a warning of it.
func onlyIfItHelps(p Prescription) Prescription {
	if p.Effect.Verdict == model.NoEffect || p.Effect.Verdict == model.Harmful {
		return not(p.Key, p.Effect)
	}
	return p
}

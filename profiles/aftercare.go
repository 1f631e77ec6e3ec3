package profiles

import (
	"fmt"

	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// The parameters that [Warnings] looks at.
const (
	receiveKey sysctl.Key = "net.ipv4.tcp_rmem"
	accountKey sysctl.Key = "net.ipv4.tcp_mem"
)

// Aftercare returns what is still to be done after a plan was carried out before
// all of it has an effect, one line for each parameter that needs something.
func Aftercare(p sysctl.Plan) []string {
	var out []string
	for _, c := range p.Changes {
		s, ok := sysctl.Lookup(c.Key)
		if !ok {
			continue
		}
		switch s.Takes {
		case sysctl.TakesListen:
			out = append(out, fmt.Sprintf("%s: running listeners keep their limit until they call listen() again: reload or restart them", c.Key))
		case sysctl.TakesArm:
			out = append(out, fmt.Sprintf("%s: existing connections keep the time they already wait for", c.Key))
		case sysctl.TakesDevice:
			out = append(out, fmt.Sprintf("%s: existing network devices keep theirs: use tc for these", c.Key))
		case sysctl.TakesRlimit:
			out = append(out, fmt.Sprintf("%s: counts when a service's limit is next set: restart it", c.Key))
		case sysctl.TakesNetns:
			out = append(out, fmt.Sprintf("%s: counts in network namespaces made afterwards", c.Key))
		case sysctl.TakesLive, sysctl.TakesNew, sysctl.TakesConnect, sysctl.TakesClose, sysctl.TakesSetsockopt:
		}
		if s.Type == sysctl.TypeVector && changes(s, c, "default") {
			out = append(out, fmt.Sprintf("%s[default]: running listeners, and connections accepted from them, keep theirs until a restart", c.Key))
		}
	}
	return out
}

// changes says whether a change is about one element of a vector.
func changes(s sysctl.Spec, c sysctl.Change, field string) bool {
	before, errBefore := s.Number(c.Before, field)
	after, errAfter := s.Number(c.After, field)
	return errBefore == nil && errAfter == nil && before != after
}

// Warnings returns what could go wrong with a plan on a host with this load.
func Warnings(p Profile, in Inputs, plan sysctl.Plan, st sysctl.State) []string {
	i, ok := p.Input("connections")
	if !ok {
		return nil
	}
	n, ok := p.values(in)[i.Name]
	spec, _ := sysctl.Lookup(accountKey)
	pressure, err := spec.Number(st.Raw[accountKey], "pressure")
	if !ok || err != nil {
		return nil
	}
	page := float64(st.Env.PageBytes)
	if page == 0 {
		page = 4096
	}
	var out []string
	for _, c := range plan.Changes {
		s, _ := sysctl.Lookup(c.Key)
		largest, err := s.Number(c.After, "max")
		if c.Key != receiveKey || err != nil {
			continue
		}
		if need := n.Number * float64(largest); need > float64(pressure)*page {
			out = append(out, fmt.Sprintf("%s: %.0f connections with full receive buffers would need %s, and TCP is under pressure from %s on",
				c.Key, n.Number, scaled(need, 1024, binarySuffixes()), scaled(float64(pressure)*page, 1024, binarySuffixes())))
		}
	}
	return out
}

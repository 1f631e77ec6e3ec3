package profiles

import "github.com/tcpdoctor/tcpdoctor/sysctl"

// Simulate returns what a kernel that has just booted would show in its initial
// network namespace, or in a new one: every parameter of the catalogue that it has,
// with the kernel's own default. What only a kernel's builder or the distribution
// decides has the value that most of them give it; what is in also goes before all.
// A parameter of which nothing is known is missing.
func Simulate(env sysctl.Env, initial bool, also map[sysctl.Key]string) sysctl.State {
	st := sysctl.State{Env: env, Initial: initial, Raw: map[sysctl.Key]string{}}
	usual := usualValues()
	for _, s := range sysctl.All() {
		scope, known := s.ScopeAt(env.Kernel)
		visible := initial || known && scope != sysctl.ScopeHost
		if s.Key.IsPattern() || s.Exists(env.Kernel) == sysctl.No || !visible {
			continue
		}
		if v, ok := also[s.Key]; ok {
			st.Raw[s.Key] = v
		} else if def, ok := s.Default.At(env); ok {
			st.Raw[s.Key] = def.Value
		} else if v, ok := usual[s.Key]; ok {
			st.Raw[s.Key] = v
		}
	}
	// Interfaces' parameters are patterns in the catalogue.
	st.Raw[allFilter] = usual[allFilter]
	for k, v := range also {
		if _, ok := k.Interface(); ok {
			st.Raw[k] = v
		}
	}
	return st
}

// allFilter is the reverse-path filter that holds for all interfaces.
const allFilter sysctl.Key = "net.ipv4.conf.all.rp_filter"

// usualValues are those of parameters whose default no rule tells.
func usualValues() map[sysctl.Key]string {
	return map[sysctl.Key]string{
		allFilter:                                   "2",
		"net.core.default_qdisc":                    "fq_codel",
		"net.ipv4.tcp_congestion_control":           "cubic",
		"net.ipv4.tcp_available_congestion_control": "reno cubic bbr",
		"net.ipv4.tcp_allowed_congestion_control":   "reno cubic bbr",
	}
}

package profiles

import "github.com/tcpdoctor/tcpdoctor/sysctl"

// Simulate returns what a kernel that has just booted would show in its initial
// network namespace, or in a new one: every parameter of the catalogue that it has,
// with the kernel's own default. A parameter whose default cannot be computed is
// there only if it is among also, which goes before the defaults.
func Simulate(env sysctl.Env, initial bool, also map[sysctl.Key]string) sysctl.State {
	st := sysctl.State{Env: env, Initial: initial, Raw: map[sysctl.Key]string{}}
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
		}
	}
	// Interfaces' parameters are patterns in the catalogue.
	for k, v := range also {
		if _, ok := k.Interface(); ok {
			st.Raw[k] = v
		}
	}
	return st
}

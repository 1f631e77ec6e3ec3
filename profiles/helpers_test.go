package profiles

import (
	"maps"
	"testing"

	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

const gib = 1 << 30

// load returns the built-in profiles.
func load(t testing.TB) Set {
	t.Helper()
	s, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// get returns one built-in profile.
func get(t testing.TB, name string) Profile {
	t.Helper()
	p, err := load(t).Get(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// host is a host that has just booted, with what no rule of the catalogue tells.
func host(release string, ram uint64) sysctl.State {
	r, err := sysctl.ParseRelease(release)
	if err != nil {
		panic(err)
	}
	return Simulate(sysctl.Env{Kernel: r, RAMBytes: ram, PageBytes: 4096}, true, untold())
}

// untold is a usual value of each parameter whose default cannot be computed.
func untold() map[sysctl.Key]string {
	return map[sysctl.Key]string{
		"net.core.default_qdisc":                       "fq",
		"net.ipv4.tcp_congestion_control":              "cubic",
		"net.ipv4.tcp_available_congestion_control":    "reno cubic bbr",
		"net.ipv4.tcp_allowed_congestion_control":      "reno cubic",
		"net.ipv4.conf.all.rp_filter":                  "1",
		"net.netfilter.nf_conntrack_count":             "17",
		"net.netfilter.nf_conntrack_tcp_loose":         "1",
		"net.netfilter.nf_conntrack_tcp_timeout_close": "10",
	}
}

// give parses inputs of a profile.
func give(t testing.TB, p Profile, texts map[string]string) map[string]Value {
	t.Helper()
	out := map[string]Value{}
	for name, text := range texts {
		in, ok := p.Input(name)
		if !ok {
			t.Fatalf("profile %s has no input %s", p.Name, name)
		}
		v, err := in.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		out[in.Name] = v
	}
	return out
}

// grown is counters that show every trouble.
func grown(p Profile) map[string]uint64 {
	out := map[string]uint64{}
	for _, name := range p.Counters() {
		out[name] = 3
	}
	return out
}

// after returns the state once a plan is carried out.
func after(st sysctl.State, p sysctl.Plan) sysctl.State {
	raw := map[sysctl.Key]string{}
	maps.Copy(raw, st.Raw)
	for _, c := range p.Changes {
		raw[c.Key] = c.After
	}
	st.Raw = raw
	return st
}

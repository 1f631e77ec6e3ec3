package profiles

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseOverride(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"net.core.somaxconn=8192":                       "net.core.somaxconn exactly 8192",
		"net/core/somaxconn = 8192 ":                    "net.core.somaxconn exactly 8192",
		"net.ipv4.tcp_rmem=4096 87380 6291456":          "net.ipv4.tcp_rmem exactly 4096 87380 6291456",
		"net.ipv4.tcp_rmem[max]=7000000":                "net.ipv4.tcp_rmem[max] exactly 7000000",
		"net.ipv4.tcp_rmem[2]=7000000":                  "net.ipv4.tcp_rmem[max] exactly 7000000",
		"net.ipv4.ip_local_reserved_ports=":             "net.ipv4.ip_local_reserved_ports exactly ",
		"net.ipv4.tcp_congestion_control=cubic":         "net.ipv4.tcp_congestion_control exactly cubic",
		"net.core.somaxconn":                            "want KEY=VALUE",
		"net.core.somaxconn=many":                       "is no integer",
		"net.core.somaxconn=-1":                         "out of range",
		"net.core.somaxcon=1":                           "net.core.somaxconn may be meant",
		"somaxconn=1":                                   "not a parameter name",
		"net.ipv4.conf.*.rp_filter=1":                   "stands for many parameters",
		"net.core.somaxconn[max]=1":                     "it has no elements",
		"net.ipv4.tcp_rmem[most]=1":                     `no element "most"`,
		"net.ipv4.tcp_rmem=1 2":                         "want 3",
		"net.ipv4.tcp_fastopen_key=0-0-0-1":             "it is a secret",
		"net.ipv4.tcp_tw_recycle=1":                     "obsolete",
		"net.ipv4.tcp_available_congestion_control=bbr": "can only be read",
	} {
		e, err := ParseOverride(text)
		got := ""
		if err == nil {
			got = e.Slot.String() + " " + e.Wanted()
		} else {
			got = err.Error()
			if strings.Contains(got, "0-0-0-1") {
				t.Errorf("%s: the secret is in the error: %s", text, got)
			}
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func override(t *testing.T, texts ...string) []Entry {
	t.Helper()
	var out []Entry
	for _, text := range texts {
		e, err := ParseOverride(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// TestOverride: an override takes the place of what it covers in every profile that
// wants it, and goes to the first where none does.
func TestOverride(t *testing.T) {
	t.Parallel()
	set, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	var ps []Profile
	for _, name := range []string{"web-server", "database"} {
		p, err := set.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		ps = append(ps, p)
	}
	out, err := Override(ps, override(t, "net.ipv4.tcp_keepalive_time=99", "net.ipv4.tcp_rmem=4096 87380 7000000", "net.core.rmem_max=300000"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, p := range out {
		for _, e := range p.Entries {
			if e.Reason == "set by the operator" {
				got[e.Profile] = append(got[e.Profile], e.Slot.String()+" "+e.Value)
			}
		}
	}
	want := map[string][]string{
		"web-server": {"net.ipv4.tcp_keepalive_time 99", "net.core.rmem_max 300000"},
		"database":   {"net.ipv4.tcp_keepalive_time 99", "net.ipv4.tcp_rmem 4096 87380 7000000"},
	}
	for _, list := range want {
		slices.Sort(list)
	}
	for _, list := range got {
		slices.Sort(list)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if again, _ := set.Get("web-server"); !cmp.Equal(len(again.Entries), len(ps[0].Entries)) {
		t.Error("the profile of the set changed")
	}
	for text, bad := range map[string][]string{
		"is given twice": {"net.core.somaxconn=1", "net.core.somaxconn=2"},
	} {
		if _, err := Override(ps, override(t, bad...)); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v: got %v, want %q", bad, err, text)
		}
	}
	defaults, _ := set.Get("kernel-defaults")
	if _, err := Override([]Profile{defaults}, override(t, "net.core.somaxconn=1")); err == nil || !strings.Contains(err.Error(), "takes no overrides") {
		t.Errorf("kernel-defaults: got %v", err)
	}
	if _, err := Override(nil, override(t, "net.core.somaxconn=1")); err == nil {
		t.Error("no profile: want an error")
	}
}

// TestLoadGiven: a profile given along replaces that of its name, and may inherit
// from the built-in one.
func TestLoadGiven(t *testing.T) {
	t.Parallel()
	parse := func(text string) Profile {
		p, err := Parse("given", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	given := parse("name: web-server\ntitle: t\ndoc: d\ninherits: web-server\n" +
		"entries: [{key: net.ipv4.tcp_fin_timeout, op: at-most, value: 25, lowers: true, reason: r, risk: r, source: s}]\n")
	set, err := Load("", given)
	if err != nil {
		t.Fatal(err)
	}
	p, err := set.Get("web-server")
	if err != nil || p.Title != "t" || len(p.Entries) < 5 {
		t.Errorf("got %q with %d entries, %v", p.Title, len(p.Entries), err)
	}
	proxy, _ := set.Get("reverse-proxy")
	if !slices.Contains(proxy.Keys(), "net.ipv4.tcp_fin_timeout") {
		t.Error("reverse-proxy does not inherit from the profile given")
	}
	if _, err := Load("", given, given); err == nil || !strings.Contains(err.Error(), "given twice") {
		t.Errorf("twice: got %v", err)
	}
}

package facts

import (
	"encoding/json"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// telling are the fields of a window that hold text or addresses, each with
// what becomes of it. A new one fails the test until somebody decides.
func telling() map[string]string {
	const names, replaced = "stays: names of the kernel's", "replaced"
	fates := map[string]string{
		"Host.Hostname":                  replaced,
		"Host.Kernel":                    "stays: the release decides how the kernel behaves",
		"Host.BootID":                    replaced,
		"SharedStart.Counters":           names,
		"SharedStart.Gauges":             names,
		"SharedEnd.Counters":             names,
		"SharedEnd.Gauges":               names,
		"HostSettings":                   "interfaces replaced, secrets left out",
		"Log.Kind":                       "stays: one of a few words",
		"Log.Text":                       "replaced but for the kernel's own words",
		"Namespaces.Namespace.Name":      replaced,
		"Namespaces.Namespace.Container": replaced,
		"Namespaces.Settings":            "interfaces replaced, secrets left out",
		"Processes.Comm":                 replaced,
		"Processes.Cgroup":               replaced,
		"Processes.Container":            replaced,
		"Processes.Unit":                 replaced,
		"Processes.BlockedIn":            "stays: a kernel function",
		"Processes.State":                "stays: one letter",
		"Gaps.Source":                    "stays: a word of ours",
		"Gaps.Reason":                    "replaced but for plain words",
		"Namespaces.Gaps.Source":         "stays: a word of ours",
		"Namespaces.Gaps.Reason":         "replaced but for plain words",
	}
	for _, at := range []string{"Namespaces.Start.", "Namespaces.End."} {
		fates[at+"Counters"], fates[at+"Gauges"] = names, names
		fates[at+"Census.Classes"] = "stays: names of classes"
		for _, f := range []string{
			"Listeners.Local", "Locals.Addr", "Destinations.Source", "Destinations.Dest",
			"Classes.Samples.Local", "Classes.Samples.Remote",
		} {
			fates[at+"Census."+f] = replaced
		}
	}
	for _, at := range []string{"Namespaces.Trends.Series.", "Namespaces.Baselines.Series."} {
		fates[at+"Metric"] = names
		for _, f := range []string{"Comm", "Cgroup", "Local", "Source", "Dest"} {
			fates[at+f] = replaced
		}
	}
	return fates
}

func TestRedactDecidesOnEveryField(t *testing.T) {
	t.Parallel()
	var found []string
	var walk func(reflect.Type, string)
	walk = func(typ reflect.Type, path string) {
		switch {
		case typ == reflect.TypeFor[netip.Addr]() || typ == reflect.TypeFor[netip.AddrPort]():
			found = append(found, path)
			return
		case typ.PkgPath() == "time" || strings.HasPrefix(typ.Name(), "Opt["):
			return
		}
		switch typ.Kind() {
		case reflect.String:
			found = append(found, path)
		case reflect.Slice, reflect.Array:
			walk(typ.Elem(), path)
		case reflect.Map:
			found = append(found, path)
			walk(typ.Elem(), path)
		case reflect.Struct:
			for field := range typ.Fields() {
				walk(field.Type, strings.TrimPrefix(path+"."+field.Name, "."))
			}
		}
	}
	walk(reflect.TypeFor[Window](), "")
	slices.Sort(found)
	found = slices.Compact(found)
	if d := cmp.Diff(slices.Sorted(maps.Keys(telling())), found); d != "" {
		t.Errorf("fields of which nobody has decided what redaction does (-decided +there):\n%s", d)
	}
}

// secretive is a window whose every name is a mark that must not survive.
func secretive() Window {
	id := strings.Repeat("c0ffee42", 8)
	w := Window{
		Host: Host{Hostname: "secrethost", Kernel: "6.18.44", BootID: "7a6e1f0e-0d43-4c8a-9d75-f6f5ff3f5f01"},
		Log: []LogLine{
			{Kind: "syn-flood", Text: "TCP: request_sock_TCP: Possible SYN flooding on port [2001:db8:77::9]:8443. Sending cookies."},
			{Kind: "syn-flood", Text: "TCP: request_sock_TCP: Possible SYN flooding on port 203.0.113.77:8443. Sending cookies."},
			{Kind: "conntrack-full", Text: "nf_conntrack: table full in netns secretspace, dropping packet"},
		},
		HostSettings: map[string]string{"net.core.somaxconn": "128", "net.ipv4.tcp_fastopen_key": "secretkey"},
		Namespaces: []NamespaceWindow{{
			Namespace: Namespace{Inode: 7, Name: "secretspace", Container: id},
			Settings:  map[string]string{"net.ipv4.conf.secretif0.rp_filter": "1", "net.ipv4.conf.all.rp_filter": "0"},
			Gaps: []Gap{
				{SourceProcesses, `open /proc/812/fd: permission denied`},
				{SourceNamespaces, `no namespace named "secretother"`},
				{SourceNamespaces, "secretspace vanished; Secretproc: x did too, and so did 203.0.113.77:99."},
				{SourceSettings, "open /proc/sys/net/ipv4/conf/secretif0/rp_filter: needs CAP_NET_ADMIN"},
				{SourceNamespaces, "netns: /run/netns/secretspace vanished"},
			},
			End: Snapshot{Census: Census{
				Listeners: []Listener{
					{Cookie: 1, Local: netip.MustParseAddrPort("203.0.113.77:8443")},
					{Cookie: 2, Local: netip.MustParseAddrPort("[::]:80")},
					{Cookie: 3, Local: netip.MustParseAddrPort("127.0.0.1:81")},
				},
				Locals: []Local{{Addr: netip.MustParseAddrPort("[::ffff:203.0.113.77]:8443")}},
				Destinations: []Destination{{
					Source: netip.MustParseAddr("fe80::d00d:1%secretif0"), Dest: netip.MustParseAddrPort("[2001:db8:77::9]:8443"),
				}},
				Classes: map[ClassName]Class{ClassUnread: {Samples: []Sample{{
					Local: netip.MustParseAddrPort("203.0.113.77:8443"), Remote: netip.MustParseAddrPort("10.77.3.9:4000"),
				}}}},
			}},
			Trends: []Trend{{Series: Series{
				Metric: "close_wait", Comm: "Secretproc: x", Cgroup: "/secret.slice", Local: netip.MustParseAddrPort("203.0.113.77:8443"),
			}}},
			Baselines: []Baseline{{Series: Series{
				Source: netip.MustParseAddr("2001:db8::1"), Dest: netip.MustParseAddrPort("203.0.113.77:8443"),
			}}},
		}},
		Processes: []Process{{
			PID: 812, Comm: "Secretproc: x", Cgroup: "/system.slice/docker-" + id + ".scope", Container: id, Unit: "secretunit.service",
			BlockedIn: "inet_csk_accept",
		}},
	}
	w.Namespaces[0].Start = w.Namespaces[0].End
	return w
}

func TestRedactLeavesNothing(t *testing.T) {
	t.Parallel()
	w := secretive()
	before, _ := json.Marshal(w)
	b, err := json.Marshal(Redact(w, []byte("0123456789abcdef")))
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for _, mark := range []string{"ecret", "c0ffee", "203.0.113", "2001:db8", "d00d", "10.77", "7a6e1f0e"} {
		if strings.Contains(text, mark) {
			t.Errorf("%q survived in %s", mark, text)
		}
	}
	for _, kept := range []string{
		"Possible SYN flooding on port", ":8443. Sending cookies.", "6.18.44", "open /proc/812/fd: permission denied",
		"net.ipv4.conf.all.rp_filter", "CAP_NET_ADMIN", "inet_csk_accept", "[::]:80", "127.0.0.1:81", ".service", ":99.",
	} {
		if !strings.Contains(text, kept) {
			t.Errorf("%q is missing from %s", kept, text)
		}
	}
	if after, _ := json.Marshal(w); string(after) != string(before) {
		t.Error("the original was changed")
	}
}

func TestRedactIsConsistent(t *testing.T) {
	t.Parallel()
	w := Redact(secretive(), []byte("0123456789abcdef"))
	c := w.Namespaces[0].End.Census
	server := c.Listeners[0].Local
	if got := c.Classes[ClassUnread].Samples[0].Local; got != server {
		t.Errorf("sample's local address: got %v, want the listener's %v", got, server)
	}
	if got := c.Locals[0].Addr; got.Addr().Unmap() != server.Addr() || !got.Addr().Is4In6() {
		t.Errorf("mapped address: got %v, want %v mapped", got, server)
	}
	if !strings.Contains(w.Log[1].Text, server.String()) {
		t.Errorf("log line: got %q, want it to name %v", w.Log[1].Text, server)
	}
	if got := c.Classes[ClassUnread].Samples[0].Remote.Addr(); !got.IsPrivate() || got.As4()[0] != 10 {
		t.Errorf("private address: got %v, want one of 10.0.0.0/8", got)
	}
	if got := c.Destinations[0].Source; !got.IsLinkLocalUnicast() || got.Zone() == "" {
		t.Errorf("link-local address: got %v, want one with a zone", got)
	}
	if len(w.Processes[0].Container) != 64 || w.Processes[0].Container != w.Namespaces[0].Namespace.Container {
		t.Errorf("container: got %q and %q, want one of 64 digits", w.Processes[0].Container, w.Namespaces[0].Namespace.Container)
	}
	if n := len(w.Processes[0].Comm); n > 15 {
		t.Errorf("process name of %d bytes, want at most 15", n)
	}
	if d := cmp.Diff(w, Redact(secretive(), []byte("0123456789abcdef")), compareFacts); d != "" {
		t.Errorf("the same salt gives another result:\n%s", d)
	}
	if other := Redact(secretive(), []byte("fedcba9876543210")); other.Host.Hostname == w.Host.Hostname {
		t.Error("another salt gives the same names")
	}
}

// TestRedactKeepsShape compares everything that redaction must leave alone: it
// replaces what was replaced by a constant on both sides.
func TestRedactKeepsShape(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawWindow(t)
		got := Redact(w, []byte("0123456789abcdef"))
		shape := cmp.Options{
			cmp.Comparer(func(a, b string) bool { return (a == "") == (b == "") }),
			cmp.Comparer(func(a, b map[string]string) bool { return true }),
			cmp.Comparer(func(a, b netip.Addr) bool { return kindOf(a) == kindOf(b) }),
			cmp.Comparer(func(a, b netip.AddrPort) bool { return a.Port() == b.Port() && kindOf(a.Addr()) == kindOf(b.Addr()) }),
			cmp.AllowUnexported(Opt[uint8]{}, Opt[uint32]{}, Opt[uint64]{}, Opt[float64]{}),
		}
		if d := cmp.Diff(w, got, shape); d != "" {
			t.Fatalf("redaction changed more than names (-original +redacted):\n%s", d)
		}
	})
}

// kindOf is what must not change about an address.
func kindOf(a netip.Addr) string {
	p, _ := prefixOf(a.Unmap().WithZone(""))
	kept := ""
	if stays(a.Unmap().WithZone("")) {
		kept = a.WithZone("").String()
	}
	return strings.Join([]string{kept, p.String(), map[bool]string{true: "mapped"}[a.Is4In6()], map[bool]string{true: "zone"}[a.Zone() != "" && !a.Is4In6()]}, " ")
}

// TestRedactSeparatesAddresses goes through a whole small range: a permutation
// never maps two addresses to one.
func TestRedactSeparatesAddresses(t *testing.T) {
	t.Parallel()
	r := newRedactor([]byte("0123456789abcdef"))
	seen := make(map[netip.Addr]bool, 1<<16)
	for i := range 1 << 16 {
		a := r.addr(netip.AddrFrom4([4]byte{192, 168, byte(i >> 8), byte(i)}))
		if b := a.As4(); b[0] != 192 || b[1] != 168 {
			t.Fatalf("got %v, want an address of 192.168.0.0/16", a)
		}
		seen[a] = true
	}
	if len(seen) != 1<<16 {
		t.Errorf("%d different addresses became %d", 1<<16, len(seen))
	}
}

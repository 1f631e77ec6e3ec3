package sysctl

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const whyKey Key = "net.core.somaxconn"

// whyHost is a host on Linux 6.18 with 8 GiB and these files.
func whyHost(running string, files ...string) WhyInput {
	in := WhyInput{KeepsFiles: true, Initial: true, Running: running, Env: Env{Kernel: Release{6, 18, 0}, RAMBytes: 8 << 30}}
	for i := 0; i < len(files); i += 2 {
		if files[i] == plainFile {
			in.Conf.Plain = &ConfFile{Path: plainFile, Text: files[i+1]}
		} else {
			in.Conf = in.Conf.With(files[i], &files[i+1])
		}
	}
	return in
}

func TestExplain(t *testing.T) {
	t.Parallel()
	const set = "net.core.somaxconn = "
	applied := func(before, after string) []Entry {
		return []Entry{{ID: "7c1f", Title: "profile web-server", Phase: PhaseApplied, Rows: []Row{{Key: whyKey, Before: before, After: after}}}}
	}
	tuned := Other{Name: "tuned", Active: true, Sets: []Assignment{{Path: "net/core/somaxconn", Value: "2048", File: "/usr/lib/tuned/x/tuned.conf", Line: 4}}}
	for _, c := range []struct {
		name   string
		key    Key
		in     WhyInput
		with   func(*WhyInput)
		origin Origin
		drift  []DriftClass
	}{
		{name: "untouched", in: whyHost("4096"), origin: Origin{Kind: OriginDefault}},
		{name: "from a file", in: whyHost("8192", "/etc/sysctl.d/60-a.conf", set+"8192"), origin: Origin{OriginFile, "/etc/sysctl.d/60-a.conf", 1}},
		{name: "file not applied", in: whyHost("4096", "/etc/sysctl.d/60-a.conf", set+"8192"), origin: Origin{Kind: OriginDefault}, drift: []DriftClass{DriftPersisted}},
		{name: "by hand only", in: whyHost("5000"), origin: Origin{Kind: OriginUnknown}, drift: []DriftClass{DriftRunningOnly}},
		{name: "vendor beats the administrator", in: whyHost("6000", "/etc/sysctl.d/60-a.conf", set+"8192", "/usr/lib/sysctl.d/99-v.conf", set+"6000"),
			origin: Origin{OriginFile, "/usr/lib/sysctl.d/99-v.conf", 1}, drift: []DriftClass{DriftShadowed}},
		{name: "the administrator beats the vendor", in: whyHost("8192", "/etc/sysctl.d/60-a.conf", set+"8192", "/usr/lib/sysctl.d/50-v.conf", set+"6000"),
			origin: Origin{OriginFile, "/etc/sysctl.d/60-a.conf", 1}},
		{name: "plain file counts by hand only", in: whyHost("8192", plainFile, set+"8192"), origin: Origin{OriginByHand, plainFile, 1},
			drift: []DriftClass{DriftReader, DriftRunningOnly}},
		{name: "both readers, different values", in: whyHost("6000", "/etc/sysctl.d/60-a.conf", set+"6000", plainFile, set+"8192"),
			origin: Origin{OriginFile, "/etc/sysctl.d/60-a.conf", 1}, drift: []DriftClass{DriftReader}},
		{name: "ours", in: whyHost("8192", PersistPath, set+"8192"), with: func(in *WhyInput) { in.Journal = applied("4096", "8192") },
			origin: Origin{OriginUs, "7c1f", 0}},
		{name: "ours, then somebody else", in: whyHost("5000", PersistPath, set+"8192"), with: func(in *WhyInput) { in.Journal = applied("4096", "8192") },
			origin: Origin{Kind: OriginUnknown}, drift: []DriftClass{DriftPersisted, DriftForeign}},
		{name: "ours, undone", in: whyHost("4096"), with: func(in *WhyInput) {
			in.Journal = applied("4096", "8192")
			in.Journal[0].Phase = PhaseUndone
		}, origin: Origin{Kind: OriginDefault}},
		{name: "another program", in: whyHost("2048"), with: func(in *WhyInput) { in.Others = []Other{tuned} }, origin: Origin{OriginWriter, "tuned", 4}},
		{name: "another program against a file", in: whyHost("2048", "/etc/sysctl.d/60-a.conf", set+"8192"), with: func(in *WhyInput) { in.Others = []Other{tuned} },
			origin: Origin{OriginWriter, "tuned", 4}, drift: []DriftClass{DriftPersisted, DriftForeign}},
		{name: "absent", key: "net.ipv4.tcp_tw_recycle", in: whyHost("", "/etc/sysctl.d/60-a.conf", "net.ipv4.tcp_tw_recycle = 1"),
			with: func(in *WhyInput) { in.Err = &KeyError{Kind: FailedAbsent, Err: fs.ErrNotExist} }, origin: Origin{Kind: OriginAbsent}, drift: []DriftClass{DriftAbsent}},
		{name: "refused", in: whyHost("4096", "/etc/sysctl.d/60-a.conf", set+`"8192"`), origin: Origin{Kind: OriginDefault}, drift: []DriftClass{DriftRefused}},
		{name: "a namespace of its own", in: whyHost("4096", "/etc/sysctl.d/60-a.conf", set+"8192"),
			with: func(in *WhyInput) { in.KeepsFiles, in.Initial = false, false }, origin: Origin{Kind: OriginDefault}},
		{name: "inherited", key: "net.ipv4.tcp_rmem", in: whyHost("4096\t131072\t1000000"),
			with: func(in *WhyInput) { in.KeepsFiles, in.Initial = false, false }, origin: Origin{Kind: OriginInherit}},
		{name: "default that follows from memory", key: "net.ipv4.tcp_mem", in: whyHost("97400\t129900\t194800"), origin: Origin{Kind: OriginDefault}},
		{name: "part of a vector", key: "net.ipv4.tcp_rmem", in: whyHost("8192\t131072\t33554432", "/etc/sysctl.d/60-a.conf", "net.ipv4.tcp_rmem = 8192"),
			origin: Origin{OriginFile, "/etc/sysctl.d/60-a.conf", 1}},
		{name: "vector refused half-way", key: "net.ipv4.tcp_rmem",
			in:     whyHost("8192\t200000\t33554432", "/etc/sysctl.d/60-a.conf", "net.ipv4.tcp_rmem = 8192 200000 32M"),
			origin: Origin{OriginFile, "/etc/sysctl.d/60-a.conf", 1}, drift: []DriftClass{DriftRefused}},
		{name: "kernel command line", in: whyHost("8192"), with: func(in *WhyInput) { in.Conf.Cmdline = "quiet sysctl.net.core.somaxconn=8192" },
			origin: Origin{OriginFile, CmdlineFile, 1}},
		{name: "not in the catalogue", key: "vm.swappiness", in: whyHost("10", "/etc/sysctl.d/60-a.conf", "vm.swappiness = 10"),
			origin: Origin{OriginFile, "/etc/sysctl.d/60-a.conf", 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.with != nil {
				c.with(&c.in)
			}
			if c.key == "" {
				c.key = whyKey
			}
			w := Explain(c.key, c.in)
			if w.Origin != c.origin {
				t.Errorf("origin: got %+v, want %+v", w.Origin, c.origin)
			}
			var got []DriftClass
			for _, d := range w.Drift {
				got = append(got, d.Class)
				if d.Text == "" || strings.Contains(d.Text, "\n") {
					t.Errorf("drift %s: got text %q", d.Class, d.Text)
				}
			}
			if !slices.Equal(got, c.drift) {
				t.Errorf("drift: got %v, want %v", w.Drift, c.drift)
			}
		})
	}
}

// Lines are listed in the order of precedence, with what each reader makes of them.
func TestExplainLines(t *testing.T) {
	t.Parallel()
	in := whyHost("7000",
		"/usr/lib/sysctl.d/10-a.conf", "net.core.somaxconn = 1\n",
		"/etc/sysctl.d/20-b.conf", "# x\nnet.core.somax* = 2\n",
		"/run/sysctl.d/30-c.conf", "net.core.somaxconn = x\n",
		"/etc/sysctl.d/40-d.conf", "net.core.somaxconn = 4\n",
		"/usr/lib/sysctl.d/40-d.conf", "net.core.somaxconn = 5\n",
		"/etc/sysctl.d/.50-dot.conf", "net.core.somaxconn = 6\n",
		plainFile, "net.core.somaxconn = 7\n")
	w := Explain(whyKey, in)
	var got []string
	for _, l := range w.Lines() {
		got = append(got, strings.Join([]string{l.File, l.Value, string(l.Boot), string(l.ByHand)}, " | "))
	}
	want := []string{
		"/etc/sysctl.d/20-b.conf | 2 | passed over | passed over",
		"/usr/lib/sysctl.d/10-a.conf | 1 | overridden | overridden",
		"/run/sysctl.d/30-c.conf | x | overridden | refused",
		"/etc/sysctl.d/40-d.conf | 4 | counts | overridden",
		"/etc/sysctl.d/.50-dot.conf | 6 |  | overridden",
		"/etc/sysctl.conf | 7 |  | counts",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if len(w.Hidden) != 1 || w.Hidden[0].Value != "5" || w.Hidden[0].By != "/etc/sysctl.d/40-d.conf" {
		t.Errorf("hidden: got %+v, want the vendor's line", w.Hidden)
	}
}

// A secret is nowhere in what is said about it.
func TestExplainKeepsSecrets(t *testing.T) {
	t.Parallel()
	const secret = "11111111-22222222-33333333-44444444"
	in := whyHost(secret, "/etc/sysctl.d/60-a.conf", "net.ipv4.tcp_fastopen_key = "+secret, plainFile, "net.ipv4.tcp_fastopen_key = 0"+secret[1:])
	in.Journal = []Entry{{ID: "7c1f", Phase: PhaseApplied, Rows: []Row{{Key: "net.ipv4.tcp_fastopen_key", Before: secret, After: secret}}}}
	w := Explain("net.ipv4.tcp_fastopen_key", in)
	text := cmp.Diff(Why{}, w, cmp.AllowUnexported(), cmpopts.IgnoreUnexported(Assignment{}, Rule{}), cmpopts.IgnoreFields(Why{}, "Spec"))
	if strings.Contains(text, "22222222") {
		t.Errorf("got the secret in %s", text)
	}
}

func TestLoadOthers(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for name, text := range map[string]string{
		"etc/tuned/active_profile":             "mine\n",
		"etc/tuned/mine/tuned.conf":            "[main]\nsummary=x\ninclude=base\n[sysctl]\nnet.core.somaxconn = >2048\nnet.ipv4.tcp_rmem=\"4096 131072 ${max}\"\ndrop=net.core.busy_poll, net.ipv4.tcp_fin_timeout\n[vm]\nx=1\n",
		"usr/lib/tuned/base/tuned.conf":        "[main]\ninclude = mine\n[sysctl]\nnet.core.somaxconn=1024\nnet.core.busy_read=50\nnet.core.busy_poll=50\nnet.ipv4.tcp_fin_timeout=30\n",
		"etc/ufw/ufw.conf":                     "ENABLED=yes\n",
		"etc/default/ufw":                      "IPT_SYSCTL=/etc/ufw/sysctl.conf\n",
		"etc/ufw/sysctl.conf":                  "# x\nnet/ipv4/tcp_sack=1\n",
		"proc/41/comm":                         "kube-proxy\n",
		"proc/42/comm":                         "NetworkManager\n",
		"proc/43/comm":                         "dockerd\n",
		"proc/44/comm":                         "tuned\n",
		"usr/sbin/bpftune":                     "",
		"var/lib/cloud/instance/user-data.txt": "#cloud-config\nwrite_files:\n  - content: |\n      net.ipv4.tcp_wmem = 4096 16384 8388608\nruncmd:\n  - [ sysctl, -w, \"net.core.somaxconn=9000\" ]\n  - sysctl -w net.ipv4.tcp_retries2=8 && echo net.unknown=1\n",
	} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	others := LoadOthers(root)
	claims := func(k Key) []string {
		var out []string
		for _, o := range others {
			if c, ok := o.Claim(k); ok {
				active := "idle"
				if c.Active {
					active = "active"
				}
				out = append(out, strings.Join([]string{c.Name, active, c.Value, filepath.Base(c.File)}, " "))
			}
		}
		return out
	}
	for k, want := range map[Key][]string{
		"net.core.somaxconn":                  {"tuned active 2048 tuned.conf", "cloud-init active 9000 user-data.txt"},
		"net.core.busy_poll":                  nil, // dropped again
		"net.core.busy_read":                  {"tuned active 50 tuned.conf"},
		"net.ipv4.tcp_rmem":                   {"tuned active  tuned.conf", "bpftune idle  ."},
		"net.ipv4.tcp_wmem":                   {"bpftune idle  .", "cloud-init active 4096 16384 8388608 user-data.txt"},
		"net.ipv4.tcp_retries2":               {"cloud-init active 8 user-data.txt"},
		"net.ipv4.tcp_sack":                   {"ufw active 1 sysctl.conf"},
		"net.netfilter.nf_conntrack_max":      {"kube-proxy active  ."},
		"net.ipv4.ip_forward":                 {"kube-proxy active  .", "container runtime active  .", "NetworkManager active  ."},
		"net.ipv6.conf.eth0/100.disable_ipv6": {"NetworkManager active  ."},
		"net.ipv4.tcp_fin_timeout":            nil,
	} {
		if diff := cmp.Diff(want, claims(k)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", k, diff)
		}
	}
	if got := LoadOthers(t.TempDir()); got != nil {
		t.Errorf("an empty host: got %+v, want nothing", got)
	}
}

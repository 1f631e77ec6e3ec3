package sysctl

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestRenderLines(t *testing.T) {
	t.Parallel()
	got, err := RenderLines([]Line{
		{Key: "net.ipv4.tcp_rmem", Value: "4096 131072 67108864", Reason: "bulk-wan: twice bandwidth × delay"},
		{Key: "net.core.somaxconn", Value: "8192", Reason: "web-server: ride out a stall\nreverse-proxy: the same"},
		{Key: keyPortStart, Value: "80"}, {Key: keyPortRange, Value: "512 65535"},
		{Key: "net.ipv4.conf.eth0/100.rp_filter", Value: "2"}, {Key: keyForward, Value: "1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := persistHeader + `
net.ipv4.ip_forward = 1

# web-server: ride out a stall
# reverse-proxy: the same
net.core.somaxconn = 8192

net.ipv4.conf.eth0/100.rp_filter = 2

net.ipv4.ip_unprivileged_port_start = 80

net.ipv4.ip_local_port_range = 512 65535

# bulk-wan: twice bandwidth × delay
net.ipv4.tcp_rmem = 4096 131072 67108864
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := RenderLines([]Line{{Key: "net.ipv4.tcp_fastopen_key", Value: "1"}}); !errors.Is(err, ErrSecret) {
		t.Errorf("got %v, want ErrSecret", err)
	}
	if _, err := RenderLines([]Line{{Key: keyCongestion, Value: "a\nkernel.x = 1"}}); !errors.Is(err, ErrBadValue) {
		t.Errorf("got %v, want ErrBadValue", err)
	}
}

// What is written is read back, and both readers understand it alike.
func TestLinesRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var lines []Line
		for _, k := range rapid.SliceOfNDistinct(rapid.SampledFrom([]Key{
			"net.core.somaxconn", keyForward, "net.ipv4.conf.eth0/100.rp_filter", keyPortStart, "net.ipv4.tcp_fin_timeout",
		}), 1, 5, rapid.ID[Key]).Draw(t, "keys") {
			lines = append(lines, Line{Key: k, Value: rapid.StringMatching(`[1-9][0-9]{0,3}`).Draw(t, "value"), Reason: joinReasons(rapid.StringMatching(`([a-z:]{1,5} ?){0,3}(\n[a-z]{1,4})?`).Draw(t, "reason"))})
		}
		text, err := RenderLines(lines)
		if err != nil {
			t.Fatal(err)
		}
		back := ParseLines(text)
		again, err := RenderLines(back)
		if err != nil || again != text {
			t.Fatalf("%v\n%s", err, cmp.Diff(text, again))
		}
		for _, r := range Readers() {
			c := Conf{}.With(PersistPath, &text)
			for _, l := range lines {
				if e := c.Expect(r, l.Key); !e.Set || e.Value != l.Value || e.File != PersistPath {
					t.Fatalf("%s: %s: got %+v, want %s", r, l.Key, e, l.Value)
				}
			}
		}
	})
}

func TestPlanFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "90-test.conf")
	f, err := PlanFile(path, []Line{{Key: "net.core.somaxconn", Value: "8192"}}, nil)
	if err != nil || f.Before != nil || f.After == nil || f.isNoChange() {
		t.Fatalf("new file: got %+v, %v", f, err)
	}
	if err := os.WriteFile(path, []byte(*f.After+"\n# by hand\nnet.ipv4.tcp_fin_timeout=30\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err = PlanFile(path, []Line{{Key: "net.core.somaxconn", Value: "16384"}}, nil)
	if err != nil || !strings.Contains(*f.After, "net.core.somaxconn = 16384\n") || strings.Contains(*f.After, "8192") ||
		!strings.Contains(*f.After, "# by hand\nnet.ipv4.tcp_fin_timeout = 30\n") {
		t.Errorf("changed file: got %q, %v", *f.After, err)
	}
	f, err = PlanFile(path, nil, []Key{"net.core.somaxconn", "net.ipv4.tcp_fin_timeout"})
	if err != nil || f.After != nil || f.Before == nil {
		t.Errorf("emptied file: got %+v, %v, want it removed", f, err)
	}
}

func TestPlanLines(t *testing.T) {
	t.Parallel()
	st := defaultState(testEnv)
	st.Raw["net.ipv4.tcp_fin_timeout"] = "30"
	p := NewPlan([]Want{
		{Key: "net.core.somaxconn", Op: AtLeast, Value: "8192", Reason: "web-server"},
		{Key: "net.ipv4.tcp_syncookies", Op: Exactly, Value: "1", Reason: "web-server"},
		{Key: "net.ipv4.tcp_fin_timeout", Op: AtMost, Value: "30", Lower: true, Reason: "proxy"},
		{Key: "net.ipv4.tcp_wmem", Field: "max", Op: AtLeast, Value: "67108864", Reason: "bulk"},
		{Key: "net.ipv4.tcp_wmem", Field: "min", Op: AtLeast, Value: "4096", Reason: "web-server"},
	}, st)
	want := []Line{
		{Key: "net.core.somaxconn", Value: "8192", Reason: "web-server"},
		{Key: "net.ipv4.tcp_fin_timeout", Value: "30", Reason: "proxy"},
		{Key: "net.ipv4.tcp_wmem", Value: "4096 16384 67108864", Reason: "bulk\nweb-server"},
	}
	if diff := cmp.Diff(want, p.Lines(st)); diff != "" {
		t.Error(diff)
	}
}

func TestOverrides(t *testing.T) {
	t.Parallel()
	text, err := RenderLines([]Line{{Key: "net.core.somaxconn", Value: "8192"}, {Key: "net.ipv4.tcp_fin_timeout", Value: "30"}})
	if err != nil {
		t.Fatal(err)
	}
	c := Conf{
		Files: []ConfFile{
			{Path: "/etc/sysctl.d/10-early.conf", Text: "net.core.somaxconn = 1\n"},
			{Path: "/usr/lib/sysctl.d/99-vendor.conf", Text: "# x\n\n\nnet.core.somaxconn = 128\n"},
		},
		Plain: &ConfFile{Path: plainFile, Text: "net.ipv4.tcp_fin_timeout = 30\n"},
	}
	type row struct {
		Reader Reader
		Key    Key
		File   string
		Line   int
		Same   bool
	}
	var got []row
	for _, o := range c.Overrides(PersistPath, &text) {
		got = append(got, row{o.Reader, o.Key, o.Winner.File, o.Winner.Line, o.SameValue})
	}
	want := []row{
		{ReaderSystemd, "net.core.somaxconn", "/usr/lib/sysctl.d/99-vendor.conf", 4, false},
		{ReaderProcps, "net.core.somaxconn", "/usr/lib/sysctl.d/99-vendor.conf", 4, false},
		{ReaderProcps, "net.ipv4.tcp_fin_timeout", plainFile, 1, true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestExpect(t *testing.T) {
	t.Parallel()
	const key = "net.core.somaxconn"
	tests := []struct {
		name            string
		files           map[string]string
		cmdline         string
		systemd, procps string // value and where; empty: not set
	}{
		{name: "nothing"},
		{name: "three digits sort before two", files: map[string]string{"/etc/sysctl.d/100-x.conf": key + "=1", "/etc/sysctl.d/99-x.conf": key + "=2"},
			systemd: "2 /etc/sysctl.d/99-x.conf:1", procps: "2 /etc/sysctl.d/99-x.conf:1"},
		{name: "vendor beats local", files: map[string]string{"/usr/lib/sysctl.d/99-vendor.conf": key + "=1", "/etc/sysctl.d/60-local.conf": key + "=2"},
			systemd: "1 /usr/lib/sysctl.d/99-vendor.conf:1", procps: "1 /usr/lib/sysctl.d/99-vendor.conf:1"},
		{name: "exclusion", files: map[string]string{"/etc/sysctl.d/a.conf": key + "=1\n-" + key},
			procps: "1 /etc/sysctl.d/a.conf:1"},
		{name: "command line", cmdline: "quiet sysctl.net.core.somaxconn=77 -- sysctl.net.core.somaxconn=78",
			systemd: "77 /proc/cmdline:1", procps: "77 /proc/cmdline:1"},
		{name: "refused value", files: map[string]string{"/etc/sysctl.d/a.conf": key + "=1\n" + key + "=16K"},
			procps: "1 /etc/sysctl.d/a.conf:1"},
		{name: "pattern", files: map[string]string{"/etc/sysctl.d/a.conf": "net.core.soma*=5"},
			systemd: "5 /etc/sysctl.d/a.conf:1", procps: "5 /etc/sysctl.d/a.conf:1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := Conf{Cmdline: tt.cmdline}
			for path, text := range tt.files {
				c = c.With(path, &text)
			}
			for r, want := range map[Reader]string{ReaderSystemd: tt.systemd, ReaderProcps: tt.procps} {
				e, got := c.Expect(r, key), ""
				if e.Set {
					got = e.Value + " " + e.File + ":" + string(rune('0'+e.Line))
				}
				if got != want {
					t.Errorf("%s: got %q, want %q (%+v)", r, got, want, e.Steps)
				}
			}
		})
	}
}

// No text makes the readers fail, and a line's place is within the file.
func FuzzReaders(f *testing.F) {
	f.Add("net.core.somaxconn = 1\n-net.*\r\n;x\n- a.b=\x00")
	f.Add("=\n-\n--\n./=\n/=/\n[=1\nnet.[a=2")
	f.Fuzz(func(t *testing.T, text string) {
		c := Conf{Files: []ConfFile{{Path: "/etc/sysctl.d/a.conf", Text: text}}, Cmdline: text}
		for _, r := range Readers() {
			assignments, _ := r.Parse(c.Files[0])
			for _, a := range assignments {
				if a.Line < 1 || a.Line > strings.Count(text, "\n")+strings.Count(text, "\r")+1 {
					t.Errorf("line %d of %q", a.Line, text)
				}
				if k, ok := a.Key(); ok {
					if _, err := k.Path(); err != nil {
						t.Errorf("key %q: %v", k, err)
					}
				}
			}
			c.Expect(r, "net.core.somaxconn")
		}
		ParseLines(text)
	})
}

func TestElsewhere(t *testing.T) {
	t.Parallel()
	for key, want := range map[Key]string{
		"net.core.somaxconn":             "--allowed-unsafe-sysctls",
		"net.ipv4.tcp_rmem":              "since Kubernetes 1.32",
		"net.core.netdev_max_backlog":    "belongs to the host",
		"net.netfilter.nf_conntrack_max": "belongs to the host",
	} {
		if got := Elsewhere(key, "1\t2"); !strings.Contains(got, want) || strings.Contains(got, "\t") {
			t.Errorf("%s: got %q, want ...%s...", key, got, want)
		}
	}
}

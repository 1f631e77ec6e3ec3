package sysctl

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// What lint says that the kernel does with a value is what the running kernel does
// with it: "refused" for the rules about form, "taken as" for octal numbers and
// trailing text, and no complaint about the form of what the kernel takes as it
// stands.
func TestLintAgainstTheKernel(t *testing.T) {
	t.Parallel()
	d := openProc(t)
	refusing := []string{"not-a-number", "quoted-value", "bad-ports"}
	for _, c := range []struct {
		key   Key
		value string
		rule  string // what is said about the form, "" for nothing
		reads string // what the parameter is afterwards
	}{
		{"net.core.somaxconn", "8192", "", "8192"},
		{"net.core.somaxconn", "0x1f40", "", "8000"},
		{"net.core.somaxconn", "010", "octal-number", "8"},
		{"net.core.somaxconn", "8k", "not-a-number", ""},
		{"net.core.somaxconn", "+5", "not-a-number", ""},
		{"net.core.somaxconn", "1e5", "not-a-number", ""},
		{"net.core.somaxconn", "65535;", "not-a-number", ""},
		{"net.core.somaxconn", `"30"`, "quoted-value", ""},
		{"net.core.somaxconn", "'30'", "quoted-value", ""},
		{"net.core.somaxconn", "30 # thirty", "trailing-text", "30"},
		{"net.core.somaxconn", "30 40", "trailing-text", "30"},
		{"net.ipv4.tcp_rmem", "4096,131072,33554432", "not-a-number", ""},
		{"net.ipv4.tcp_rmem", "4097 131073", "short-vector", "4097 131073 "},
		{"net.ipv4.tcp_rmem", "4098 131072 32M", "not-a-number", ""},
		{"net.ipv4.tcp_rmem", "4099\t131072  33554432", "", "4099 131072 33554432"},
		{"net.ipv4.tcp_rmem", "4096 131072 33554432 1", "trailing-text", "4096 131072 33554432"},
		{"net.ipv4.ip_local_reserved_ports", "8080;9090", "bad-ports", ""},
		{"net.ipv4.ip_local_reserved_ports", "8080,9090-9092", "", "8080,9090-9092"},
		{"net.ipv4.ip_local_reserved_ports", "9000-8000", "bad-ports", ""},
		{"net.ipv4.tcp_congestion_control", "cubic # the default", "trailing-text", ""},
		{"net.ipv4.tcp_fin_timeout", "-5", "out-of-range", "-5"},
		{"net.ipv4.tcp_syn_retries", "0", "syn-retries-low", ""},
		{"net.ipv4.ip_local_port_range", "512 65535", "port-range-low", ""},
		{"net.ipv4.tcp_ecn", "3", "accurate-ecn", ""},
	} {
		t.Run(string(c.key)+"="+c.value, func(t *testing.T) {
			t.Parallel()
			file := ConfFile{Path: "a.conf", Text: string(c.key) + " = " + c.value + "\n"}
			env, err := HostEnv(d)
			if err != nil {
				t.Fatal(err)
			}
			issues := Lint([]ConfFile{file}, LintOptions{Env: env})
			said := slices.ContainsFunc(issues, func(i Issue) bool { return i.Rule == c.rule })
			if c.rule != "" && !said {
				t.Errorf("got %v, want %s", issues, c.rule)
			}
			for _, i := range issues {
				if c.rule == "" && slices.Contains(append(refusing, "octal-number", "trailing-text", "short-vector"), i.Rule) {
					t.Errorf("got %v about a value that the kernel takes as it stands", i)
				}
			}
			inNetns(t, freshNetns(t), func() error {
				wrote := d.Write(c.key, c.value)
				var failed *KeyError
				refused := errors.As(wrote, &failed)
				if mustFail := c.reads == ""; refused != mustFail {
					t.Errorf("write: got %v, want refused %v", wrote, mustFail)
				}
				got, err := d.Read(c.key)
				if c.reads != "" && !strings.HasPrefix(got, c.reads) {
					t.Errorf("got %q, %v, want %q", got, err, c.reads)
				}
				return nil
			})
		})
	}
}

// The defaults that lint compares with are those of a namespace that nobody has
// touched: a file that sets every one of them is silent at warning and above.
func TestLintIsSilentAboutDefaults(t *testing.T) {
	t.Parallel()
	d := openProc(t)
	env, err := HostEnv(d)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	lines := 0
	var h *netns.Handle = freshNetns(t)
	inNetns(t, h, func() error {
		for _, s := range All() {
			keys, err := d.Expand(s.Key)
			if err != nil || s.ReadOnly || s.Secret || s.Risk == RiskObsolete {
				continue
			}
			for _, k := range keys {
				// Not the namespace's own: what the host's administrator chose.
				if v, err := d.Read(k); err == nil && v != "" && s.Scope == ScopeNetns && !s.Inherits {
					text.WriteString(string(k) + " = " + v + "\n")
					lines++
				}
			}
		}
		return nil
	})
	exists := func(k Key) bool {
		found := false
		inNetns(t, h, func() error { _, err := d.ReadRaw(k); found = err == nil; return nil })
		return found
	}
	for _, i := range Lint([]ConfFile{{Path: "defaults.conf", Text: text.String()}}, LintOptions{Env: env, Exists: exists, Least: SeverityWarning}) {
		t.Errorf("got %s", i)
	}
	if lines < 100 {
		t.Errorf("got %d parameters, want at least 100", lines)
	}
}

// No parameter that the running kernel has is taken for a misspelt one, with or
// without a host to ask.
func TestLintKnowsTheKernelsNames(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	names := 0
	err := filepath.WalkDir(ProcSys, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // interfaces come and go
		}
		if k, err := ParseKey(strings.TrimPrefix(name, ProcSys+"/")); err == nil {
			text.WriteString(string(k) + " = 1\n")
			names++
		}
		return nil
	})
	if err != nil || names < 500 {
		t.Fatalf("got %d parameters, %v, want the kernel's", names, err)
	}
	for _, i := range Lint([]ConfFile{{Path: "all.conf", Text: text.String()}}, LintOptions{}) {
		if i.Rule == "unknown-parameter" || i.Rule == "bad-name" {
			t.Errorf("got %s", i)
		}
	}
}

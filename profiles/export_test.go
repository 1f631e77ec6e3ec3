package profiles

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

var update = flag.Bool("update", false, "write golden files")

// document resolves profiles for a document.
func document(t *testing.T, st sysctl.State, names ...string) Document {
	t.Helper()
	var ps []Profile
	var wants []sysctl.Want
	var skipped []Skipped
	for _, name := range names {
		p := get(t, name)
		w, s := Resolve(p, Inputs{CPUs: 4, Assume: true, Values: map[string]Value{"connects": {Number: 1000}}}, st)
		ps, wants, skipped = append(ps, p), append(wants, w...), append(skipped, s...)
	}
	return NewDocument(ps, wants, skipped, st)
}

func TestExport(t *testing.T) {
	t.Parallel()
	initial := host("6.18.44", 16*gib)
	for _, f := range Formats() {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			st := initial
			if f.Name == "kubernetes" {
				st = Simulate(st.Env, false, untold())
			}
			var b bytes.Buffer
			if err := f.Write(&b, document(t, st, "reverse-proxy", "low-latency")); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", "export."+f.Name)
			if *update {
				if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What is written in each form says the same when it is read again.
func TestExportRoundTrip(t *testing.T) {
	t.Parallel()
	for _, p := range load(t).All() {
		d := document(t, host("6.18.44", 16*gib), p.Name)
		want := map[string]string{}
		for _, s := range d.Settings {
			want[string(s.Key)] = s.Value
		}
		for _, f := range Formats() {
			var b bytes.Buffer
			if err := f.Write(&b, d); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, readExport(t, f.Name, b.Bytes())); diff != "" {
				t.Errorf("%s as %s (-want +got):\n%s", p.Name, f.Name, diff)
			}
		}
	}
}

// readExport reads what was exported as its readers do.
func readExport(t *testing.T, format string, text []byte) map[string]string {
	t.Helper()
	out := map[string]string{}
	type pair struct {
		Name  string `yaml:"name"`
		Value string `yaml:"value"`
	}
	switch format {
	case "sysctl.d":
		for _, l := range sysctl.ParseLines(string(text)) {
			out[string(l.Key)] = l.Value
		}
	case "ansible":
		var vars struct {
			Sysctls []pair `yaml:"tcpdoctor_sysctls"`
		}
		if err := yaml.Unmarshal(text, &vars); err != nil {
			t.Fatal(err)
		}
		for _, p := range vars.Sysctls {
			out[p.Name] = p.Value
		}
	case "kubernetes":
		var pod struct {
			Spec struct {
				SecurityContext struct {
					Sysctls []pair `yaml:"sysctls"`
				} `yaml:"securityContext"`
			} `yaml:"spec"`
		}
		if err := yaml.Unmarshal(text, &pod); err != nil {
			t.Fatal(err)
		}
		for _, p := range pod.Spec.SecurityContext.Sysctls {
			out[p.Name] = p.Value
		}
		// What belongs to the node is in comments.
		for line := range strings.Lines(string(text)) {
			rest, ok := strings.CutPrefix(line, "#   ")
			if key, value, assigns := strings.Cut(strings.TrimSpace(rest), " = "); ok && assigns && !strings.Contains(key, " ") {
				out[key] = value
			}
		}
	}
	return out
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	p := get(t, "bulk-wan")
	st := host("6.18", 4*gib)
	in := Inputs{Values: give(t, p, map[string]string{"bandwidth": "10Gbit/s", "rtt": "100ms", "connections": "2"})}
	wants, _ := Resolve(p, in, st)
	plan := sysctl.NewPlan(wants, st)
	// A sixteenth of memory is TCP's pressure, and each buffer may take as much.
	got := Warnings(p, in, plan, st)
	if len(got) != 1 || !strings.Contains(got[0], "2 connections with full receive buffers would need 512 MiB") {
		t.Errorf("got %q, want a warning about tcp_mem", got)
	}
	in.Values["connections"] = Value{Number: 0.5}
	if got := Warnings(p, in, plan, st); len(got) != 0 {
		t.Errorf("got %q, want no warning", got)
	}
}

func TestAftercare(t *testing.T) {
	t.Parallel()
	st := host("6.1", 4*gib)
	var wants []sysctl.Want
	for k, v := range map[sysctl.Key]string{
		"net.core.somaxconn": "8192", "net.ipv4.tcp_keepalive_time": "600", "net.core.default_qdisc": "fq_codel",
		"net.ipv4.tcp_rmem": "4096 262144 6291456", "net.ipv4.tcp_fin_timeout": "30", "fs.nr_open": "2097152", "net.ipv4.tcp_child_ehash_entries": "1024",
	} {
		wants = append(wants, sysctl.Want{Key: k, Op: sysctl.Exactly, Value: v, Lower: true})
	}
	got := Aftercare(sysctl.NewPlan(wants, st))
	if len(got) != 6 {
		t.Errorf("got %d lines, want 6, none for tcp_fin_timeout: %q", len(got), got)
	}
}

// What a profile exports is not what lint warns of, but for settings whose price
// the profile names.
func TestExportPassesLint(t *testing.T) {
	t.Parallel()
	st := host("6.18.44", 16*gib)
	for _, p := range load(t).All() {
		var b bytes.Buffer
		if err := writeSysctlD(&b, document(t, st, p.Name)); err != nil {
			t.Fatal(err)
		}
		for _, i := range sysctl.Lint([]sysctl.ConfFile{{Path: p.Name, Text: b.String()}}, sysctl.LintOptions{Env: st.Env}) {
			// A host with little memory is given small buffers on purpose.
			if p.Name == "memory-constrained" && i.Rule == "below-default" {
				continue
			}
			t.Errorf("%s", i)
		}
	}
}

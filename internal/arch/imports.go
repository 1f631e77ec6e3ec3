package arch

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// allowed is what one package may import besides the standard library.
type allowed struct {
	// project lists packages of this module; a package below a listed one is
	// allowed too. "..." stands for all of them.
	project []string
	// outside lists module paths.
	outside []string
	// pure packages may not import what reaches outside the process: what they
	// answer depends on their arguments alone. A program below one is free.
	pure bool
}

// The outside modules, by the names that the table uses.
const (
	bbolt     = "go.etcd.io/bbolt"
	backoff   = "github.com/cenkalti/backoff"
	bubbletea = "charm.land/bubbletea"
	chromedp  = "github.com/chromedp"
	cobra     = "github.com/spf13/cobra"
	exporter  = "github.com/prometheus/exporter-toolkit"
	expr      = "github.com/expr-lang/expr"
	gopacket  = "github.com/gopacket/gopacket"
	lipgloss  = "charm.land/lipgloss"
	metrics   = "github.com/prometheus/client_golang"
	netlink   = "github.com/vishvananda/netlink"
	netns     = "github.com/vishvananda/netns"
	pflag     = "github.com/spf13/pflag"
	procfs    = "github.com/prometheus/procfs"
	systemd   = "github.com/coreos/go-systemd"
	viper     = "github.com/spf13/viper"
	weak      = "github.com/go-viper/mapstructure"
	xSys      = "golang.org/x/sys"
	xTerm     = "golang.org/x/term"
	yaml      = "go.yaml.in/yaml"
)

// table says which package may import what. It is that of docs/architecture.md;
// a package that it does not name fails the test.
func table() map[string]allowed {
	report := []string{"facts", "model", "rules", "sysctl", "internal/report"}
	return map[string]allowed{
		"facts":                    {pure: true},
		"internal/netns":           {outside: []string{netns, xSys}},
		"sysctl":                   {project: []string{"internal/netns"}, outside: []string{xSys, yaml}},
		"sockdiag":                 {project: []string{"facts", "sysctl", "internal/netns"}, outside: []string{netlink, procfs, xSys}},
		"model":                    {project: []string{"facts", "sysctl"}, pure: true},
		"rules":                    {project: []string{"facts", "model", "sysctl"}, outside: []string{expr, yaml}, pure: true},
		"profiles":                 {project: []string{"sysctl"}, outside: []string{expr, yaml}},
		"internal/report":          {project: report, outside: []string{lipgloss, yaml}},
		"internal/steady":          {pure: true},
		"internal/trend":           {project: []string{"facts", "internal/steady"}, pure: true},
		"internal/incident":        {project: []string{"facts", "model", "rules", "internal/report", "internal/steady"}, pure: true},
		"internal/incident/record": {project: []string{"facts", "sockdiag", "internal/lab", "internal/netns"}},
		"internal/history":         {project: []string{"facts", "rules", "internal/incident"}, outside: []string{bbolt, xSys}},
		"internal/notify":          {project: []string{"rules", "internal/incident"}, outside: []string{backoff, systemd}},
		"internal/web/webtest": {
			project: append(slices.Clone(report), "internal/incident", "internal/web"), outside: []string{chromedp},
		},
		"internal/web": {project: append(slices.Clone(report), "internal/incident"), outside: []string{metrics, exporter}},
		"internal/agent": {
			project: append(slices.Clone(report), "internal/history", "internal/incident", "internal/steady", "internal/trend", "internal/web"),
			outside: []string{systemd, xSys},
		},
		"internal/trace": {project: []string{"model", "rules", "internal/report"}, outside: []string{gopacket}},
		"internal/fix":   {project: []string{"facts", "model", "rules", "sysctl"}, pure: true},
		"internal/lab":   {project: []string{"internal/netns"}, outside: []string{netlink, gopacket, xSys}},
		"internal/conformance": {
			project: []string{"facts", "model", "sockdiag", "internal/lab", "internal/netns"}, outside: []string{gopacket, xSys},
		},
		"internal/prediction": {
			project: []string{"facts", "model", "sockdiag", "internal/lab", "internal/netns"},
		},
		"internal/selftest": {project: []string{"model", "rules", "sockdiag", "internal/lab", "internal/netns"}},
		"cmd/tcpdoctor":     {project: []string{"..."}, outside: []string{cobra, pflag, viper, weak, bubbletea, xTerm, yaml}},

		// Tools of the repository itself; no other package may import them.
		"internal/arch":    {},
		"internal/gotest":  {},
		"internal/listgen": {},
	}
}

// forTests lists the modules that any test may use besides.
func forTests() []string {
	return []string{
		chromedp,
		"github.com/google/go-cmp",
		"github.com/rogpeppe/go-internal",
		"github.com/santhosh-tekuri/jsonschema",
		"golang.org/x/tools",
		xSys,
		"pgregory.net/rapid",
	}
}

// outsideWorld lists the packages of the standard library that pure packages
// may not import. A generator of math/rand/v2 that was handed in is welcome.
func outsideWorld() []string {
	return []string{"log", "math/rand", "net", "net/http", "os", "os/exec", "os/user", "path/filepath", "syscall"}
}

// importProblems names every import that the table does not allow.
func importProblems(pkgs []listed, rows map[string]allowed) []string {
	var problems []string
	for _, p := range pkgs {
		rel, ok := p.rel()
		if !ok {
			continue
		}
		top, row := rowOf(rel, rows)
		if top == "" {
			problems = append(problems, rel+": not in the import table")
			continue
		}
		row.pure = row.pure && p.Name != "main"
		for _, imp := range p.Imports {
			if why := row.forbids(top, imp); why != "" {
				problems = append(problems, fmt.Sprintf("%s: imports %s: %s", rel, imp, why))
			}
		}
		inTests := allowed{project: []string{"..."}, outside: slices.Concat(row.outside, forTests())}
		for _, imp := range slices.Concat(p.TestImports, p.XTestImports) {
			if why := inTests.forbids(top, imp); why != "" {
				problems = append(problems, fmt.Sprintf("%s: test imports %s: %s", rel, imp, why))
			}
		}
	}
	slices.Sort(problems)
	return slices.Compact(problems)
}

// rowOf finds the row of a package, its own or that of the nearest folder above,
// and the package that the row is for.
func rowOf(rel string, rows map[string]allowed) (string, allowed) {
	for rel != "." {
		if row, ok := rows[rel]; ok {
			return rel, row
		}
		rel = path.Dir(rel)
	}
	return "", allowed{}
}

// forbids says why the packages at and below top may not import a path; "" means
// that they may.
func (a allowed) forbids(top, imp string) string {
	first, _, _ := strings.Cut(imp, "/")
	target, ours := relative(imp)
	lies := func(under string) bool { return under == "..." || below(target, under) }
	switch {
	case imp == "C":
		return "everything builds without cgo"
	case ours && !lies(top) && !slices.ContainsFunc(a.project, lies):
		return "not among the project's packages that it may use"
	case ours:
		return ""
	case strings.Contains(first, ".") && !slices.ContainsFunc(a.outside, func(m string) bool { return below(imp, m) }):
		return "not among the modules that it may use"
	case a.pure && slices.Contains(outsideWorld(), imp):
		return "the package is pure: what it says depends on its arguments alone"
	}
	return ""
}

// below says whether a path is another or lies under it.
func below(p, top string) bool { return p == top || strings.HasPrefix(p, top+"/") }

package incident

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// scene is what one recording shows of a server's namespace and of its clients',
// judged once.
type scene struct {
	name string
	// fault is that of the lab; the zero value for what a healthy host does.
	fault lab.Fault
	full  []judged // after a walk over all sockets
	light []judged // with counters and listeners alone
}

// consequence is the scene of a leak that makes the accept queue run over.
const consequence = "consequence-fd-limit"

// judged is what the rules say of one window.
type judged [2]struct {
	findings         []rules.Finding
	unknown, partial []string // rules
}

// scenes reads and judges every recording, as they are after a walk and as they
// are without.
func scenes(t *testing.T) map[string]*scene {
	t.Helper()
	files, err := filepath.Glob("testdata/*.rec")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings (%v): go run ./internal/incident/record -out internal/incident/testdata", err)
	}
	all := make(map[string]*scene)
	for _, file := range files {
		name, _, _ := strings.Cut(filepath.Base(file), ".")
		s := all[name]
		if s == nil {
			s = &scene{name: name}
			s.fault, _ = lab.Find(name)
			if name == consequence {
				// The leak alone is to be told of; what it brings about is true as well.
				s.fault = lab.Fault{Name: name, Expect: lab.Expect{
					ID: leak, Cause: "descriptor-leak", Severity: "warning", Culprit: lab.ServerSide, Also: []string{overflow},
				}}
			}
			all[name] = s
		}
		w := decode(t, file)
		s.full = append(s.full, judgeWindow(t, w))
		s.light = append(s.light, judgeWindow(t, withoutWalk(w)))
	}
	for _, f := range lab.All() {
		if all[f.Name] == nil {
			t.Errorf("%s was never recorded: go run ./internal/incident/record -out internal/incident/testdata -only %s", f.Name, f.Name)
		}
	}
	return all
}

func decode(t *testing.T, file string) facts.Window {
	t.Helper()
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	w, err := facts.Decode(in)
	if err != nil || len(w.Namespaces) != 2 {
		t.Fatalf("%s: %d namespaces, %v", file, len(w.Namespaces), err)
	}
	return w
}

// withoutWalk is what a tick sees between two walks.
func withoutWalk(w facts.Window) facts.Window {
	w.Namespaces = slices.Clone(w.Namespaces)
	for i := range w.Namespaces {
		n := &w.Namespaces[i]
		for _, s := range []*facts.Snapshot{&n.Start, &n.End} {
			s.Census = facts.Census{ListenersOnly: true, Listeners: s.Census.Listeners}
		}
		n.Gaps = append(slices.Clone(n.Gaps), facts.Gap{Source: facts.SourceSockets, Reason: "not walked over in this tick"})
	}
	return w
}

func judgeWindow(t *testing.T, w facts.Window) judged {
	t.Helper()
	v := model.NewView(w)
	r := rules.Eval(v, rules.Options{})
	var out judged
	side := func(n rules.Netns) int {
		return slices.IndexFunc(w.Namespaces, func(o facts.NamespaceWindow) bool { return o.Namespace.Inode == n.Inode })
	}
	for _, f := range r.Findings {
		i := side(f.Netns)
		out[i].findings = append(out[i].findings, f)
	}
	for _, u := range r.Unknown {
		i := side(*u.Netns)
		out[i].unknown = append(out[i].unknown, u.Rule)
	}
	for _, u := range r.Partial {
		i := side(*u.Netns)
		out[i].partial = append(out[i].partial, u.Rule)
	}
	return out
}

// checkScenes wants the recordings to show what they are said to.
func checkScenes(t *testing.T, all map[string]*scene) {
	t.Helper()
	for name, s := range all {
		for i, j := range s.full {
			var found []string
			also := make(map[string]bool)
			for side := range j {
				for _, f := range j[side].findings {
					also[f.ID] = true
					if f.Severity.Rank() >= rules.Warning.Rank() && !slices.Contains(s.fault.Expect.Also, f.ID) {
						found = append(found, fmt.Sprintf("%s(%s)", f.ID, f.Cause))
					}
				}
			}
			var want []string
			if s.fault.Name != "" && !s.fault.Harmless {
				want = []string{fmt.Sprintf("%s(%s)", s.fault.Expect.ID, s.fault.Expect.Cause)}
			}
			if name == consequence && !also[overflow] {
				t.Errorf("%s, window %d: the queue does not run over", name, i+1)
			}
			if !slices.Equal(found, want) {
				t.Errorf("%s, window %d: found %v, want %v", name, i+1, found, want)
			}
		}
		for i, j := range s.light {
			for side := range j {
				for _, f := range j[side].findings {
					if s.fault.Harmless || s.fault.Name == "" {
						t.Errorf("%s, window %d, without a walk: %s %s: %s", name, i+1, f.Severity, f.ID, f.Summary)
					}
				}
			}
		}
	}
}

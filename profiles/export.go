package profiles

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// Setting is one parameter of a resolved profile as other tools take it: the whole
// value, with what is good to know about it.
type Setting struct {
	Key    sysctl.Key
	Value  string
	Reason string
	// Only are the conditions under which it is needed, in words.
	Only []string
	// Scope is whose parameter it is on the kernel of the document. Host says that it
	// is the host's.
	Host bool
	// PodSafe is the minor release of Kubernetes 1 since which a pod may set it without
	// the node's permission; 0 means that it may not.
	PodSafe int
}

// Document is what an export says.
type Document struct {
	// Title names the profile or profiles, and For the kernel and machine.
	Title, For string
	Settings   []Setting
	Skipped    []Skipped
}

// NewDocument makes the document of wants that [Resolve] returned for a state.
// Parameters that are at the kernel's own default are left out: a later kernel's
// may be better.
func NewDocument(ps []Profile, wants []sysctl.Want, skipped []Skipped, st sysctl.State) Document {
	var titles []string
	for _, p := range ps {
		titles = append(titles, p.Name)
	}
	d := Document{Title: strings.Join(titles, " "), Skipped: skipped}
	d.For = "Linux " + st.Env.Kernel.String()
	if st.Env.RAMBytes > 0 {
		d.For += ", " + strconv.FormatUint(st.Env.RAMBytes>>20, 10) + " MiB of memory"
	}
	for _, l := range sysctl.NewPlan(wants, st).Lines(st) {
		s := Setting{Key: l.Key, Value: l.Value, Reason: l.Reason}
		spec, _ := sysctl.Lookup(l.Key)
		scope, known := spec.ScopeAt(st.Env.Kernel)
		s.Host = known && scope != sysctl.ScopeNetns
		if minor, ok := sysctl.PodSafe(l.Key); ok {
			s.PodSafe = minor
		}
		for _, p := range ps {
			s.Only = append(s.Only, p.conditionsOf(l.Key)...)
		}
		d.Settings = append(d.Settings, s)
	}
	return d
}

// conditionsOf says in words what a parameter's entries ask of the evidence.
func (p Profile) conditionsOf(k sysctl.Key) []string {
	var out []string
	for _, e := range p.Entries {
		for _, c := range e.When {
			if e.Key == k && c.Counter != "" && !slices.Contains(out, c.String()) {
				out = append(out, c.String())
			}
		}
	}
	return out
}

// Format is a form of export.
type Format struct {
	// Name is how it is asked for.
	Name string
	// Doc says what it is for.
	Doc string
	// Write writes a document.
	Write func(io.Writer, Document) error
}

// Formats returns the forms of export.
func Formats() []Format {
	return []Format{
		{"sysctl.d", "a file for /etc/sysctl.d", writeSysctlD},
		{"ansible", "variables for ansible.posix.sysctl", writeAnsible},
		{"kubernetes", "the security context of a pod", writeKubernetes},
	}
}

// head writes the comment that every form begins with.
func (d Document) head(w io.Writer) {
	fmt.Fprintf(w, "# Profile %s, for %s.\n# For a host with another kernel or other memory, make it there.\n", d.Title, d.For)
}

// comments returns what is to be said about a setting, in lines.
func (s Setting) comments() []string {
	out := strings.Split(s.Reason, "\n")
	for _, c := range s.Only {
		out = append(out, "needed only where "+c)
	}
	return out
}

// foot writes what was left out and why.
func (d Document) foot(w io.Writer) {
	for i, s := range d.Skipped {
		if i == 0 {
			fmt.Fprintln(w, "\n# Left out:")
		}
		fmt.Fprintf(w, "#   %s: %s\n", s.Slot, s.Text)
	}
}

func writeSysctlD(w io.Writer, d Document) error {
	var lines []sysctl.Line
	for _, s := range d.Settings {
		lines = append(lines, sysctl.Line{Key: s.Key, Value: s.Value, Reason: strings.Join(s.comments(), "\n")})
	}
	text, err := sysctl.RenderLines(lines)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, text); err != nil {
		return err
	}
	fmt.Fprintln(w)
	d.head(w)
	d.foot(w)
	return nil
}

func writeAnsible(w io.Writer, d Document) error {
	fmt.Fprintln(w, "---")
	d.head(w)
	fmt.Fprintf(w, "# ansible.posix.sysctl writes /etc/sysctl.conf unless told otherwise, which is not read at boot everywhere.\n")
	fmt.Fprintf(w, "tcpdoctor_sysctl_file: %s\n", sysctl.PersistPath)
	if len(d.Settings) == 0 {
		fmt.Fprintln(w, "tcpdoctor_sysctls: []")
	} else {
		fmt.Fprintln(w, "tcpdoctor_sysctls:")
	}
	for _, s := range d.Settings {
		for _, c := range s.comments() {
			fmt.Fprintf(w, "  # %s\n", c)
		}
		fmt.Fprintf(w, "  - name: %s\n    value: %s\n", s.Key, strconv.Quote(s.Value))
	}
	d.foot(w)
	return nil
}

func writeKubernetes(w io.Writer, d Document) error {
	fmt.Fprintln(w, "---")
	d.head(w)
	var host, pod []Setting
	for _, s := range d.Settings {
		if s.Host {
			host = append(host, s)
		} else {
			pod = append(pod, s)
		}
	}
	var unsafe []string
	for _, s := range pod {
		if s.PodSafe == 0 {
			unsafe = append(unsafe, string(s.Key))
		}
	}
	if len(unsafe) > 0 {
		fmt.Fprintf(w, "# The node's kubelet has to run with\n#   --allowed-unsafe-sysctls=%s\n", strings.Join(unsafe, ","))
	}
	fmt.Fprintf(w, "# Not for pods with hostNetwork: true.\napiVersion: v1\nkind: Pod\nmetadata:\n  name: %s\nspec:\n  securityContext:\n",
		strings.ReplaceAll(d.Title, " ", "-"))
	if len(pod) == 0 {
		fmt.Fprintln(w, "    sysctls: []")
	} else {
		fmt.Fprintln(w, "    sysctls:")
	}
	for _, s := range pod {
		for _, c := range s.comments() {
			fmt.Fprintf(w, "      # %s\n", c)
		}
		if s.PodSafe == 0 {
			fmt.Fprintf(w, "      # unsafe\n")
		} else {
			fmt.Fprintf(w, "      # safe since Kubernetes 1.%d\n", s.PodSafe)
		}
		fmt.Fprintf(w, "      - name: %s\n        value: %s\n", s.Key, strconv.Quote(s.Value))
	}
	for i, s := range host {
		if i == 0 {
			fmt.Fprintln(w, "\n# These belong to the node: set them there, for all pods.")
		}
		fmt.Fprintf(w, "#   %s = %s\n", s.Key, s.Value)
	}
	d.foot(w)
	return nil
}

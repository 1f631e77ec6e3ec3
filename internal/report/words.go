package report

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// actorWords says who must act.
func actorWords(a rules.Actor) string {
	switch a {
	case rules.LocalApplication:
		return "the application"
	case rules.Peer:
		return "the peer"
	case rules.Network:
		return "the network"
	case rules.KernelLimit:
		return "a kernel limit"
	case rules.Attacker:
		return "an attacker"
	case rules.Operator:
		return "whoever set this host up"
	}
	return string(a)
}

// endpoint prints an address and port the way people read them: *:443.
func endpoint(addr string, port uint16) string {
	p := strconv.Itoa(int(port))
	a, err := netip.ParseAddr(addr)
	switch {
	case addr == "" || err == nil && a.IsUnspecified():
		return "*:" + p
	case err == nil && a.Is6():
		return "[" + addr + "]:" + p
	}
	return addr + ":" + p
}

// subjectWords names the culprit and where it is found, in pieces.
func subjectWords(s rules.Subject) []string {
	var out []string
	if who := ownerWords(s); who != "" {
		out = append(out, who)
	}
	switch s.Kind {
	case rules.SubjectListener:
		out = append(out, "listening on "+endpoint(s.Local, s.Port))
	case rules.SubjectDestination:
		out = append(out, fmt.Sprintf("from %s to %s", s.Local, endpoint(s.Peer, s.PeerPort)))
	default:
		if s.Port != 0 {
			out = append(out, "local port "+strconv.Itoa(int(s.Port)))
		}
		if s.Peer != "" {
			out = append(out, "peer "+endpoint(s.Peer, s.PeerPort))
		}
	}
	switch {
	case s.Container != "":
		out = append(out, "container "+short(s.Container))
	case s.Cgroup != "" && s.Cgroup != "/":
		out = append(out, s.Cgroup)
	}
	return out
}

// ownerWords names the processes of a subject.
func ownerWords(s rules.Subject) string {
	const shown = 4
	switch {
	case s.PID == 0 && (s.Kind == rules.SubjectHost || s.Kind == rules.SubjectSocket):
		return ""
	case s.PID == 0:
		return "owner not seen"
	case len(s.PIDs) <= 1:
		return fmt.Sprintf("%s[%d]", s.Comm, s.PID)
	}
	var pids []string
	for _, p := range s.PIDs[:min(len(s.PIDs), shown)] {
		pids = append(pids, strconv.Itoa(p))
	}
	list := strings.Join(pids, ", ")
	if more := len(s.PIDs) - shown; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return s.Comm + "[" + list + "]"
}

// short abbreviates a container identifier as its tools do.
func short(id string) string {
	if len(id) == 64 {
		return id[:12]
	}
	return id
}

// netnsWords names a namespace.
func netnsWords(n rules.Netns) string {
	switch {
	case n.Name != "":
		return n.Name
	case n.Container != "":
		return short(n.Container)
	}
	return fmt.Sprintf("net:[%d]", n.Inode)
}

// namespace returns the entry of a finding's namespace.
func (r *Report) namespace(id rules.Netns) (Namespace, bool) {
	for _, n := range r.Namespaces {
		if n.Cookie == id.Cookie && n.Inode == id.Inode {
			return n, true
		}
	}
	return Namespace{}, false
}

// elsewhere names the namespace of a finding where it is not plainly that of
// the person reading.
func (r *Report) elsewhere(id rules.Netns) string {
	if n, ok := r.namespace(id); ok && n.Self {
		if len(r.Namespaces) == 1 {
			return ""
		}
		return "this namespace"
	}
	return "namespace " + netnsWords(id)
}

// inside returns what must stand before a command so that it acts on the
// finding's namespace; "" for one's own.
func (r *Report) inside(f rules.Finding) string {
	n, ok := r.namespace(f.Netns)
	switch {
	case ok && n.Self:
		return ""
	case f.Subject.PID != 0:
		return fmt.Sprintf("nsenter -t %d -n ", f.Subject.PID)
	case len(n.PIDs) > 0:
		return fmt.Sprintf("nsenter -t %d -n ", n.PIDs[0])
	case n.Name != "" && !strings.Contains(n.Name, "/"):
		return "ip netns exec " + n.Name + " "
	}
	return ""
}

// remedyWords is what to do, with what the reader must know before doing it.
func (r *Report) remedyWords(f rules.Finding, p rules.Prescription) string {
	text := p.Text
	var notes []string
	if p.Kind == rules.PrescribeSysctl {
		switch {
		case p.Scope == "host":
			notes = append(notes, "for the whole host")
		case strings.HasPrefix(text, "sysctl "):
			text = r.inside(f) + text
		}
		if p.Current != "" {
			notes = append([]string{"now " + strings.Join(strings.Fields(p.Current), " ")}, notes...)
		}
	}
	if p.Risk == rules.Dangerous || p.Risk == rules.Caution && p.Kind == rules.PrescribeSysctl {
		notes = append(notes, string(p.Risk))
	}
	if len(notes) > 0 {
		text += " (" + strings.Join(notes, ", ") + ")"
	}
	return text
}

// effectWords is what the model says would come of it: the first figures that
// change, or else the reason.
func effectWords(e model.Effect) string {
	what := figuresThatChange(e.Predicted)
	if what == "" {
		what = e.Reason
	}
	switch e.Verdict {
	case model.NeedsRestart:
		return strings.TrimSuffix("after a restart: "+what, ": ")
	case model.NoEffect:
		return strings.TrimSuffix("no effect: "+what, ": ")
	case model.Harmful:
		return strings.TrimSuffix("harmful: "+what, ": ")
	case model.Unknown:
		return strings.TrimSuffix("effect unknown: "+what, ": ")
	default:
		return what
	}
}

func figuresThatChange(predicted string) string {
	const shown = 2
	all := strings.Split(predicted, "; ")
	changing := slices.DeleteFunc(slices.Clone(all), func(s string) bool { return strings.Contains(s, "unchanged") })
	if len(changing) == 0 {
		changing = all
	}
	return strings.Join(changing[:min(shown, len(changing))], "; ")
}

// verdictWords is a verdict in one or two words.
func verdictWords(v model.Verdict) string {
	if v == model.NoEffect {
		return "no effect"
	}
	return strings.ReplaceAll(string(v), "-", " ")
}

// uselessWords lists the popular remedies that would not help, those of one
// verdict together.
func uselessWords(all []rules.Prescription) []string {
	var order []model.Verdict
	by := make(map[model.Verdict][]string)
	for _, p := range all {
		if p.Kind != rules.PrescribeNone {
			continue
		}
		v := p.Effect.Verdict
		if by[v] == nil {
			order = append(order, v)
		}
		by[v] = append(by[v], p.Text)
	}
	var out []string
	for i, v := range order {
		end := fmt.Sprintf(" (%s)", verdictWords(v))
		if i < len(order)-1 {
			end += ";"
		}
		for j, name := range by[v] {
			if j < len(by[v])-1 {
				out = append(out, name+",")
			} else {
				out = append(out, name+end)
			}
		}
	}
	return out
}

// evidenceWords is every figure with its source, each source named once, behind
// the last of its figures.
func evidenceWords(all []rules.Evidence) []string {
	var order []string
	by := make(map[string][]string)
	for _, e := range all {
		if by[e.Source] == nil {
			order = append(order, e.Source)
		}
		by[e.Source] = append(by[e.Source], figureWords(e))
	}
	var out []string
	for _, source := range order {
		figures := by[source]
		figures[len(figures)-1] += " [" + source + "]"
		out = append(out, figures...)
	}
	return out
}

func figureWords(e rules.Evidence) string { return e.Name + " " + figure(e) }

// figure is the value of evidence with its unit.
func figure(e rules.Evidence) string {
	value := number(e.Value)
	switch {
	case e.Rate != nil: // a counter, as it rose over the window
		return fmt.Sprintf("+%s (%s/s)", value, number(*e.Rate))
	case strings.HasPrefix(e.Unit, "/"):
		return value + e.Unit
	case e.Unit != "":
		return value + " " + e.Unit
	}
	return value
}

// whoWords says who must act and on what, in pieces.
func (r *Report) whoWords(f rules.Finding) []string {
	who := append([]string{actorWords(f.Actor)}, subjectWords(f.Subject)...)
	if ns := r.elsewhere(f.Netns); ns != "" {
		who = append(who, ns)
	}
	return who
}

// where says on which host and when the window was taken.
func (r *Report) where() string {
	var where []string
	if r.Host.Hostname != "" {
		where = append(where, r.Host.Hostname)
	}
	if r.Host.Kernel != "" {
		where = append(where, "Linux "+r.Host.Kernel)
	}
	when := r.Started.Format("2006-01-02 15:04:05")
	if r.WindowSeconds > 0 {
		when += fmt.Sprintf(" +%s s", number(r.WindowSeconds))
	}
	return strings.Join(append(where, when), " · ")
}

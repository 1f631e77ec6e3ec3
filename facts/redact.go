package facts

import (
	"slices"
)

// Redact returns the window with everything that tells whose host it is
// replaced: addresses, host, boot, process, control group, container, unit,
// namespace and interface names, and what free text holds of them. Equal
// originals get equal replacements throughout, so that a redacted window is
// judged as the original is. Ports, counters, settings, process and user IDs
// and the kernel release stay.
//
// An address keeps its kind: IPv4, IPv6 or IPv4-mapped; private, link-local,
// multicast or global. Loopback and unspecified addresses stay as they are.
// Replacements cannot be undone without the salt, which should be random,
// secret and at least 16 bytes; two recordings made with the same salt can be
// compared. The result shares what stays with w.
func Redact(w Window, salt []byte) Window {
	r := newRedactor(salt)
	r.learn(&w)
	w.Host.Hostname = r.name("host", w.Host.Hostname)
	w.Host.BootID = r.bootID(w.Host.BootID)
	w.HostSettings = r.settings(w.HostSettings)
	w.Log = each(w.Log, func(l LogLine) LogLine {
		l.Text = r.kernelText(l.Text)
		return l
	})
	w.Namespaces = each(w.Namespaces, r.namespace)
	w.Processes = each(w.Processes, r.process)
	w.Gaps = each(w.Gaps, r.gap)
	return w
}

// each returns a new slice with f applied to every element.
func each[T any](in []T, f func(T) T) []T {
	out := slices.Clone(in)
	for i := range out {
		out[i] = f(out[i])
	}
	return out
}

// learn remembers the names of the window, to find them in free text.
func (r *redactor) learn(w *Window) {
	r.known[w.Host.Hostname] = r.name("host", w.Host.Hostname)
	for _, p := range w.Processes {
		r.known[p.Comm] = r.name("proc", p.Comm)
		r.known[p.Unit] = r.unit(p.Unit)
		r.known[p.Cgroup] = r.cgroup(p.Cgroup)
		r.known[p.Container] = r.container(p.Container)
	}
	for _, n := range w.Namespaces {
		r.known[n.Namespace.Name] = r.namespaceName(n.Namespace.Name)
		r.known[n.Namespace.Container] = r.container(n.Namespace.Container)
	}
	delete(r.known, "")
	r.prepare()
}

func (r *redactor) namespace(n NamespaceWindow) NamespaceWindow {
	n.Namespace.Name = r.namespaceName(n.Namespace.Name)
	n.Namespace.Container = r.container(n.Namespace.Container)
	n.Settings = r.settings(n.Settings)
	n.Start.Census = r.census(n.Start.Census)
	n.End.Census = r.census(n.End.Census)
	n.Gaps = each(n.Gaps, r.gap)
	n.Trends = each(n.Trends, func(t Trend) Trend {
		t.Series = r.series(t.Series)
		return t
	})
	n.Baselines = each(n.Baselines, func(b Baseline) Baseline {
		b.Series = r.series(b.Series)
		return b
	})
	return n
}

func (r *redactor) series(s Series) Series {
	s.Comm, s.Cgroup = r.name("proc", s.Comm), r.cgroup(s.Cgroup)
	s.Local, s.Source, s.Dest = r.addrPort(s.Local), r.addr(s.Source), r.addrPort(s.Dest)
	return s
}

func (r *redactor) census(c Census) Census {
	c.Listeners = each(c.Listeners, func(l Listener) Listener {
		l.Local = r.addrPort(l.Local)
		return l
	})
	c.Locals = each(c.Locals, func(l Local) Local {
		l.Addr = r.addrPort(l.Addr)
		return l
	})
	c.Destinations = each(c.Destinations, func(d Destination) Destination {
		d.Source, d.Dest = r.addr(d.Source), r.addrPort(d.Dest)
		return d
	})
	if c.Classes == nil {
		return c
	}
	classes := make(map[ClassName]Class, len(c.Classes))
	for name, class := range c.Classes {
		class.Samples = each(class.Samples, func(s Sample) Sample {
			s.Local, s.Remote = r.addrPort(s.Local), r.addrPort(s.Remote)
			return s
		})
		classes[name] = class
	}
	c.Classes = classes
	return c
}

func (r *redactor) process(p Process) Process {
	p.Comm = r.name("proc", p.Comm)
	p.Cgroup = r.cgroup(p.Cgroup)
	p.Container = r.container(p.Container)
	p.Unit = r.unit(p.Unit)
	return p
}

func (r *redactor) gap(g Gap) Gap {
	g.Reason = r.freeText(g.Reason)
	return g
}

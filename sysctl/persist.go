package sysctl

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// PersistPath is the one file in which this program keeps values for the next
// boot.
const PersistPath = "/etc/sysctl.d/90-tcpdoctor.conf"

// persistHeader begins the file.
const persistHeader = `# Written by tcpdoctor, which replaces the whole file. To change it, apply or roll
# back a change; values of your own belong in a file of your own.
`

// ErrSecret is the error for a value that must not be written into a file that
// everybody may read.
var ErrSecret = errors.New("a secret cannot be kept in a configuration file")

// Line is one parameter kept for the next boot, with why.
type Line struct {
	Key    Key
	Value  string
	Reason string
}

// ParseLines reads a file that [RenderLines] has written, or one that somebody has
// edited since: comments in front of an assignment become its reason, lines that
// assign nothing are dropped.
func ParseLines(text string) []Line {
	var out []Line
	var reason []string
	header := strings.Count(persistHeader, "\n")
	for i, line := range strings.Split(text, "\n") {
		if i < header && strings.HasPrefix(text, persistHeader) {
			continue
		}
		if comment, ok := strings.CutPrefix(strings.TrimSpace(line), "#"); ok {
			reason = append(reason, strings.TrimSpace(comment))
			continue
		}
		a, ok, _ := ReaderSystemd.parseLine(line)
		if k, valid := a.Key(); ok && valid && !a.Exclude {
			out = slices.DeleteFunc(out, func(l Line) bool { return l.Key == k })
			out = append(out, Line{Key: k, Value: normalise(k, a.Value), Reason: strings.Join(reason, "\n")})
		}
		reason = nil
	}
	return out
}

// RenderLines returns the file's text. The same lines give the same text: there is
// no date in it. The order is one in which the kernel takes every value at boot.
func RenderLines(lines []Line) (string, error) {
	lines = slices.Clone(lines)
	slices.SortFunc(lines, func(a, b Line) int {
		return cmp.Or(cmp.Compare(rank(a.Key), rank(b.Key)), cmp.Compare(a.Key, b.Key))
	})
	lines = portStartFirst(lines)
	var b strings.Builder
	b.WriteString(persistHeader)
	for _, l := range lines {
		if s, ok := Lookup(l.Key); ok && s.Secret {
			return "", fmt.Errorf("sysctl: %s: %w", l.Key, ErrSecret)
		}
		if strings.ContainsAny(l.Value, "\n\r\x00") {
			return "", fmt.Errorf("sysctl: %s: %w: %q", l.Key, ErrBadValue, l.Value)
		}
		b.WriteString("\n")
		for reason := range strings.SplitSeq(l.Reason, "\n") {
			if reason = strings.TrimSpace(reason); reason != "" {
				b.WriteString("# " + reason + "\n")
			}
		}
		fmt.Fprintf(&b, "%s = %s\n", l.Key, l.Value)
	}
	return b.String(), nil
}

// portStartFirst moves ip_unprivileged_port_start before a port range that begins
// below the boot's default of 1024; otherwise the range has to come first.
func portStartFirst(lines []Line) []Line {
	at := func(k Key) int { return slices.IndexFunc(lines, func(l Line) bool { return l.Key == k }) }
	i, j := at(keyPortRange), at(keyPortStart)
	if i < 0 || j < 0 {
		return lines
	}
	low, _, _ := strings.Cut(lines[i].Value, " ")
	if n, err := strconv.Atoi(low); err == nil && n < 1024 {
		lines[i], lines[j] = lines[j], lines[i]
	}
	return lines
}

// Lines returns what has to be kept for the next boot so that the plan's wants
// hold then: each wanted parameter whose value is not the kernel's own default. A
// default is left out, because a later kernel's may be better. The state is the
// one that the plan was made against.
func (p Plan) Lines(now State) []Line {
	values, reasons := map[Key]string{}, map[Key][]string{}
	for _, c := range p.Changes {
		values[c.Key] = c.After
		for _, w := range c.Wants {
			reasons[c.Key] = append(reasons[c.Key], w.Reason)
		}
	}
	for _, w := range p.Already {
		if _, ok := values[w.Key]; !ok {
			values[w.Key], _ = now.value(w.Key)
		}
		reasons[w.Key] = append(reasons[w.Key], w.Reason)
	}
	var out []Line
	for k, v := range values {
		s, _ := Lookup(k)
		if d, ok := s.Default.At(now.Env); ok && s.equalValues(d.Value, v) || s.Secret {
			continue
		}
		out = append(out, Line{Key: k, Value: v, Reason: joinReasons(reasons[k]...)})
	}
	slices.SortFunc(out, func(a, b Line) int { return cmp.Compare(a.Key, b.Key) })
	return out
}

// PlanFile returns the change that makes a file hold these lines besides those that
// it has for other keys, without the keys dropped. A file without any lines left is
// removed. An empty path means [PersistPath].
func PlanFile(path string, set []Line, drop []Key) (*FileChange, error) {
	path = cmp.Or(path, PersistPath)
	before, err := readText(path)
	if err != nil {
		return nil, err
	}
	lines := slices.Clone(set)
	if before != nil {
		for _, l := range ParseLines(*before) {
			replaced := slices.ContainsFunc(set, func(n Line) bool { return n.Key == l.Key })
			if !replaced && !slices.Contains(drop, l.Key) {
				lines = append(lines, l)
			}
		}
	}
	f := &FileChange{Path: path, Before: before}
	if len(lines) == 0 {
		return f, nil
	}
	after, err := RenderLines(lines)
	if err != nil {
		return nil, err
	}
	f.After = &after
	return f, nil
}

// Override is a line that wins over one of a file.
type Override struct {
	Reader Reader
	Key    Key
	// Ours is what the file says, Winner the line that counts instead.
	Ours   Assignment
	Winner Assignment
	// SameValue says that it does no harm at present.
	SameValue bool
}

// Overrides says which lines of a file would not count at the next boot, or the
// next time somebody runs sysctl --system, once the file has the text given.
func (c Conf) Overrides(path string, text *string) []Override {
	if text == nil {
		return nil
	}
	c = c.With(path, text)
	var out []Override
	for _, r := range Readers() {
		ours, _ := r.Parse(ConfFile{Path: path, Text: *text})
		for _, a := range ours {
			k, ok := a.Key()
			if !ok || a.Exclude || a.IsPattern() {
				continue
			}
			e := c.Expect(r, k)
			if e.File == path && e.Line == a.Line {
				continue
			}
			o := Override{Reader: r, Key: k, Ours: a, SameValue: e.Set && e.Value == normalise(k, a.Value)}
			if n := len(e.Steps); n > 0 {
				o.Winner = e.Steps[n-1].Assignment
			}
			out = append(out, o)
		}
	}
	return out
}

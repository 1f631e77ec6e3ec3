package notify

import (
	"fmt"
	"strings"
	"time"

	"github.com/tcpdoctor/tcpdoctor/rules"
)

// What holds unless it is configured.
const (
	timeoutDefault = 10 * time.Second
	timeoutLongest = 5 * time.Minute
	resendDefault  = time.Minute
	resendShortest = time.Second
)

// Config says who is told. Field tags hold the keys as written in files.
type Config struct {
	Alertmanager []AlertmanagerConfig `mapstructure:"alertmanager"`
	Webhook      []WebhookConfig      `mapstructure:"webhook"`
	Syslog       []SyslogConfig       `mapstructure:"syslog"`
	Command      []CommandConfig      `mapstructure:"command"`
}

// Common is what every receiver has.
type Common struct {
	// Name identifies the receiver and its queue on disk; a new name is a new
	// queue. It may be left out where there is one receiver of the kind.
	Name string `mapstructure:"name"`
	// Timeout bounds one attempt. Default 10 s, at most 5 min.
	Timeout time.Duration `mapstructure:"timeout"`
	// MinSeverity is the least severity it is told of: info, warning or
	// critical. Default: all.
	MinSeverity string `mapstructure:"min-severity"`
	// Match says which alerts it is told of. Default: all.
	Match Match `mapstructure:"match"`
}

// Match lists wanted values of labels; an alert has to match in each list that
// is not empty. A * stands for any text.
type Match struct {
	ID       []string `mapstructure:"id"`
	Severity []string `mapstructure:"severity"`
	Netns    []string `mapstructure:"netns"`
}

// Resolved says whether a receiver is told that alerts are over.
type Resolved struct {
	// SendResolved is true unless it is set to false.
	SendResolved *bool `mapstructure:"send-resolved"`
}

// Problem is something wrong with a configuration.
type Problem struct {
	Key  string // such as webhook[0].url
	What string
}

// Error names the key and what is wrong with it.
func (p Problem) Error() string { return p.Key + ": " + p.What }

// problems collects what is wrong below a key.
type problems struct {
	key string
	all *[]error
}

func (p problems) add(key, format string, args ...any) {
	*p.all = append(*p.all, Problem{Key: p.key + key, What: fmt.Sprintf(format, args...)})
}

func (p problems) below(key string) problems { return problems{key: p.key + key, all: p.all} }

// Validate returns everything that is wrong, each a [Problem]. A file that is
// named must exist, but it need not be readable: the one who checks may be
// somebody else than the one who runs.
func (c Config) Validate() []error {
	var all []error
	root := problems{all: &all}
	each(c.Alertmanager, root.below("alertmanager"), AlertmanagerConfig.check)
	each(c.Webhook, root.below("webhook"), WebhookConfig.check)
	each(c.Syslog, root.below("syslog"), SyslogConfig.check)
	each(c.Command, root.below("command"), CommandConfig.check)
	seen := make(map[string]string)
	for _, r := range c.receivers() {
		if first, ok := seen[r.name]; ok {
			root.add(r.key+".name", "%q is already the name of %s; two receivers need two names", r.name, first)
			continue
		}
		seen[r.name] = r.key
	}
	return all
}

func each[T any](list []T, p problems, check func(T, problems)) {
	for i, one := range list {
		check(one, p.below(fmt.Sprintf("[%d].", i)))
	}
}

// Names returns the names of all receivers: those of their queues.
func (c Config) Names() []string {
	var names []string
	for _, r := range c.receivers() {
		names = append(names, r.name)
	}
	return names
}

// declared is a receiver as it is configured.
type declared struct {
	key, kind, name string
	keep            filter
	build           func(o Options, t *tally) Receiver
}

// receivers lists all of them.
func (c Config) receivers() []declared {
	var all []declared
	add := func(kind string, i int, own Common, over Resolved, build func(string, Options, *tally) Receiver) {
		name := own.Name
		if name == "" {
			name = kind
		}
		all = append(all, declared{
			key: fmt.Sprintf("%s[%d]", kind, i), kind: kind, name: name, keep: own.filter(over),
			build: func(o Options, t *tally) Receiver { return build(name, o, t) },
		})
	}
	for i, r := range c.Alertmanager {
		add("alertmanager", i, r.Common, Resolved{}, func(name string, o Options, t *tally) Receiver {
			return newAlertmanager(name, r, o, t)
		})
	}
	for i, r := range c.Webhook {
		add("webhook", i, r.Common, r.Resolved, func(name string, o Options, _ *tally) Receiver {
			return newWebhook(name, r, o)
		})
	}
	for i, r := range c.Syslog {
		add("syslog", i, r.Common, r.Resolved, func(name string, o Options, _ *tally) Receiver {
			return newSyslog(name, r, o)
		})
	}
	for i, r := range c.Command {
		add("command", i, r.Common, r.Resolved, func(name string, _ Options, _ *tally) Receiver {
			return newCommand(name, r)
		})
	}
	return all
}

// filter returns which alerts the receiver wants.
func (c Common) filter(r Resolved) filter {
	return filter{
		least: rules.Severity(c.MinSeverity), ids: c.Match.ID, severities: c.Match.Severity, netns: c.Match.Netns,
		sendResolved: r.SendResolved == nil || *r.SendResolved,
	}
}

// limit returns how long an attempt may take.
func (c Common) limit() time.Duration {
	if c.Timeout == 0 {
		return timeoutDefault
	}
	return c.Timeout
}

func (c Common) check(p problems) {
	if strings.ContainsFunc(c.Name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		p.add("name", "%q holds control characters", c.Name)
	}
	if c.Timeout < 0 || c.Timeout > timeoutLongest {
		p.add("timeout", "%s: want more than 0 and at most %s", c.Timeout, timeoutLongest)
	}
	if c.MinSeverity != "" {
		checkSeverity(c.MinSeverity, "min-severity", p)
	}
	for i, s := range c.Match.Severity {
		if !strings.Contains(s, "*") {
			checkSeverity(s, fmt.Sprintf("match.severity[%d]", i), p)
		}
	}
	for key, patterns := range map[string][]string{"id": c.Match.ID, "severity": c.Match.Severity, "netns": c.Match.Netns} {
		for i, pattern := range patterns {
			if pattern == "" && key != "netns" {
				p.add(fmt.Sprintf("match.%s[%d]", key, i), "is empty and matches nothing")
			}
		}
	}
}

func checkSeverity(s, key string, p problems) {
	if _, err := rules.ParseSeverity(s); err != nil && s != "" {
		p.add(key, "%v", err)
	}
}

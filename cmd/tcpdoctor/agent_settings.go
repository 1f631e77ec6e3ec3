package main

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// agentSettings are the settings below "agent".
type agentSettings struct {
	// Tick is the time from one look to the next, Budget the share of one core
	// that all of it may take.
	Tick   time.Duration `mapstructure:"tick"`
	Budget share         `mapstructure:"budget"`
	// Netns is what to watch: all, self, or one namespace.
	Netns string `mapstructure:"netns"`
	// Instance names this host in alerts; "" means its hostname.
	Instance string `mapstructure:"instance"`
	// Listen are the addresses of metrics, API and page; none turns them off.
	Listen []string `mapstructure:"listen"`
	// WebConfig is the file with TLS and users, in the form of Prometheus'
	// exporter toolkit.
	WebConfig string `mapstructure:"web-config"`

	History    historySettings   `mapstructure:"history"`
	Recordings recordingSettings `mapstructure:"recordings"`
	Apply      applySettings     `mapstructure:"apply"`
	Log        logSettings       `mapstructure:"log"`
}

// historySettings bound what is remembered.
type historySettings struct {
	MaxAge  time.Duration `mapstructure:"max-age"`
	MaxSize size          `mapstructure:"max-size"`
	// Queue is how many messages wait for one receiver at most.
	Queue int `mapstructure:"queue"`
}

// recordingSettings bound the flight recorder.
type recordingSettings struct {
	// Windows is how many are kept in memory, one a minute, and written when a
	// finding opens; 0 records nothing.
	Windows int `mapstructure:"windows"`
	// Files and MaxSize bound what is kept on disk.
	Files   int  `mapstructure:"files"`
	MaxSize size `mapstructure:"max-size"`
}

// applySettings let the agent change settings of the host. Without them it only
// reads.
type applySettings struct {
	// Profiles are applied when the agent starts and whenever one is found to
	// have drifted, looked at every so often.
	Profiles []string      `mapstructure:"profiles"`
	Every    time.Duration `mapstructure:"every"`
	// Reverts has the agent undo changes at their deadline, should the process
	// that stands guard over them be gone.
	Reverts bool `mapstructure:"reverts"`
}

// logSettings say what the agent writes to standard error.
type logSettings struct {
	Level  string `mapstructure:"level"`
	Format string `mapstructure:"format"`
}

// defaultAgentSettings are those of an agent that was told nothing.
func defaultAgentSettings() agentSettings {
	return agentSettings{
		Tick: 10 * time.Second, Budget: 0.01, Netns: "all", Listen: []string{"127.0.0.1:9737"},
		History:    historySettings{MaxAge: 30 * 24 * time.Hour, MaxSize: 64 << 20, Queue: 10_000},
		Recordings: recordingSettings{Windows: 6, Files: 50, MaxSize: 64 << 20},
		Apply:      applySettings{Every: time.Hour},
		Log:        logSettings{Level: "info", Format: "text"},
	}
}

// problems lists everything that is wrong, each with its key.
func (a *agentSettings) problems() []string {
	var wrong []string
	bad := func(ok bool, key, format string, args ...any) {
		if !ok {
			wrong = append(wrong, "agent."+key+": "+fmt.Sprintf(format, args...))
		}
	}
	bad(a.Tick >= time.Second && a.Tick <= time.Hour, "tick", "%v is not between 1s and 1h", a.Tick)
	bad(a.Budget > 0 && a.Budget <= 1, "budget", "%v is not more than 0 and at most 100 %% of one core", a.Budget)
	bad(a.History.MaxAge >= time.Hour, "history.max-age", "%v is less than 1h", a.History.MaxAge)
	bad(a.History.MaxSize >= 1<<20, "history.max-size", "%v is less than 1MiB", a.History.MaxSize)
	bad(a.History.Queue > 0, "history.queue", "%d is not more than 0", a.History.Queue)
	bad(a.Recordings.Windows >= 0 && a.Recordings.Windows <= 100, "recordings.windows", "%d is not between 0 and 100", a.Recordings.Windows)
	bad(a.Recordings.Files > 0, "recordings.files", "%d is not more than 0", a.Recordings.Files)
	bad(a.Recordings.MaxSize >= 1<<20, "recordings.max-size", "%v is less than 1MiB", a.Recordings.MaxSize)
	bad(a.Apply.Every >= time.Minute, "apply.every", "%v is less than 1m", a.Apply.Every)
	_, err := parseLevel(a.Log.Level)
	bad(err == nil, "log.level", "%s", text(err))
	bad(a.Log.Format == "text" || a.Log.Format == "json", "log.format", "no format %q (there are: json, text)", a.Log.Format)
	for _, l := range a.Listen {
		err := checkListen(l)
		bad(err == nil, "listen", "%s", text(err))
	}
	for _, p := range a.Apply.Profiles {
		err := knownProfile(p)
		bad(err == nil, "apply.profiles", "%s", text(err))
	}
	if a.Netns != "all" && a.Netns != "self" {
		h, err := netns.Open(a.Netns)
		bad(err == nil, "netns", "%s", text(err))
		if err == nil {
			_ = h.Close()
		}
	}
	return wrong
}

// text is an error in one line; "" for none.
func text(err error) string {
	if err == nil {
		return ""
	}
	return message(err)
}

// checkListen makes sure that an address can be listened on in principle.
func checkListen(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is no address and port such as 127.0.0.1:9737", address)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q: %q is no port number", address, port)
	} else if n == 0 && host == "" {
		return fmt.Errorf("%q: any port of any address is nowhere to be found", address)
	}
	return nil
}

// share is a part of a whole: "1%" or 0.01.
type share float64

// UnmarshalText reads a share.
func (s *share) UnmarshalText(text []byte) error {
	digits, percent := strings.CutSuffix(strings.TrimSpace(string(text)), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if err != nil {
		return fmt.Errorf("%q is no share such as 1%% or 0.01", text)
	}
	if percent {
		v /= 100
	}
	*s = share(v)
	return nil
}

// String prints the share in percent.
func (s share) String() string { return strconv.FormatFloat(float64(s)*100, 'g', 4, 64) + "%" }

// size is a number of bytes: "64MiB", "64M", or 67108864.
type size int64

// UnmarshalText reads a size.
func (s *size) UnmarshalText(text []byte) error {
	digits := strings.TrimSpace(string(text))
	unit := int64(1)
	for i, name := range []string{"K", "M", "G"} {
		for _, suffix := range []string{name + "iB", name} {
			if d, found := strings.CutSuffix(digits, suffix); found {
				digits, unit = strings.TrimSpace(d), 1<<(10*(i+1))
				break
			}
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > 1<<50/unit {
		return fmt.Errorf("%q is no size such as 64MiB", text)
	}
	*s = size(n * unit)
	return nil
}

// String prints the size in the largest unit that divides it.
func (s size) String() string {
	for _, u := range []struct {
		name string
		is   size
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if s >= u.is && s%u.is == 0 {
			return fmt.Sprintf("%d%s", s/u.is, u.name)
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

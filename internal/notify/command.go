package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

// Exit codes with a meaning, from sysexits.h.
const (
	exitDataErr  = 65 // the message is to blame
	exitTempFail = 75 // later
)

const (
	// environmentPrefix begins the names of what a command is told.
	environmentPrefix = "TCPDOCTOR_ALERT_"
	// environmentAtMost bounds one value, in bytes. Linux takes 128 KiB.
	environmentAtMost = 16 << 10
	// outputAtMost bounds what is kept of what a command prints, in bytes.
	outputAtMost = 4 << 10
	// leftoverPatience is how long it is waited for the output of what a
	// command left running.
	leftoverPatience = time.Second
)

// CommandConfig is a command that is run for each message, with the [Document]
// on its standard input. TCPDOCTOR_ALERT_ID, _STATUS, _SEVERITY, _CAUSE, _ACTOR,
// _INSTANCE, _NETNS, _SUBJECT, _UID, _INCIDENT, _REPEAT, _STARTS_AT, _ENDS_AT,
// _SUMMARY and _DESCRIPTION are in its environment. When its time is over it is
// killed with everything it started.
type CommandConfig struct {
	Common   `mapstructure:",squash"`
	Resolved `mapstructure:",squash"`

	// Argv is the command and its arguments. No shell looks at it.
	Argv []string `mapstructure:"argv"`
}

func (c CommandConfig) check(p problems) {
	c.Common.check(p)
	if len(c.Argv) == 0 || c.Argv[0] == "" {
		p.add("argv", "is missing")
		return
	}
	if _, err := exec.LookPath(c.Argv[0]); err != nil && !errors.Is(err, fs.ErrPermission) {
		p.add("argv[0]", "%v", err)
	}
	for i, arg := range c.Argv {
		if strings.ContainsRune(arg, 0) {
			p.add(fmt.Sprintf("argv[%d]", i), "holds a zero byte")
		}
	}
}

// command runs a command per message.
type command struct {
	name  string
	argv  []string
	limit time.Duration
}

func newCommand(name string, c CommandConfig) *command {
	return &command{name: name, argv: slices.Clone(c.Argv), limit: c.limit()}
}

// Name implements [Receiver].
func (c *command) Name() string { return c.name }

// Send implements [Receiver].
func (c *command) Send(ctx context.Context, a incident.Alert) error {
	body, err := document(a)
	if err != nil {
		return err
	}
	running, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	var output output
	cmd := exec.CommandContext(running, c.argv[0], c.argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(body), &output, &output
	cmd.Env = environment(os.Environ(), a)
	cmd.WaitDelay = leftoverPatience
	inOwnGroup(cmd)
	err = cmd.Run()
	said := quote(output.text)
	exit, exited := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay) && running.Err() == nil:
		return nil // in the second case it left something running, which is its affair
	case ctx.Err() != nil:
		return fmt.Errorf("notify: %s: %w", c.argv[0], context.Cause(ctx))
	case running.Err() != nil:
		return failed(triesUndecided, "notify: %s: killed after %s%s", c.argv[0], c.limit, said)
	case exited && exit.ExitCode() == exitTempFail:
		return failed(triesUnlimited, "notify: %s: %w%s", c.argv[0], err, said)
	case exited && exit.ExitCode() == exitDataErr:
		return failed(triesRefused, "notify: %s: %w%s", c.argv[0], err, said)
	case exited, errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return failed(triesUndecided, "notify: %s: %w%s", c.argv[0], err, said)
	}
	return fmt.Errorf("notify: %s: %w", c.argv[0], err)
}

// environment returns what a command is told besides what was inherited. What
// systemd told the agent, and its own settings, are not for others.
func environment(inherited []string, a incident.Alert) []string {
	env := slices.DeleteFunc(slices.Clone(inherited), func(s string) bool {
		for _, own := range []string{"TCPDOCTOR_", "NOTIFY_SOCKET=", "WATCHDOG_", "LISTEN_"} {
			if strings.HasPrefix(s, own) {
				return true
			}
		}
		return false
	})
	told := append(factsOf(a),
		fact{"SUMMARY", a.Annotations["summary"]}, fact{"DESCRIPTION", a.Annotations["description"]})
	for _, f := range told {
		value := strings.ReplaceAll(cut(f.value, environmentAtMost), "\x00", "")
		env = append(env, environmentPrefix+f.name+"="+value)
	}
	return env
}

// output keeps the beginning of what is written to it.
type output struct{ text []byte }

// Write implements [io.Writer]; it takes everything.
func (o *output) Write(b []byte) (int, error) {
	o.text = append(o.text, b[:min(len(b), outputAtMost-len(o.text))]...)
	return len(b), nil
}

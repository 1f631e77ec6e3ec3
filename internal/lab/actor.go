package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// Actor is a process of its own that plays a [Server] or a [Client] inside a
// namespace. It ends with Close, with the context it was started with, with the
// thread or process that started it, or when its time is up.
type Actor struct {
	cmd    *exec.Cmd
	orders io.WriteCloser
	cancel func()
	ended  chan struct{}

	mu      sync.Mutex
	part    part
	status  Status
	changed chan struct{} // closed and replaced with every change
	err     error         // why it ended
}

// StartServer starts a server in the namespace and waits until it listens. Life
// bounds it; 0 stands for ten minutes.
func StartServer(ctx context.Context, ns *netns.Handle, spec Server, life time.Duration) (*Actor, error) {
	return startActor(ctx, ns, "server", part{Server: &spec, Life: life})
}

// StartClient starts a client in the namespace and waits until it has bound what
// it is to bind. Life bounds it; 0 stands for ten minutes.
func StartClient(ctx context.Context, ns *netns.Handle, spec Client, life time.Duration) (*Actor, error) {
	return startActor(ctx, ns, "client", part{Client: &spec, Life: life})
}

func startActor(ctx context.Context, ns *netns.Handle, role string, p part) (*Actor, error) {
	if p.Life == 0 {
		p.Life = defaultLife
	}
	text, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("lab: start %s: %w", role, err)
	}
	a := &Actor{
		cmd:     exec.Command("/proc/self/exe"),
		part:    p,
		ended:   make(chan struct{}),
		changed: make(chan struct{}),
	}
	a.cmd.Args = []string{"tcpdoctor-lab", role}
	a.cmd.Env = []string{partVariable + "=" + string(text), "GOMAXPROCS=1"}
	a.cmd.SysProcAttr = actorAttributes()
	stderr := &tail{}
	a.cmd.Stderr = stderr
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("lab: start %s: %w", role, err)
	}
	if a.orders, err = a.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("lab: start %s: %w", role, err)
	}
	started := make(chan error, 1)
	// The thread that starts a process must stay for as long as the process
	// does: the kernel takes its end for the parent's (PR_SET_PDEATHSIG).
	go func() {
		err := ns.Do(func() error {
			if err := a.cmd.Start(); err != nil {
				return err
			}
			started <- nil
			a.listenTo(out)
			return a.finish(role, a.cmd.Wait(), stderr)
		})
		if a.cmd.Process == nil {
			started <- err
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("lab: start %s: %w", role, err)
	}
	stop := context.AfterFunc(ctx, a.kill)
	a.cancel = func() { stop() }
	if err := a.Until(ctx, "the start of the "+role, func(s Status) bool { return s.Ready }); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// listenTo takes in what the actor tells, until it ends.
func (a *Actor) listenTo(out io.Reader) {
	for decoder := json.NewDecoder(out); ; {
		var s Status
		if decoder.Decode(&s) != nil {
			return
		}
		a.mu.Lock()
		if failure := s.Error; failure != "" {
			s = a.status
			s.Error = failure
		}
		a.status = s
		close(a.changed)
		a.changed = make(chan struct{})
		a.mu.Unlock()
	}
}

// finish notes why the actor ended.
func (a *Actor) finish(role string, err error, stderr *tail) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.status.Error != "":
		a.err = fmt.Errorf("lab: %s ended: %s", role, a.status.Error)
	case err != nil && stderr.String() != "":
		a.err = fmt.Errorf("lab: %s ended: %w: %s", role, err, stderr)
	case err != nil:
		a.err = fmt.Errorf("lab: %s ended: %w", role, err)
	default:
		a.err = fmt.Errorf("lab: %s ended: its time was up", role)
	}
	close(a.ended)
	return nil
}

// PID is the process ID of the actor.
func (a *Actor) PID() int { return a.cmd.Process.Pid }

// Status returns what the actor told last, at most some 20 ms ago.
func (a *Actor) Status() Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.status
}

// Ended is closed once the process is gone; Err then says why.
func (a *Actor) Ended() <-chan struct{} { return a.ended }

// Err says why the actor ended, and is nil while it runs.
func (a *Actor) Err() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.err
}

// Until waits until the status satisfies holds. What describes the condition in
// the error.
func (a *Actor) Until(ctx context.Context, what string, holds func(Status) bool) error {
	for {
		a.mu.Lock()
		status, changed := a.status, a.changed
		a.mu.Unlock()
		if holds(status) {
			return nil
		}
		select {
		case <-changed:
		case <-a.ended:
			return fmt.Errorf("lab: wait for %s: %w", what, a.Err())
		case <-ctx.Done():
			return fmt.Errorf("lab: wait for %s: %w (%+v)", what, context.Cause(ctx), status)
		}
	}
}

// Server returns the part that a server plays at present; the zero value for a
// client.
func (a *Actor) Server() Server {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.part.Server == nil {
		return Server{}
	}
	return *a.part.Server
}

// Client returns the part that a client plays at present; the zero value for a
// server.
func (a *Actor) Client() Client {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.part.Client == nil {
		return Client{}
	}
	return *a.part.Client
}

// UpdateServer gives a running server a changed part. Its addresses, name and
// limit of descriptors stay; a changed Backlog means that it calls listen() anew.
func (a *Actor) UpdateServer(spec Server) error {
	if a.role() != "server" {
		return errors.New("lab: update actor: it is no server")
	}
	return a.order(part{Server: &spec})
}

// UpdateClient gives a running client a changed part. Its name and bound ports
// stay, and without To its destination.
func (a *Actor) UpdateClient(spec Client) error {
	if a.role() != "client" {
		return errors.New("lab: update actor: it is no client")
	}
	return a.order(part{Client: &spec})
}

// role is what the actor was started as.
func (a *Actor) role() string { return a.cmd.Args[1] }

func (a *Actor) order(p part) error {
	if err := json.NewEncoder(a.orders).Encode(p); err != nil {
		return fmt.Errorf("lab: update actor: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.part = p
	return nil
}

func (a *Actor) kill() { _ = a.cmd.Process.Kill() }

// Close ends the process and waits until it is gone, with all its sockets.
func (a *Actor) Close() error {
	if a.cancel != nil {
		a.cancel()
	}
	a.kill()
	<-a.ended
	return nil
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

// tailBytes bounds what a tail keeps.
const tailBytes = 4096

// Write keeps the end of p.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	if extra := len(t.kept) - tailBytes; extra > 0 {
		t.kept = append(t.kept[:0], t.kept[extra:]...)
	}
	return len(p), nil
}

// String returns what was kept, without white space around it.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.kept))
}

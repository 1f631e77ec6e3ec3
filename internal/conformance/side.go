package conformance

import (
	"context"
	"fmt"
	"net/netip"
	"sync"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/sockdiag"
)

// Side is one of the two namespaces of a case.
type Side struct {
	c    *Case
	ns   *netns.Handle
	addr netip.Addr

	mu   sync.Mutex // one walk at a time
	diag *sockdiag.Conn
}

// open starts the conversation about the namespace's sockets.
func (s *Side) open() error {
	return s.ns.Do(func() (err error) {
		s.diag, err = sockdiag.Dial()
		return err
	})
}

// close lets what the namespace still has die soon: an orphan keeps its namespace
// alive, and asks for its retries at each timer.
func (s *Side) close() error {
	_ = lab.SetSysctl(s.ns, model.KeyOrphanRetries, "1")
	if s.diag == nil {
		return nil
	}
	return s.diag.Close()
}

// Addr is the address of this side at a port.
func (s *Side) Addr(port uint16) netip.AddrPort { return netip.AddrPortFrom(s.addr, port) }

// Set changes a parameter of the namespace.
func (s *Side) Set(key string, value any) {
	if !s.c.Failed() {
		s.c.Fail(lab.SetSysctl(s.ns, key, fmt.Sprint(value)))
	}
}

// Settings reads what is set, as the model understands it.
func (s *Side) Settings() model.Settings {
	values := make(map[string]string)
	for _, key := range model.SettingKeys() {
		if value, err := lab.Sysctl(s.ns, key); err == nil {
			values[key] = value
		}
	}
	settings, err := model.ParseSettings(values, s.c.Dialect, 0)
	s.c.Fail(err)
	return settings
}

// Policy is what the settings decide for a connection of this side.
func (s *Side) Policy() model.Policy { return model.NewPolicy(s.Settings(), s.c.Dialect) }

// Counters reads the kernel's counters of the namespace.
func (s *Side) Counters() lab.Counters {
	if s.c.Failed() {
		return nil
	}
	counters, err := lab.ReadCounters(s.ns)
	s.c.Fail(err)
	return counters
}

// Sockets lists the TCP sockets of the namespace that match.
func (s *Side) Sockets(ctx context.Context, r sockdiag.Request) []facts.Socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []facts.Socket
	for socket, err := range s.diag.Sockets(ctx, r) {
		if err != nil {
			s.c.Fail(err)
			return found
		}
		found = append(found, *socket)
	}
	return found
}

// Count counts the sockets at a local port that are in one of the states.
func (s *Side) Count(ctx context.Context, port uint16, states ...facts.State) int {
	return len(s.Sockets(ctx, sockdiag.Request{States: facts.StateSet(states...), LocalPort: port}))
}

// Listener returns the listener at a port, and whether there is one.
func (s *Side) Listener(ctx context.Context, port uint16) (facts.Socket, bool) {
	r := sockdiag.Request{States: facts.StateSet(facts.Listen), LocalPort: port, Attributes: sockdiag.Memory}
	if found := s.Sockets(ctx, r); len(found) > 0 {
		return found[0], true
	}
	return facts.Socket{}, false
}

// Drops is the drop counter of the listener at a port.
func (s *Side) Drops(ctx context.Context, port uint16) int {
	listener, _ := s.Listener(ctx, port)
	return int(listener.Mem.Drops)
}

// Connection returns the connection with these two ends, and whether there is
// one. A socket that is closed but still bound to its port is none.
func (s *Side) Connection(local, remote netip.AddrPort) (lab.Socket, bool) {
	if s.c.Failed() {
		return lab.Socket{}, false
	}
	found, ok, err := lab.LookUp(s.ns, local, remote)
	s.c.Fail(err)
	return found, ok
}

// State is the state of the connection with these two ends, CLOSED if there is
// none.
func (s *Side) State(local, remote netip.AddrPort) facts.State {
	found, ok := s.Connection(local, remote)
	if !ok {
		return facts.Close
	}
	return facts.State(found.State)
}

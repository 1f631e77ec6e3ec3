package prediction

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
)

// Host is a server inside this process, for loads whose single connections are
// told what to do.
type Host struct {
	listener net.Listener

	mu    sync.Mutex
	conns []*net.TCPConn
}

// Host starts one on the server's side. With keepalive its connections ask the
// kernel to probe silent peers, at the times that the settings say.
func (s *Scene) Host(ctx context.Context, keepalive bool) *Host {
	if s.Failed() {
		return nil
	}
	config := net.ListenConfig{KeepAlive: -1}
	if keepalive {
		config.KeepAliveConfig = net.KeepAliveConfig{Enable: true, Idle: -1, Interval: -1, Count: -1}
	}
	h := &Host{}
	err := s.side(lab.ServerSide).Do(func() (err error) {
		h.listener, err = config.Listen(ctx, "tcp", s.Target().String())
		return err
	})
	if err != nil {
		s.Fail(err)
		return nil
	}
	s.mu.Lock()
	s.hosts = append(s.hosts, h)
	s.mu.Unlock()
	s.Go(func() error { return h.accept() })
	return h
}

// accept takes connections until the listener is closed.
func (h *Host) accept() error {
	for {
		c, err := h.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		h.mu.Lock()
		h.conns = append(h.conns, c.(*net.TCPConn))
		h.mu.Unlock()
	}
}

// Each calls fn for every connection accepted so far, in their order.
func (h *Host) Each(fn func(*net.TCPConn)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.conns {
		fn(c)
	}
}

// Len counts the connections accepted and not forgotten.
func (h *Host) Len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.conns)
}

// Forget closes every connection with a reset and starts anew.
func (h *Host) Forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.conns {
		_ = c.SetLinger(0)
		_ = c.Close()
	}
	h.conns = nil
}

func (h *Host) close() {
	_ = h.listener.Close()
	h.Forget()
}

package sockdiag

import (
	"context"
	"errors"
	"testing"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// entries gives the bodies of the entries in a recorded dump.
func entries(t testing.TB, path string) [][]byte {
	t.Helper()
	var out [][]byte
	for b := readDump(t, path).data; len(b) > 0; {
		m, rest, err := splitMessage(b)
		if err != nil {
			t.Fatal(err)
		}
		if m.kind == typeTCP || m.kind == typeByFamily {
			out = append(out, m.body)
		}
		b = rest
	}
	return out
}

// checkSocket holds for whatever was decoded.
func checkSocket(t *testing.T, s *facts.Socket) {
	t.Helper()
	if int(s.State) >= facts.StateCount {
		t.Errorf("state %d is out of range", s.State)
	}
	local, remote := s.Local.Addr(), s.Remote.Addr()
	if !local.IsValid() || !remote.IsValid() || local.Is4In6() || remote.Is4In6() {
		t.Errorf("addresses %v and %v", local, remote)
	}
	if s.Family == facts.IPv4 && !local.Is4() || s.Family != facts.IPv4 && s.Family != facts.IPv6 {
		t.Errorf("family %v with address %v", s.Family, local)
	}
	if s.Info.Len%8 != 0 {
		t.Errorf("TCP_INFO of %d bytes", s.Info.Len)
	}
}

func FuzzDecodeEntry(f *testing.F) {
	for _, b := range entries(f, zooDump) {
		f.Add(b)
		f.Add(b[:entryLen])
		f.Add(b[:len(b)-1])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var d decoder
		var s, again facts.Socket
		err := d.socket(&s, b)
		if err != nil {
			return
		}
		checkSocket(t, &s)
		// The same decoder, and a socket full of something else, must not
		// change the result.
		again = facts.Socket{Cookie: 1, ULP: "x", V6Only: true, Info: facts.TCPInfo{Len: 8, RTOMicros: 1}}
		if err := d.socket(&again, b); err != nil || again != s {
			t.Errorf("decoded again: %v, got %+v, want %+v", err, again, s)
		}
	})
}

func FuzzDecodeDump(f *testing.F) {
	zoo := readDump(f, zooDump).data
	f.Add(zoo[:1000], 0)
	f.Add(zoo, 4096)
	f.Add(zoo[len(zoo)-2000:], 100)
	for _, b := range scripts() {
		f.Add(b, 0)
	}
	f.Fuzz(func(t *testing.T, b []byte, piece int) {
		d := &recordedDump{data: b, piece: max(piece, 0)}
		c := newConn(d)
		var n int
		walk := func(ctx context.Context) (err error) {
			for s, stepErr := range c.Sockets(ctx, Request{}) {
				if err != nil {
					t.Fatalf("a step after the error %v", err)
				}
				if err = stepErr; err == nil {
					checkSocket(t, s)
					n++
				}
			}
			return err
		}
		if err := walk(t.Context()); err == nil && len(b) < headerLen {
			t.Error("a walk without an end ended well")
		}
		if n*headerLen > len(b) {
			t.Errorf("%d sockets from %d bytes", n, len(b))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := walk(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, ErrUnusable) {
			t.Errorf("cancelled walk: got %v", err)
		}
	})
}

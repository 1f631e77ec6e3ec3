package lab

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"os"
	"testing"
	"time"
)

// exchange sends a segment and returns the next one from the same port.
func exchange(t *testing.T, p *Peer, s Segment) Segment {
	t.Helper()
	if err := p.Send(s); err != nil {
		t.Fatal(err)
	}
	if err := p.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for {
		got, err := p.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if got.From == s.To && got.To == s.From {
			return got
		}
	}
}

// A raw peer goes through a whole connection with the kernel's TCP.
func TestPeerSpeaksTCP(t *testing.T) {
	t.Parallel()
	for _, family := range []Family{IPv4, IPv6, DualStack} {
		t.Run(family.String(), func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			at := netip.AddrPortFrom(family.Wildcard(), 8080)
			server, err := StartServer(timeout(t), b.Server, Server{
				Comm: "lab-peer-test", Listen: []netip.AddrPort{at}, Backlog: 5,
			}, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			p, err := b.Peer()
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			syn := Segment{
				From:  netip.AddrPortFrom(b.Stranger(family, 5), 4000),
				To:    netip.AddrPortFrom(b.ServerAddr(family), 8080),
				Flags: SYN, Seq: 1000,
			}
			synAck := exchange(t, p, syn)
			if synAck.Flags != SYN|ACK || synAck.Ack != 1001 || len(synAck.Options) == 0 {
				t.Fatalf("got %v, want SYN+ACK of 1001", synAck)
			}
			hello := synAck.Reply(ACK | PSH)
			hello.Payload = []byte("hello")
			if got := exchange(t, p, hello); got.Flags != ACK || got.Ack != hello.Next() {
				t.Fatalf("got %v, want ACK of %d", got, hello.Next())
			}
			farewell := hello
			farewell.Flags, farewell.Seq, farewell.Payload = FIN|ACK, hello.Next(), nil
			for got := exchange(t, p, farewell); !got.Flags.Has(FIN); {
				if got, err = p.Receive(); err != nil {
					t.Fatal(err)
				}
			}
			err = server.Until(timeout(t), "the end", func(s Status) bool { return s.Accepted == 1 && s.Ended == 1 })
			if err != nil {
				t.Error(err)
			}
			if got := comm(server.PID()); got != "lab-peer-test" {
				t.Errorf("got name %q", got)
			}
		})
	}
}

func TestPeerDeadlineAndClose(t *testing.T) {
	t.Parallel()
	p, err := newBench(t).Peer()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Receive(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got error %v, want the deadline", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := p.Receive(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got error %v, want it closed", err)
	}
}

// The addresses of strangers depend on the seed alone.
func TestStrangersAreRepeatable(t *testing.T) {
	t.Parallel()
	seen := func(seed uint64) []netip.AddrPort {
		b := newBench(t)
		at := netip.AddrPortFrom(b.ServerAddr(IPv4), 8080)
		server, err := StartServer(timeout(t), b.Server, Server{Listen: []netip.AddrPort{at}, Backlog: 99}, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		p, err := b.Peer()
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		s := Strangers{Bench: b, Peer: p, Family: IPv4, To: at, Rand: rand.New(rand.NewPCG(seed, 0))}
		var from []netip.AddrPort
		for range 3 {
			if err := s.Begin(); err != nil {
				t.Fatal(err)
			}
			if err := p.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
				t.Fatal(err)
			}
			got, err := p.Receive()
			if err != nil {
				t.Fatal(err)
			}
			from = append(from, got.To)
		}
		return from
	}
	first, again, other := seen(1), seen(1), seen(2)
	for i := range first {
		if first[i] != again[i] || first[i] == other[i] {
			t.Errorf("stranger %d: got %v, then %v; with another seed %v", i, first[i], again[i], other[i])
		}
	}
}

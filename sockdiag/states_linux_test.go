package sockdiag

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

func TestSocketsShowsEveryState(t *testing.T) {
	t.Parallel()
	z := newZoo(t)
	c := dialIn(t, z.ns)
	tee := &teeDumper{dumper: c.dump}
	c.walk.dump = tee
	sockets := collect(t, c.Sockets(t.Context(), Request{Attributes: AllAttributes}))
	if *update {
		tee.save(t, zooDump)
	}
	for _, a := range z.animals {
		s := a.find(sockets)
		if s == nil {
			t.Errorf("%s: missing", a.name)
			continue
		}
		if s.State != a.state || s.Local != a.local || s.Remote != a.remoteOrNone() || s.Family != a.family {
			t.Errorf("%s: got %v %v→%v %v, want %v %v→%v %v", a.name,
				s.Family, s.Local, s.Remote, s.State, a.family, a.local, a.remoteOrNone(), a.state)
		}
		// Half-open and TIME_WAIT entries are no full sockets, and of a bound
		// one the kernel tells only the memory.
		full := a.fd >= 0 || a.state == facts.Established
		protocol := full && a.state != facts.Close
		if s.Mem.Known != full || (s.Info.Len > 0) != protocol || (s.Congestion != "") != protocol {
			t.Errorf("%s: got attributes %v %d %q, want them: %v", a.name, s.Mem.Known, s.Info.Len, s.Congestion, full)
		}
		if got, want := s.Owned(), a.fd >= 0; got != want {
			t.Errorf("%s: got owned %v, want %v", a.name, got, want)
		}
	}
}

// remoteOrNone is the unspecified address for a socket without a peer.
func (a *animal) remoteOrNone() netip.AddrPort {
	switch {
	case a.remote.IsValid():
		return a.remote
	case a.family == facts.IPv4:
		return netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	default:
		return netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
	}
}

func TestSocketsShowsRareAttributes(t *testing.T) {
	t.Parallel()
	z := newZoo(t)
	sockets := collect(t, dialIn(t, z.ns).Sockets(t.Context(), Request{Attributes: AllAttributes}))
	for _, a := range z.animals {
		s := a.find(sockets)
		switch a.name {
		case "ipv4 adorned", "ipv6 adorned", "dual adorned":
			if s.Mark != facts.Some[uint32](0x1f2e3d4c) || s.Ifindex != 1 || s.Congestion != "reno" {
				t.Errorf("%s: got mark %v, device %d, %q", a.name, s.Mark, s.Ifindex, s.Congestion)
			}
		case "ipv4 close wait", "ipv6 close wait", "dual close wait":
			if s.Shutdown != 1 || s.RecvQueue != 1 { // the FIN counts as a byte
				t.Errorf("%s: got shutdown %d, %d unread, want 1 and 1", a.name, s.Shutdown, s.RecvQueue)
			}
		case "ipv6 listen", "dual listen":
			if s.V6Only != (a.name == "ipv6 listen") || s.SendQueue != 7 {
				t.Errorf("%s: got v6only %v, backlog %d", a.name, s.V6Only, s.SendQueue)
			}
		}
		if a.fd >= 0 && a.state != facts.Close && s.CgroupID == 0 {
			t.Errorf("%s: no cgroup", a.name)
		}
	}
	for _, s := range sockets {
		if z.multipath && s.Local.Port() == multipathPort && s.ULP != "mptcp" {
			t.Errorf("multipath listener: got upper layer %q, want mptcp", s.ULP)
		}
	}
}

func TestRequestFilters(t *testing.T) {
	t.Parallel()
	z := newZoo(t)
	c := dialIn(t, z.ns)
	all := collect(t, c.Sockets(t.Context(), Request{}))
	port := z.animals[0].local.Port()
	byUser := func(s *facts.Socket) bool { return s.State == facts.Listen || s.State == facts.Close }
	tests := []struct {
		name    string
		request Request
		want    func(*facts.Socket) bool
	}{
		{"ipv4", Request{Family: facts.IPv4}, func(s *facts.Socket) bool { return s.Family == facts.IPv4 }},
		{"ipv6", Request{Family: facts.IPv6}, func(s *facts.Socket) bool { return s.Family == facts.IPv6 }},
		{"close wait", Request{States: facts.StateSet(facts.CloseWait)}, func(s *facts.Socket) bool { return s.State == facts.CloseWait }},
		{"syn recv", Request{States: facts.StateSet(facts.NewSynRecv)}, func(s *facts.Socket) bool { return s.State == facts.SynRecv }},
		{"bound", Request{States: facts.StateSet(facts.BoundInactive)}, func(s *facts.Socket) bool { return s.State == facts.Close }},
		{"local port", Request{LocalPort: port}, func(s *facts.Socket) bool { return s.Local.Port() == port }},
		{"remote port", Request{RemotePort: 1002}, func(s *facts.Socket) bool { return s.Remote.Port() == 1002 }},
		{"local port ipv4", Request{LocalPort: port, Family: facts.IPv4}, func(s *facts.Socket) bool { return s.Local.Port() == port }},
		{"user bound", Request{UserBound: true}, byUser},
		{"user bound ipv6", Request{UserBound: true, Family: facts.IPv6}, func(s *facts.Socket) bool {
			return byUser(s) && s.Family == facts.IPv6
		}},
	}
	for _, test := range tests {
		var got, want []uint64
		for _, s := range collect(t, c.Sockets(t.Context(), test.request)) {
			got = append(got, s.Cookie)
		}
		for _, s := range all {
			if test.want(&s) {
				want = append(want, s.Cookie)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %d sockets, want %d", test.name, len(got), len(want))
		}
	}
}

package sockdiag

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// quiet zeroes what changes between two looks at an idle socket.
func quiet(t facts.TCPInfo) facts.TCPInfo {
	t.LastDataSentMillis, t.LastAckSentMillis, t.LastDataRecvMillis, t.LastAckRecvMillis = 0, 0, 0, 0
	t.BusyMicros, t.RwndLimitedMicros, t.SndbufLimitedMicros = 0, 0, 0
	t.ATOMicros = 0 // a delayed ACK may have been sent meanwhile
	t.SegsOut, t.SegsIn = 0, 0
	return t
}

// TestInfoAgainstGetsockopt compares with what the system package makes of the
// same struct, asked of the socket itself.
func TestInfoAgainstGetsockopt(t *testing.T) {
	t.Parallel()
	z := newZoo(t)
	sockets := collect(t, dialIn(t, z.ns).Sockets(t.Context(), Request{Attributes: Info}))
	var compared int
	for _, a := range z.animals {
		s := a.find(sockets)
		if a.fd < 0 || !z.quiet(s) || s.State == facts.Listen || s.State == facts.Close {
			continue
		}
		want, err := unix.GetsockoptTCPInfo(a.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := quiet(s.Info), quiet(fromSystem(want, &s.Info)); got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", a.name, got, want)
		}
		compared++
	}
	if compared < 12 {
		t.Errorf("compared only %d sockets", compared)
	}
}

// fromSystem takes over the fields of the system package's struct; the bit
// fields, which it leaves out, come from other.
func fromSystem(u *unix.TCPInfo, other *facts.TCPInfo) facts.TCPInfo {
	return facts.TCPInfo{
		Len: other.Len, SndWscale: other.SndWscale, RcvWscale: other.RcvWscale,
		DeliveryRateAppLimited: other.DeliveryRateAppLimited, FastOpenClientFail: other.FastOpenClientFail,
		State: u.State, CAState: u.Ca_state, Retransmits: u.Retransmits, Probes: u.Probes, Backoff: u.Backoff, Options: u.Options,
		RTOMicros: u.Rto, ATOMicros: u.Ato, SndMSS: u.Snd_mss, RcvMSS: u.Rcv_mss,
		Unacked: u.Unacked, Sacked: u.Sacked, Lost: u.Lost, Retrans: u.Retrans, Fackets: u.Fackets,
		LastDataSentMillis: u.Last_data_sent, LastAckSentMillis: u.Last_ack_sent,
		LastDataRecvMillis: u.Last_data_recv, LastAckRecvMillis: u.Last_ack_recv,
		PMTU: u.Pmtu, RcvSsthresh: u.Rcv_ssthresh, RTTMicros: u.Rtt, RTTVarMicros: u.Rttvar,
		SndSsthresh: u.Snd_ssthresh, SndCwnd: u.Snd_cwnd, AdvMSS: u.Advmss, Reordering: u.Reordering,
		RcvRTTMicros: u.Rcv_rtt, RcvSpace: u.Rcv_space, TotalRetrans: u.Total_retrans,
		PacingRateBytes: u.Pacing_rate, MaxPacingRateBytes: u.Max_pacing_rate, BytesAcked: u.Bytes_acked, BytesRecv: u.Bytes_received,
		SegsOut: u.Segs_out, SegsIn: u.Segs_in, NotsentBytes: u.Notsent_bytes, MinRTTMicros: u.Min_rtt,
		DataSegsIn: u.Data_segs_in, DataSegsOut: u.Data_segs_out, DeliveryRateBytes: u.Delivery_rate, BusyMicros: u.Busy_time,
		RwndLimitedMicros: u.Rwnd_limited, SndbufLimitedMicros: u.Sndbuf_limited, Delivered: u.Delivered, DeliveredCE: u.Delivered_ce,
		BytesSent: u.Bytes_sent, BytesRetrans: u.Bytes_retrans, DSACKDups: u.Dsack_dups, ReordSeen: u.Reord_seen,
		RcvOOOPack: u.Rcv_ooopack, SndWnd: u.Snd_wnd, RcvWnd: u.Rcv_wnd, Rehash: u.Rehash,
		TotalRTO: u.Total_rto, TotalRTORecoveries: u.Total_rto_recoveries, TotalRTOMillis: u.Total_rto_time,
	}
}

// TestWalkAgainstLibrary compares with the netlink library where that is right.
// It takes the two window scales for each other and reads the wrong bit of the
// flags on little-endian machines, and it does not know bound sockets.
func TestWalkAgainstLibrary(t *testing.T) {
	t.Parallel()
	z := newZoo(t)
	type entry struct {
		local, remote          netip.AddrPort
		state, timer, retrans  uint8
		recv, send, uid, inode uint32
		ifindex                uint32
		cookie                 uint64
		mss, rtt, cwnd         uint32
		acked, sent            uint64
		scales                 [2]uint8
	}
	got, want := map[uint64]entry{}, map[uint64]entry{}
	for _, s := range collect(t, dialIn(t, z.ns).Sockets(t.Context(), Request{Attributes: Info})) {
		if s.State == facts.Close || !z.quiet(&s) {
			continue
		}
		got[s.Cookie] = entry{
			s.Local, s.Remote, uint8(s.State), uint8(s.Timer), s.Retrans, s.RecvQueue, s.SendQueue, s.UID, s.Inode,
			s.Ifindex, s.Cookie, s.Info.SndMSS, s.Info.RTTMicros, s.Info.SndCwnd, s.Info.BytesAcked, s.Info.BytesSent,
			[2]uint8{s.Info.SndWscale, s.Info.RcvWscale},
		}
	}
	var list []*netlink.InetDiagTCPInfoResp
	err := z.ns.Do(func() error {
		for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
			l, err := netlink.SocketDiagTCPInfo(family)
			if err != nil {
				return err
			}
			list = append(list, l...)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		m, info := r.InetDiagMsg, r.TCPInfo
		if info == nil {
			info = &netlink.TCPInfo{}
		}
		local, _ := netip.AddrFromSlice(m.ID.Source)
		remote, _ := netip.AddrFromSlice(m.ID.Destination)
		if slices.Contains(z.restless, m.ID.SourcePort) || slices.Contains(z.restless, m.ID.DestinationPort) {
			continue
		}
		cookie := uint64(m.ID.Cookie[0]) | uint64(m.ID.Cookie[1])<<32
		want[cookie] = entry{
			netip.AddrPortFrom(local.Unmap(), m.ID.SourcePort), netip.AddrPortFrom(remote.Unmap(), m.ID.DestinationPort),
			m.State, m.Timer, m.Retrans, m.RQueue, m.WQueue, m.UID, m.INode, m.ID.Interface, cookie,
			info.Snd_mss, info.Rtt, info.Snd_cwnd, info.Bytes_acked, info.Bytes_sent,
			[2]uint8{info.Rcv_wscale, info.Snd_wscale},
		}
	}
	for cookie, w := range want {
		if g := got[cookie]; g != w {
			t.Errorf("\n got %+v\nwant %+v", g, w)
		}
	}
	if len(got) != len(want) || len(want) < 40 {
		t.Errorf("got %d sockets, want %d", len(got), len(want))
	}
}

// TestWalkAgainstSS compares with what ss prints.
func TestWalkAgainstSS(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("ss"); err != nil && os.Getenv("CI") == "" {
		t.Skip("needs ss of iproute2")
	}
	z := newZoo(t)
	var out []byte
	err := z.ns.Do(func() (err error) {
		out, err = exec.CommandContext(t.Context(), "ss", "-tanieOmH").Output()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[uint64]*facts.Socket{}
	for _, s := range collect(t, dialIn(t, z.ns).Sockets(t.Context(), Request{Attributes: AllAttributes})) {
		got[s.Cookie] = &s
	}
	var compared int
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		cookie, err := strconv.ParseUint(between(lines.Text(), " sk:", " "), 16, 64)
		if err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		s := got[cookie]
		if s == nil {
			t.Errorf("missing: %s", lines.Text())
			continue
		}
		if !z.quiet(s) {
			continue
		}
		if err := compareSS(s, lines.Text()); err != nil {
			t.Errorf("%v: %.100s", err, lines.Text())
		}
		compared++
	}
	if compared < 40 {
		t.Errorf("compared only %d lines", compared)
	}
}

// between returns the text behind start, up to end or the end of the line.
func between(line, start, end string) string {
	_, rest, found := strings.Cut(line+" ", start)
	if !found {
		return ""
	}
	value, _, _ := strings.Cut(rest, end)
	return strings.TrimSpace(value)
}

// compareSS holds what one line says against a socket. A word that ss leaves
// out stands for zero.
func compareSS(s *facts.Socket, line string) error {
	number := func(key string) uint64 {
		n, _ := strconv.ParseUint(between(line, key, " "), 10, 64)
		return n
	}
	for key, want := range map[string]uint64{
		" ino:": uint64(s.Inode), " mss:": uint64(s.Info.SndMSS), " rcvmss:": uint64(s.Info.RcvMSS),
		" advmss:": uint64(s.Info.AdvMSS), " bytes_sent:": s.Info.BytesSent, " bytes_acked:": s.Info.BytesAcked,
		" bytes_received:": s.Info.BytesRecv, " data_segs_out:": uint64(s.Info.DataSegsOut),
		" data_segs_in:": uint64(s.Info.DataSegsIn), " delivered:": uint64(s.Info.Delivered), " rcv_space:": uint64(s.Info.RcvSpace),
		" notsent:": uint64(s.Info.NotsentBytes), " snd_wnd:": uint64(s.Info.SndWnd),
	} {
		switch {
		case key != " ino:" && s.State == facts.Listen:
			continue // ss prints no details of a listener
		case key == " snd_wnd:" && number(key) == 0:
			continue // not every ss knows it
		}
		if got := number(key); got != want {
			return fmt.Errorf("%s: ss says %d, the walk %d", strings.TrimSpace(key), got, want)
		}
	}
	if s.State != facts.Listen && s.Info.Len > 0 {
		if got, want := between(line, " wscale:", " "), fmt.Sprintf("%d,%d", s.Info.SndWscale, s.Info.RcvWscale); got != want {
			return fmt.Errorf("wscale: ss says %s, the walk %s", got, want)
		}
		if got := strings.Contains(line, " app_limited"); got != s.Info.DeliveryRateAppLimited {
			return fmt.Errorf("app_limited: ss says %v", got)
		}
	}
	if s.Mem.Known {
		m := s.Mem
		want := fmt.Sprintf("r%d,rb%d,t%d,tb%d,f%d,w%d,o%d,bl%d,d%d", m.RecvAlloc, m.RecvBuffer, m.SendAlloc, m.SendBuffer,
			m.ForwardAlloc, m.SendQueued, m.OptionMemory, m.Backlog, m.Drops)
		if got := between(line, "skmem:(", ")"); got != want {
			return fmt.Errorf("skmem: ss says %s, the walk %s", got, want)
		}
	}
	if s.Congestion != "" && !strings.Contains(line, " "+s.Congestion+" ") {
		return errors.New("congestion control differs")
	}
	return nil
}

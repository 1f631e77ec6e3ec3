package lab

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever the moments at which it is asked, a pace never lets more happen than
// its rate allows, save for one burst and a bounded catching up.
func TestPaceKeepsItsRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := pace{
			perSecond: rapid.IntRange(1, 5000).Draw(t, "perSecond"),
			burst:     rapid.IntRange(0, 100).Draw(t, "burst"),
		}
		begin := time.Unix(1000, 0)
		now, total := begin, 0
		for _, step := range rapid.SliceOfN(rapid.IntRange(0, 50), 1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(step) * time.Millisecond)
			total += p.due(now)
		}
		allowed := now.Sub(begin).Seconds()*float64(p.perSecond) + float64(max(p.burst, 1))
		if float64(total) > allowed+0.001*float64(p.perSecond) {
			t.Fatalf("got %d in %v, allowed %f", total, now.Sub(begin), allowed)
		}
	})
}

func TestPaceForgoesWhatItMissed(t *testing.T) {
	t.Parallel()
	p := pace{perSecond: 100}
	now := time.Unix(1000, 0)
	if got := p.due(now); got != 1 {
		t.Errorf("at first: got %d, want 1", got)
	}
	if got := p.due(now.Add(50 * time.Millisecond)); got != 5 {
		t.Errorf("50 ms later: got %d, want 5", got)
	}
	if got := p.due(now.Add(time.Minute)); got != 1 {
		t.Errorf("a minute later: got %d, want 1", got)
	}
	unbounded := pace{}
	if got := unbounded.due(now); got != batchAtMost {
		t.Errorf("without a rate: got %d, want %d", got, batchAtMost)
	}
}

func TestCountersParse(t *testing.T) {
	t.Parallel()
	c := Counters{}
	const text = "Tcp: RtoMin MaxConn InSegs\nTcp: 200 -1 7\nTcpExt: ListenDrops\nTcpExt: 18446744073\n"
	if err := c.parse(text); err != nil {
		t.Fatal(err)
	}
	want := Counters{"Tcp.RtoMin": 200, "Tcp.MaxConn": -1, "Tcp.InSegs": 7, "TcpExt.ListenDrops": 18446744073}
	if !maps.Equal(c, want) {
		t.Errorf("got %v, want %v", c, want)
	}
	if got := c.Since(Counters{"Tcp.InSegs": 3})["Tcp.InSegs"]; got != 4 {
		t.Errorf("since: got %d, want 4", got)
	}
	for _, bad := range []string{"Tcp: A B\nTcp: 1\n", "Tcp: A\nUdp: 1\n", "Tcp: A\nTcp: x\n", " \n \n"} {
		if err := (Counters{}).parse(bad); err == nil && strings.TrimSpace(bad) != "" {
			t.Errorf("%q: got no error", bad)
		}
	}
}

func TestParseSocket(t *testing.T) {
	t.Parallel()
	b := make([]byte, diagMessageBytes)
	b[0], b[1], b[2], b[3] = 10, 8, 1, 3
	binary.BigEndian.PutUint16(b[4:], 8080)
	binary.BigEndian.PutUint16(b[6:], 50000)
	copy(b[8:], netip.MustParseAddr("fd00:7::1").AsSlice())
	copy(b[24:], netip.MustParseAddr("fd00:8::9").AsSlice())
	for i, v := range []uint32{5, 6, 1500, 1, 2, 1000, 4711} {
		binary.NativeEndian.PutUint32(b[44+4*i:], v)
	}
	got, err := parseSocket(b)
	want := Socket{
		State: CloseWait, Timer: 1, Retransmits: 3,
		Local: netip.MustParseAddrPort("[fd00:7::1]:8080"), Remote: netip.MustParseAddrPort("[fd00:8::9]:50000"),
		Expires: 1500 * time.Millisecond, ReceiveQueue: 1, SendQueue: 2, UID: 1000, Inode: 4711, Cookie: 6<<32 | 5,
	}
	if err != nil || got != want {
		t.Errorf("got %+v, error %v, want %+v", got, err, want)
	}
	if _, err := parseSocket(b[:71]); err == nil {
		t.Error("71 bytes: got no error")
	}
}

func FuzzParseSocket(f *testing.F) {
	f.Add(make([]byte, diagMessageBytes))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = parseSocket(b) })
}

func TestStrangersStayInTheirPrefix(t *testing.T) {
	t.Parallel()
	b := &Bench{}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint32().Draw(t, "n")
		for _, f := range []Family{IPv4, IPv6, DualStack} {
			addr := b.Stranger(f, n)
			if !strangerPrefix(f).Contains(addr) || addr == strangerPrefix(f).Addr() {
				t.Fatalf("%v of %v: got %v", n, f, addr)
			}
		}
	})
	if b.Stranger(IPv4, 65533) != netip.MustParseAddr("10.8.255.254") {
		t.Errorf("last one: got %v", b.Stranger(IPv4, 65533))
	}
}

func TestFaultsAreWellFormed(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, f := range All() {
		if names[f.Name] || f.Name == "" || f.Title == "" || f.Doc == "" || f.Run == nil {
			t.Errorf("%q: name taken, or something missing", f.Name)
		}
		names[f.Name] = true
		e := f.Expect
		if e.Culprit != ServerSide && e.Culprit != ClientSide {
			t.Errorf("%s: culprit %q", f.Name, e.Culprit)
		}
		if f.Harmless {
			if e.ID != "" || e.Cause != "" || e.Severity != "" || !strings.HasPrefix(f.Name, "harmless-") {
				t.Errorf("%s: harmless, yet expects %+v", f.Name, e)
			}
			continue
		}
		if want := strings.TrimSuffix(e.ID+"-"+e.Cause, "-"); f.Name != want {
			t.Errorf("%s: got name, want %s", f.Name, want)
		}
		if !slices.Contains([]string{"warning", "critical"}, e.Severity) {
			t.Errorf("%s: severity %q", f.Name, e.Severity)
		}
	}
	if _, ok := Find("nonsense"); ok {
		t.Error("found a fault that does not exist")
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	t.Parallel()
	var k tail
	for range 100 {
		_, _ = k.Write([]byte(strings.Repeat("x", 99) + "\n"))
	}
	_, _ = k.Write([]byte("the end\n"))
	if got := k.String(); len(got) > tailBytes || !strings.HasSuffix(got, "the end") {
		t.Errorf("got %d bytes ending in %q", len(got), got[max(0, len(got)-10):])
	}
}

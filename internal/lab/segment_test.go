package lab

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/gopacket/gopacket/layers"
	"pgregory.net/rapid"
)

func compareSegments(want, got Segment) string {
	return cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }), cmpopts.EquateEmpty())
}

func addrPort(is6 bool) *rapid.Generator[netip.AddrPort] {
	return rapid.Custom(func(t *rapid.T) netip.AddrPort {
		port := rapid.Uint16().Draw(t, "port")
		length := 4
		if is6 {
			length = 16
		}
		addr, _ := netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), length, length).Draw(t, "addr"))
		return netip.AddrPortFrom(addr, port)
	})
}

func TestSegmentRoundTrip(t *testing.T) {
	t.Parallel()
	e, d := newEncoder(gatewayHardware(), serverHardware()), newDecoder()
	rapid.Check(t, func(t *rapid.T) {
		is6 := rapid.Bool().Draw(t, "is6")
		want := Segment{
			From: addrPort(is6).Draw(t, "from"), To: addrPort(is6).Draw(t, "to"),
			Flags:    Flags(rapid.Uint8().Draw(t, "flags")),
			Seq:      rapid.Uint32().Draw(t, "seq"),
			Ack:      rapid.Uint32().Draw(t, "ack"),
			Window:   rapid.Uint16().Draw(t, "window"),
			HopLimit: rapid.Uint8Min(1).Draw(t, "hops"),
			Payload:  rapid.SliceOfN(rapid.Byte(), 0, 1400).Draw(t, "payload"),
		}
		want.ZeroWindow = want.Window == 0
		if rapid.Bool().Draw(t, "options") {
			want.Options = []layers.TCPOption{
				{OptionType: layers.TCPOptionKindMSS, OptionLength: 4, OptionData: []byte{5, 0xb4}},
			}
		}
		frame, err := e.encode(want)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := d.decode(frame)
		if !ok {
			t.Fatalf("not recognised: %v", want)
		}
		if diff := compareSegments(want, got); diff != "" {
			t.Fatalf("got another segment (-want +got):\n%s", diff)
		}
	})
}

func FuzzDecodeFrame(f *testing.F) {
	e := newEncoder(gatewayHardware(), serverHardware())
	for _, s := range []Segment{
		{From: netip.MustParseAddrPort("10.8.0.1:1"), To: netip.MustParseAddrPort("10.7.0.1:80"), Flags: SYN},
		{From: netip.MustParseAddrPort("[fd00:8::1]:1"), To: netip.MustParseAddrPort("[fd00:7::1]:80"), Payload: []byte("x")},
	} {
		frame, err := e.encode(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(frame)
	}
	f.Fuzz(func(_ *testing.T, frame []byte) { newDecoder().decode(frame) })
}

func TestSegmentArithmetic(t *testing.T) {
	t.Parallel()
	got := Segment{
		From: netip.MustParseAddrPort("10.7.0.1:80"), To: netip.MustParseAddrPort("10.8.0.1:999"),
		Flags: SYN | ACK, Seq: 0xffffffff, Ack: 43,
	}
	want := Segment{From: got.To, To: got.From, Flags: ACK, Seq: 43, Ack: 0}
	if diff := compareSegments(want, got.Reply(ACK)); diff != "" {
		t.Errorf("reply (-want +got):\n%s", diff)
	}
	if next := (Segment{Flags: FIN | PSH, Seq: 10, Payload: []byte("abc")}).Next(); next != 14 {
		t.Errorf("next: got %d, want 14", next)
	}
	if s := got.String(); s != "10.7.0.1:80 > 10.8.0.1:999 SYN+ACK seq 4294967295 ack 43 win 0 len 0" {
		t.Errorf("got %q", s)
	}
	if s := Flags(0).String(); s != "none" {
		t.Errorf("no flags: got %q", s)
	}
}

func TestEncodeRefusesMixedFamilies(t *testing.T) {
	t.Parallel()
	_, err := newEncoder(hardwareAddr{}, hardwareAddr{}).encode(Segment{
		From: netip.MustParseAddrPort("10.8.0.1:1"), To: netip.MustParseAddrPort("[fd00::1]:1"),
	})
	if err == nil {
		t.Error("got no error")
	}
}

package sockdiag

import (
	"encoding/binary"
	"reflect"
	"testing"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// infoLayout is struct tcp_info, field by field in the order of
// include/uapi/linux/tcp.h, with the width of each in bytes. It is a second
// account of the layout: offsets follow from it, while the decoder states them.
var infoLayout = []struct {
	name  string
	width int
}{
	{"State", 1}, {"CAState", 1}, {"Retransmits", 1}, {"Probes", 1}, {"Backoff", 1}, {"Options", 1},
	{"window scales", 1}, {"flags", 1},
	{"RTOMicros", 4}, {"ATOMicros", 4}, {"SndMSS", 4}, {"RcvMSS", 4},
	{"Unacked", 4}, {"Sacked", 4}, {"Lost", 4}, {"Retrans", 4}, {"Fackets", 4},
	{"LastDataSentMillis", 4}, {"LastAckSentMillis", 4}, {"LastDataRecvMillis", 4}, {"LastAckRecvMillis", 4},
	{"PMTU", 4}, {"RcvSsthresh", 4}, {"RTTMicros", 4}, {"RTTVarMicros", 4}, {"SndSsthresh", 4}, {"SndCwnd", 4},
	{"AdvMSS", 4}, {"Reordering", 4}, {"RcvRTTMicros", 4}, {"RcvSpace", 4}, {"TotalRetrans", 4},
	{"PacingRateBytes", 8}, {"MaxPacingRateBytes", 8}, {"BytesAcked", 8}, {"BytesRecv", 8},
	{"SegsOut", 4}, {"SegsIn", 4}, {"NotsentBytes", 4}, {"MinRTTMicros", 4}, {"DataSegsIn", 4}, {"DataSegsOut", 4},
	{"DeliveryRateBytes", 8}, {"BusyMicros", 8}, {"RwndLimitedMicros", 8}, {"SndbufLimitedMicros", 8},
	{"Delivered", 4}, {"DeliveredCE", 4}, {"BytesSent", 8}, {"BytesRetrans", 8},
	{"DSACKDups", 4}, {"ReordSeen", 4}, {"RcvOOOPack", 4}, {"SndWnd", 4}, {"RcvWnd", 4}, {"Rehash", 4},
	{"TotalRTO", 2}, {"TotalRTORecoveries", 2}, {"TotalRTOMillis", 4},
}

// checkInfo compares what the decoder says with what the layout says.
func checkInfo(t *testing.T, b []byte) {
	t.Helper()
	var got facts.TCPInfo
	decodeInfo(&got, b)
	if want := uint16(min(len(b), 65535) &^ 7); got.Len != want {
		t.Fatalf("got length %d, want %d", got.Len, want)
	}
	v, at, seen := reflect.ValueOf(got), 0, map[string]bool{"Len": true}
	for _, f := range infoLayout {
		var want uint64
		if at+f.width <= int(got.Len) {
			want = unsigned(b[at:][:f.width])
		}
		at += f.width
		switch f.name {
		case "window scales":
			if uint64(got.SndWscale)|uint64(got.RcvWscale)<<4 != want {
				t.Errorf("%d bytes: got window scales %d and %d of %#x", len(b), got.SndWscale, got.RcvWscale, want)
			}
		case "flags":
			if got.DeliveryRateAppLimited != (want&1 != 0) || uint64(got.FastOpenClientFail) != want>>1&3 {
				t.Errorf("%d bytes: got %v and %d of %#x", len(b), got.DeliveryRateAppLimited, got.FastOpenClientFail, want)
			}
		default:
			if got := v.FieldByName(f.name).Uint(); got != want {
				t.Errorf("%d bytes: got %s %#x, want %#x", len(b), f.name, got, want)
			}
		}
		seen[f.name] = true
	}
	for _, name := range []string{"SndWscale", "RcvWscale", "DeliveryRateAppLimited", "FastOpenClientFail"} {
		seen[name] = true
	}
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; !seen[name] {
			t.Errorf("field %s is in no layout", name)
		}
	}
}

func unsigned(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.NativeEndian.Uint16(b))
	case 4:
		return uint64(binary.NativeEndian.Uint32(b))
	}
	return binary.NativeEndian.Uint64(b)
}

func TestDecodeInfoOfEveryLength(t *testing.T) {
	t.Parallel()
	if !littleEndian {
		t.Log("bit fields are checked as little-endian machines store them")
	}
	b := make([]byte, 400)
	for i := range b {
		b[i] = byte(i*7 + 13)
	}
	for n := range b {
		checkInfo(t, b[:n])
	}
}

func TestInfoHasAgreesWithLayout(t *testing.T) {
	t.Parallel()
	ends := map[string]int{}
	at := 0
	for _, f := range infoLayout {
		at += f.width
		ends[f.name] = at
	}
	for name, field := range map[string]facts.InfoField{
		"TotalRetrans": facts.InfoBase, "BytesAcked": facts.InfoBytesAcked, "BytesRecv": facts.InfoBytesRecv,
		"MinRTTMicros": facts.InfoMinRTT, "DataSegsOut": facts.InfoDataSegs, "DeliveryRateBytes": facts.InfoDeliveryRate,
		"SndbufLimitedMicros": facts.InfoLimited, "DeliveredCE": facts.InfoDelivered, "BytesSent": facts.InfoBytesSent,
		"BytesRetrans": facts.InfoBytesRetrans, "ReordSeen": facts.InfoReordSeen, "RcvOOOPack": facts.InfoRcvOOOPack,
		"SndWnd": facts.InfoSndWnd, "RcvWnd": facts.InfoRcvWnd, "Rehash": facts.InfoRehash, "TotalRTOMillis": facts.InfoTotalRTO,
	} {
		if ends[name] != int(field) {
			t.Errorf("%s ends at byte %d, but Has takes %d", name, ends[name], field)
		}
	}
}

func FuzzDecodeInfo(f *testing.F) {
	for _, m := range entries(f, zooDump) {
		for b := m[entryLen:]; len(b) >= attrHeaderLen; {
			a, rest, err := splitAttr(b)
			if err != nil {
				f.Fatal(err)
			}
			if a.kind == attrInfo {
				f.Add(a.body)
			}
			b = rest
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkInfo(t, b) })
}

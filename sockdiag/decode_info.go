package sockdiag

import (
	"encoding/binary"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// infoLen is the length of struct tcp_info in Linux 6.18, as far as
// [facts.TCPInfo] holds it: through tcpi_total_rto_time. Older kernels send
// less, newer ones more.
const infoLen = int(facts.InfoTotalRTO)

// littleEndian tells the byte order of this machine. Bit fields follow it: the
// first one declared takes the low bits on little-endian machines, the high
// ones on the others.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// decodeInfo reads struct tcp_info (include/uapi/linux/tcp.h). Its length is
// always a multiple of 8; a stray rest is ignored, so a field is either whole
// or absent.
func decodeInfo(t *facts.TCPInfo, b []byte) {
	t.Len = uint16(min(len(b), 1<<16-1) &^ 7)
	if len(b) >= infoLen {
		decodeWholeInfo(t, (*[infoLen]byte)(b))
		return
	}
	var padded [infoLen]byte
	copy(padded[:], b[:t.Len])
	decodeWholeInfo(t, &padded)
}

func decodeWholeInfo(t *facts.TCPInfo, b *[infoLen]byte) {
	t.State, t.CAState, t.Retransmits, t.Probes, t.Backoff, t.Options = b[0], b[1], b[2], b[3], b[4], b[5]
	decodeInfoBits(t, b[6], b[7])
	decodeInfoBase(t, b)
	decodeInfoRates(t, b)

	e := binary.NativeEndian
	t.Delivered, t.DeliveredCE = e.Uint32(b[192:]), e.Uint32(b[196:])
	t.BytesSent, t.BytesRetrans = e.Uint64(b[200:]), e.Uint64(b[208:])
	t.DSACKDups, t.ReordSeen = e.Uint32(b[216:]), e.Uint32(b[220:])
	t.RcvOOOPack, t.SndWnd = e.Uint32(b[224:]), e.Uint32(b[228:])
	t.RcvWnd, t.Rehash = e.Uint32(b[232:]), e.Uint32(b[236:])
	t.TotalRTO, t.TotalRTORecoveries = e.Uint16(b[240:]), e.Uint16(b[242:])
	t.TotalRTOMillis = e.Uint32(b[244:])
}

// decodeInfoBits reads the bit fields of bytes 6 (snd_wscale:4, rcv_wscale:4)
// and 7 (delivery_rate_app_limited:1, fastopen_client_fail:2).
func decodeInfoBits(t *facts.TCPInfo, scales, flags byte) {
	if littleEndian {
		t.SndWscale, t.RcvWscale = scales&0xf, scales>>4
		t.DeliveryRateAppLimited = flags&1 != 0
		t.FastOpenClientFail = flags >> 1 & 3
		return
	}
	t.SndWscale, t.RcvWscale = scales>>4, scales&0xf
	t.DeliveryRateAppLimited = flags&0x80 != 0
	t.FastOpenClientFail = flags >> 5 & 3
}

// decodeInfoBase reads bytes 8 to 103, which every supported kernel sends.
func decodeInfoBase(t *facts.TCPInfo, b *[infoLen]byte) {
	e := binary.NativeEndian
	t.RTOMicros, t.ATOMicros = e.Uint32(b[8:]), e.Uint32(b[12:])
	t.SndMSS, t.RcvMSS = e.Uint32(b[16:]), e.Uint32(b[20:])
	t.Unacked, t.Sacked = e.Uint32(b[24:]), e.Uint32(b[28:])
	t.Lost, t.Retrans, t.Fackets = e.Uint32(b[32:]), e.Uint32(b[36:]), e.Uint32(b[40:])
	t.LastDataSentMillis, t.LastAckSentMillis = e.Uint32(b[44:]), e.Uint32(b[48:])
	t.LastDataRecvMillis, t.LastAckRecvMillis = e.Uint32(b[52:]), e.Uint32(b[56:])
	t.PMTU, t.RcvSsthresh = e.Uint32(b[60:]), e.Uint32(b[64:])
	t.RTTMicros, t.RTTVarMicros = e.Uint32(b[68:]), e.Uint32(b[72:])
	t.SndSsthresh, t.SndCwnd = e.Uint32(b[76:]), e.Uint32(b[80:])
	t.AdvMSS, t.Reordering = e.Uint32(b[84:]), e.Uint32(b[88:])
	t.RcvRTTMicros, t.RcvSpace = e.Uint32(b[92:]), e.Uint32(b[96:])
	t.TotalRetrans = e.Uint32(b[100:])
}

// decodeInfoRates reads bytes 104 to 191: rates, volumes and what limited them.
func decodeInfoRates(t *facts.TCPInfo, b *[infoLen]byte) {
	e := binary.NativeEndian
	t.PacingRateBytes, t.MaxPacingRateBytes = e.Uint64(b[104:]), e.Uint64(b[112:])
	t.BytesAcked, t.BytesRecv = e.Uint64(b[120:]), e.Uint64(b[128:])
	t.SegsOut, t.SegsIn = e.Uint32(b[136:]), e.Uint32(b[140:])
	t.NotsentBytes, t.MinRTTMicros = e.Uint32(b[144:]), e.Uint32(b[148:])
	t.DataSegsIn, t.DataSegsOut = e.Uint32(b[152:]), e.Uint32(b[156:])
	t.DeliveryRateBytes, t.BusyMicros = e.Uint64(b[160:]), e.Uint64(b[168:])
	t.RwndLimitedMicros, t.SndbufLimitedMicros = e.Uint64(b[176:]), e.Uint64(b[184:])
}

// memLen is the length of the SKMEMINFO attribute since Linux 4.7, which added
// the drops.
const memLen = 36

// decodeMem reads the SKMEMINFO attribute (net/core/sock.c sk_get_meminfo). One
// without drops counts as not sent, because drops are what it is asked for.
func decodeMem(m *facts.SockMem, b []byte) {
	if len(b) < memLen {
		return
	}
	e, p := binary.NativeEndian, (*[memLen]byte)(b)
	*m = facts.SockMem{
		RecvAlloc: e.Uint32(p[0:]), RecvBuffer: e.Uint32(p[4:]),
		SendAlloc: e.Uint32(p[8:]), SendBuffer: e.Uint32(p[12:]),
		ForwardAlloc: e.Uint32(p[16:]), SendQueued: e.Uint32(p[20:]),
		OptionMemory: e.Uint32(p[24:]), Backlog: e.Uint32(p[28:]),
		Drops: e.Uint32(p[32:]), Known: true,
	}
}

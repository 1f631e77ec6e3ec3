package facts

// TCPInfo is the kernel's struct tcp_info (include/uapi/linux/tcp.h) with Go
// names. The struct has grown with the kernel: Len is how many bytes this
// kernel sent, and Has tells whether a field was among them.
type TCPInfo struct {
	Len uint16

	State, CAState, Retransmits, Probes, Backoff, Options uint8
	SndWscale, RcvWscale                                  uint8
	DeliveryRateAppLimited                                bool
	FastOpenClientFail                                    uint8

	RTOMicros, ATOMicros, SndMSS, RcvMSS                       uint32
	Unacked, Sacked, Lost, Retrans, Fackets                    uint32
	LastDataSentMillis, LastAckSentMillis                      uint32
	LastDataRecvMillis, LastAckRecvMillis                      uint32
	PMTU, RcvSsthresh, RTTMicros, RTTVarMicros                 uint32
	SndSsthresh, SndCwnd, AdvMSS, Reordering                   uint32
	RcvRTTMicros, RcvSpace, TotalRetrans                       uint32
	PacingRateBytes, MaxPacingRateBytes, BytesAcked, BytesRecv uint64
	SegsOut, SegsIn, NotsentBytes, MinRTTMicros                uint32
	DataSegsIn, DataSegsOut                                    uint32
	DeliveryRateBytes, BusyMicros                              uint64
	RwndLimitedMicros, SndbufLimitedMicros                     uint64
	Delivered, DeliveredCE                                     uint32
	BytesSent, BytesRetrans                                    uint64
	DSACKDups, ReordSeen, RcvOOOPack, SndWnd, RcvWnd           uint32
	Rehash                                                     uint32
	TotalRTO, TotalRTORecoveries                               uint16
	TotalRTOMillis                                             uint32
}

// InfoField names a part of TCPInfo by the byte at which it ends in the
// kernel's struct: a reply at least that long carries it.
type InfoField uint16

// Ends of the fields that not every supported kernel sends.
const (
	InfoBase          InfoField = 104 // through TotalRetrans
	InfoBytesAcked    InfoField = 128
	InfoBytesRecv     InfoField = 136
	InfoMinRTT        InfoField = 152
	InfoDataSegs      InfoField = 160
	InfoDeliveryRate  InfoField = 168
	InfoLimited       InfoField = 192 // busy, rwnd and sndbuf limited times
	InfoDelivered     InfoField = 200
	InfoBytesSent     InfoField = 208
	InfoBytesRetrans  InfoField = 216
	InfoReordSeen     InfoField = 224
	InfoRcvOOOPack    InfoField = 228
	InfoSndWnd        InfoField = 232
	InfoRcvWnd        InfoField = 236
	InfoRehash        InfoField = 240
	InfoTotalRTO      InfoField = 248
	InfoAccECNOptions InfoField = 280
)

// Has reports whether the kernel sent the field.
func (t *TCPInfo) Has(f InfoField) bool { return t.Len >= uint16(f) }

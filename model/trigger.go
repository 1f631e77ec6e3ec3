package model

// Trigger is what makes a connection move: a call of the application, an
// arriving segment as the kernel classifies it, or a timer.
type Trigger string

// Calls of the application.
const (
	OnConnect     Trigger = "connect()"
	OnListen      Trigger = "listen()"
	OnShutdown    Trigger = "shutdown(write)"
	OnClose       Trigger = "close()"
	OnCloseUnread Trigger = "close() with unread data"
	OnCloseLinger Trigger = "close() with SO_LINGER 0"
)

// Arriving segments.
const (
	OnSYN       Trigger = "SYN"
	OnSYNRepeat Trigger = "the same SYN again"
	OnSYNFIN    Trigger = "SYN+FIN"
	OnSYNACK    Trigger = "SYN+ACK"
	OnACK       Trigger = "ACK"
	OnACKOfFIN  Trigger = "ACK of FIN"
	OnBadACK    Trigger = "ACK with wrong number"
	OnData      Trigger = "data"
	OnFIN       Trigger = "FIN"
	OnRST       Trigger = "RST, exact"
	OnRSTNear   Trigger = "RST, in window"
	OnRSTOther  Trigger = "RST, ignored"
	OnRSTBadACK Trigger = "RST with wrong ACK"
	OnOld       Trigger = "segment before the window"
	OnBeyond    Trigger = "segment beyond the window"
	OnPAWS      Trigger = "segment with old timestamp"
	OnOvertaken Trigger = "overtaken ACK with old timestamp"
	OnRSTPAWS   Trigger = "RST with old timestamp"
	OnBadEcho   Trigger = "ACK with bad timestamp echo"
	OnSegment   Trigger = "any other segment"
)

// Timers and the rest.
const (
	OnTimer          Trigger = "timer"
	OnLastTimer      Trigger = "timer, no retries left"
	OnKeepalive      Trigger = "keepalive unanswered"
	OnICMP           Trigger = "ICMP error"
	OnListenerClosed Trigger = "listener closed"
)

// Guard is a condition of a transition beyond its trigger.
type Guard string

// The guards of the table.
const (
	Always         Guard = ""
	IfStored       Guard = "SYN accepted"
	IfCookie       Guard = "answered by cookie"
	IfRefused      Guard = "SYN refused"
	IfRoom         Guard = "accept queue has room"
	IfFull         Guard = "accept queue full"
	IfAborting     Guard = "accept queue full, tcp_abort_on_overflow"
	IfDeferred     Guard = "bare ACK, TCP_DEFER_ACCEPT"
	IfListenerGone Guard = "listener gone"
	IfCookieRoom   Guard = "valid cookie, accept queue has room"
	IfCookieFull   Guard = "valid cookie, accept queue full"
	IfOverflowed   Guard = "no valid cookie, overflow in the last 120 s"
	IfChallenging  Guard = "newer kernels"
	IfDeleting     Guard = "older kernels"
	IfResending    Guard = "no SYN repeated yet, newer kernels"
	IfLocked       Guard = "socket in a system call"
	IfLimited      Guard = "rate-limited"
	IfPureLimited  Guard = "rate-limited, takes no sequence number"
	IfTWRoom       Guard = "tcp_max_tw_buckets not reached"
	IfTWShort      Guard = "tcp_max_tw_buckets not reached, life of 4 s at most"
	IfTWFull       Guard = "tcp_max_tw_buckets reached"
	IfLinger2      Guard = "TCP_LINGER2 negative"
	IfLongTimeout  Guard = "tcp_fin_timeout above 60 s"
	IfCarriesFIN   Guard = "segment carries the peer's FIN"
	IfCarriesData  Guard = "segment carries new data"
	IfProtected    Guard = "tcp_rfc1337 on"
	IfReplaceable  Guard = "newer sequence number or timestamp"
	IfReusable     Guard = "reuse allowed"
)

// guardTests decides each guard from the connection and the event.
var guardTests = map[Guard]func(c Conn, e Event) bool{
	Always:         func(Conn, Event) bool { return true },
	IfStored:       func(_ Conn, e Event) bool { return e.Env.SYN == SynStored },
	IfCookie:       func(_ Conn, e Event) bool { return e.Env.SYN == SynCookie },
	IfRefused:      func(_ Conn, e Event) bool { return e.Env.SYN == SynDropped },
	IfRoom:         func(c Conn, e Event) bool { return !e.Env.AcceptFull && !c.ListenerGone },
	IfFull:         func(c Conn, e Event) bool { return e.Env.AcceptFull && !c.Policy.AbortOnOverflow && !c.ListenerGone },
	IfAborting:     func(c Conn, e Event) bool { return e.Env.AcceptFull && c.Policy.AbortOnOverflow && !c.ListenerGone },
	IfDeferred:     func(c Conn, e Event) bool { return e.Env.Deferred && e.Segment.Len == 0 && !c.ListenerGone },
	IfListenerGone: func(c Conn, _ Event) bool { return c.ListenerGone },
	IfCookieRoom:   func(_ Conn, e Event) bool { return e.Env.ValidCookie && !e.Env.AcceptFull },
	IfCookieFull:   func(_ Conn, e Event) bool { return e.Env.ValidCookie && e.Env.AcceptFull },
	IfOverflowed:   func(_ Conn, e Event) bool { return !e.Env.ValidCookie && e.Env.RecentOverflow },
	IfChallenging:  func(c Conn, _ Event) bool { return c.Policy.ChallengeHalfOpen },
	IfDeleting:     func(c Conn, _ Event) bool { return !c.Policy.ChallengeHalfOpen },
	IfResending:    func(c Conn, _ Event) bool { return c.Policy.ResendSYNAtOnce && c.Resent == 0 },
	IfLocked:       func(_ Conn, e Event) bool { return e.Env.Locked },
	IfLimited:      func(_ Conn, e Event) bool { return e.Env.RateLimited },
	IfPureLimited: func(_ Conn, e Event) bool {
		// What carries data or FIN is no part of a loop of ACKs (tcp_oow_rate_limited).
		return e.Env.RateLimited && (e.Segment.Size() == 0 || e.Segment.Flags.Has(SYN))
	},
	IfTWRoom:      func(c Conn, e Event) bool { return !e.Env.TimeWaitFull },
	IfTWShort:     func(c Conn, e Event) bool { return !e.Env.TimeWaitFull && c.Policy.ShortFinTimeout },
	IfTWFull:      func(_ Conn, e Event) bool { return e.Env.TimeWaitFull },
	IfLinger2:     func(c Conn, _ Event) bool { return c.Policy.Linger2Negative },
	IfLongTimeout: func(c Conn, _ Event) bool { return c.Policy.LongFinTimeout },
	IfCarriesFIN:  func(_ Conn, e Event) bool { return e.Segment.Flags.Has(FIN) },
	IfCarriesData: func(c Conn, e Event) bool { return c.newData(e.Segment) > 0 },
	IfProtected:   func(c Conn, _ Event) bool { return c.Policy.RFC1337 },
	IfReplaceable: func(c Conn, e Event) bool { return c.replaceable(e) },
	IfReusable:    func(_ Conn, e Event) bool { return e.Env.Reusable },
}

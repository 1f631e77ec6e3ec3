package lab

import (
	"fmt"
	"net/netip"
	"os"
)

// allSignatures says for each fault how it must show in the kernel.
func allSignatures() map[string]func(*scene) {
	return map[string]func(*scene){
		"accept-queue-overflow-somaxconn":                 signSomaxconn,
		"accept-queue-overflow-stale-somaxconn":           signStaleSomaxconn,
		"accept-queue-overflow-application-backlog":       signBacklog,
		"accept-queue-overflow-application-not-accepting": signStalled,
		"accept-queue-overflow-fd-limit":                  signFDLimit,
		"syn-flood-cookies-on":                            signFloodCookies,
		"syn-flood-cookies-off":                           signFloodDrops,
		"close-wait-leak-descriptor-leak":                 func(s *scene) { signCloseWait(s, 0, 0) },
		"close-wait-leak-stuck-reader":                    func(s *scene) { signCloseWait(s, 18, 19) },
		"ephemeral-port-exhaustion-time-wait":             func(s *scene) { signPorts(s, TimeWait, 0.98) },
		"ephemeral-port-exhaustion-held-open":             func(s *scene) { signPorts(s, Established, 0.98) },
		"ephemeral-port-exhaustion-narrow-range":          func(s *scene) { signPorts(s, Established, 0.98) },
		"ephemeral-port-exhaustion-bound-ports":           signBoundPorts,
		"time-wait-overflow":                              signTimeWaitOverflow,
		"harmless-accept-bursts":                          signBursts,
		"harmless-time-wait":                              signHarmlessTimeWait,
		"harmless-passing-close-wait":                     signPassing,
		"harmless-half-close":                             signHalfClose,
		"harmless-health-checks":                          signHealthChecks,
		"harmless-defer-accept":                           signDefer,
		"harmless-idle":                                   signIdle,
		"harmless-refused":                                signRefused,
		"harmless-past-overflow":                          signPast,
		"harmless-syn-trickle":                            signTrickle,
		"harmless-close-first":                            signCloseFirst,
		"harmless-syn-burst":                              signSynBurst,
	}
}

// overflows is what every overflow of an accept queue shows.
func (s *scene) overflows(limit uint32) {
	s.grew("TcpExt.ListenOverflows", 10)
	if l := s.listener(); l.SendQueue != limit || l.ReceiveQueue < limit {
		s.miss("accept queue: got %d of %d, want it full at %d", l.ReceiveQueue, l.SendQueue, limit)
	}
	s.still("TcpExt.SyncookiesSent", "TcpExt.TCPReqQFullDrop")
	// Clients give up before they repeat a SYN, so no pile-up shows on their side.
	repeated := s.among(s.remote, SynSent, func(k Socket) bool { return k.Retransmits > 0 })
	s.between("repeated SYNs", int64(len(repeated)), 0, 0)
}

func signSomaxconn(s *scene) {
	s.overflows(128)
	s.setting(s.r.Server, "net.core.somaxconn", "128")
	s.atLeast("accepts", int64(s.told[1].Accepted-s.told[0].Accepted), 20)
}

func signStaleSomaxconn(s *scene) {
	s.overflows(128)
	s.setting(s.r.Server, "net.core.somaxconn", "4096")
	same := 0
	for _, k := range s.after {
		if k.State == Listen && k.SendQueue == 128 {
			same++
		}
	}
	s.between("listeners with the old limit", int64(same), 3, 3)
}

func signBacklog(s *scene) {
	s.overflows(8)
	s.setting(s.r.Server, "net.core.somaxconn", "4096")
	s.atLeast("accepts", int64(s.told[1].Accepted-s.told[0].Accepted), 10)
}

func signStalled(s *scene) {
	s.overflows(512)
	s.between("accepts", int64(s.told[1].Accepted), 20, 20)
	waiting := append(s.among(s.after, Established, unowned), s.among(s.after, CloseWait, unowned)...)
	s.atLeast("connections nobody has accepted", int64(len(waiting)), 512)
}

func unowned(k Socket) bool { return k.Inode == 0 }

func owned(k Socket) bool { return k.Inode != 0 }

func signFDLimit(s *scene) {
	s.overflows(64)
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.r.ServerPID))
	if err != nil {
		s.miss("%v", err)
	}
	// Inherited descriptors may have numbers above the limit.
	s.between("open files", int64(len(files)), 128, 136)
	s.atLeast("EMFILE", int64(s.told[1].NoDescriptor-s.told[0].NoDescriptor), 10)
	s.between("accepts", int64(s.told[1].Accepted-s.told[0].Accepted), 0, 0)
}

// flooded is what every flood shows.
func (s *scene) flooded() {
	half := s.among(s.after, SynRecv, nil)
	// One more than the backlog on current kernels, just that on older ones.
	s.between("half-open connections", int64(len(half)), 250, 257)
	sources := map[netip.Addr]bool{}
	for _, k := range half {
		sources[k.Remote.Addr()] = true
	}
	s.atLeast("sources", int64(len(sources)), 200)
	s.still("TcpExt.ListenOverflows")
	s.between("accept queue", int64(s.listener().ReceiveQueue), 0, 5)
}

func signFloodCookies(s *scene) {
	s.flooded()
	s.grew("TcpExt.SyncookiesSent", 200)
	s.between("cookies that came back", s.grown["TcpExt.SyncookiesRecv"], 0, 20)
	s.atLeast("clients in earnest", int64(s.asked[1].Connected), 1)
}

func signFloodDrops(s *scene) {
	s.flooded()
	s.grew("TcpExt.TCPReqQFullDrop", 200)
	s.still("TcpExt.SyncookiesSent")
	s.setting(s.r.Server, "net.ipv4.tcp_syncookies", "0")
}

// signCloseWait wants connections that stay, with so much unread, and more of them.
func signCloseWait(s *scene, low, high uint32) {
	before := map[uint64]bool{}
	for _, k := range s.among(s.before, CloseWait, owned) {
		before[k.Cookie] = true
	}
	stuck, wrong := 0, 0
	after := s.among(s.after, CloseWait, owned)
	for _, k := range after {
		if before[k.Cookie] {
			stuck++
		}
		if k.ReceiveQueue < low || k.ReceiveQueue > high {
			wrong++
		}
	}
	// A newcomer or two may not have come to the end yet.
	s.between("connections with another amount unread", int64(wrong), 0, 3)
	s.between("stuck connections", int64(stuck), int64(len(before)), int64(len(before)))
	s.atLeast("stuck connections", int64(stuck), 300)
	s.atLeast("growth", int64(len(after)-len(before)), 5)
	s.between("accept queue", int64(s.listener().ReceiveQueue), 0, 5)
}

// signPorts wants nearly all ports of one destination taken, mostly in one state.
func signPorts(s *scene, state State, share float64) {
	size := s.r.stage.Size
	s.setting(s.r.Client, "net.ipv4.ip_local_port_range", fmt.Sprintf("%d\t65535", 65536-size))
	s.atLeast("ports taken", int64(len(s.among(s.remote, state, nil))), int64(share*float64(size)))
	s.atLeast("EADDRNOTAVAIL", int64(s.asked[1].NoPort-s.asked[0].NoPort), 5)
	s.between("refused at the other end", s.grown["TcpExt.ListenOverflows"], 0, 0)
}

func signBoundPorts(s *scene) {
	bound := 0
	for _, k := range s.remote {
		if k.State == Closed {
			bound++
		}
	}
	s.between("bound ports", int64(s.asked[1].Bound), 14745, 14745)
	s.between("bound ports in the dump", int64(bound), 14745, 14745)
	s.atLeast("connections", int64(len(s.among(s.remote, Established, owned))), 1500)
	s.atLeast("EADDRNOTAVAIL", int64(s.asked[1].NoPort-s.asked[0].NoPort), 5)
}

func signTimeWaitOverflow(s *scene) {
	s.grew("TcpExt.TCPTimeWaitOverflow", 50)
	waiting := len(s.among(s.after, TimeWait, nil)) + len(s.among(s.after, FinWait2, nil))
	s.between("TIME_WAIT table", int64(waiting), 240, 256)
}

// well is what a healthy server shows.
func (s *scene) well() {
	s.still("TcpExt.ListenOverflows", "TcpExt.TCPReqQFullDrop", "TcpExt.TCPTimeWaitOverflow")
	l := s.listener()
	s.between("accept queue", int64(l.ReceiveQueue), 0, int64(l.SendQueue)*8/10)
}

func signBursts(s *scene) {
	s.well()
	s.atLeast("accepts", int64(s.told[1].Accepted-s.told[0].Accepted), 100)
}

func signHarmlessTimeWait(s *scene) {
	s.well()
	s.between("TIME_WAIT", int64(len(s.among(s.remote, TimeWait, nil))), 3900, 12000)
	s.between("EADDRNOTAVAIL", int64(s.asked[1].NoPort), 0, 0)
	s.atLeast("connections", int64(s.asked[1].Connected-s.asked[0].Connected), 50)
}

func signPassing(s *scene) {
	s.well()
	s.atLeast("CLOSE_WAIT", int64(len(s.among(s.after, CloseWait, owned))), 64)
	before := map[uint64]bool{}
	for _, k := range s.among(s.before, CloseWait, nil) {
		before[k.Cookie] = true
	}
	again := s.among(s.after, CloseWait, func(k Socket) bool { return before[k.Cookie] })
	s.between("the same connections", int64(len(again)), 0, 20)
}

func signHalfClose(s *scene) {
	s.well()
	s.between("CLOSE_WAIT", int64(len(s.among(s.after, CloseWait, owned))), 100, 100)
	s.grew("Tcp.OutSegs", 500) // five to each client
}

func signHealthChecks(s *scene) {
	s.well()
	s.grew("TcpExt.EmbryonicRsts", 20)
	s.still("TcpExt.ListenDrops")
}

func signDefer(s *scene) {
	s.well()
	s.grew("TcpExt.TCPDeferAcceptDrop", 10)
	deferred := s.among(s.after, SynRecv, func(k Socket) bool { return k.Retransmits == 0 })
	s.atLeast("deferred connections", int64(len(deferred)), 20)
	s.atLeast("accepts", int64(s.told[1].Accepted-s.told[0].Accepted), 5)
}

func signIdle(s *scene) {
	s.well()
	s.between("idle connections", int64(len(s.among(s.after, Established, owned))), 300, 300)
	s.still("Tcp.InSegs")
}

func signRefused(s *scene) {
	s.well()
	s.between("resets", s.grown["Tcp.OutRsts"], 2, 20)
	s.between("refusals", s.client["Tcp.AttemptFails"], 2, 20)
}

func signPast(s *scene) {
	s.well()
	now, err := ReadCounters(s.r.Server)
	if err != nil {
		s.miss("%v", err)
	}
	s.atLeast("overflows in all", now["TcpExt.ListenOverflows"], 1)
	s.atLeast("accepts", int64(s.told[1].Accepted-s.told[0].Accepted), 5)
}

func signTrickle(s *scene) {
	s.well()
	s.between("half-open connections", int64(len(s.among(s.after, SynRecv, nil))), 5, 400)
	s.still("TcpExt.SyncookiesSent", "TcpExt.ListenDrops")
}

func signCloseFirst(s *scene) {
	s.well()
	s.between("TIME_WAIT", int64(len(s.among(s.after, TimeWait, nil))), 50, 4000)
}

func signSynBurst(s *scene) {
	s.well()
	s.grew("Tcp.PassiveOpens", 100)
	now, err := ReadCounters(s.r.Server)
	if err != nil {
		s.miss("%v", err)
	}
	sent, back := now["TcpExt.SyncookiesSent"], now["TcpExt.SyncookiesRecv"]
	s.atLeast("cookies", sent, 200)
	// Of the last burst some have not come back yet.
	s.atLeast("cookies that came back", back, sent-200)
}

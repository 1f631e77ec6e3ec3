package model

import "testing"

func openCases() []stepCase {
	syn := Event{Segment: Segment{Flags: SYN, Seq: theirs}, ISS: ours}
	stray := Event{Segment: Segment{Flags: ACK, Seq: theirs + 1, Ack: ours + 1}}
	icmp := Event{Kind: EvICMP}
	return []stepCase{
		{name: "connect", from: nodeClosed, event: Event{Kind: EvConnect, ISS: ours},
			want: outcome{To: "SYN_SENT", Sent: []string{"SYN seq=1000"}, Counts: words("ActiveOpens")}},
		{name: "listen", from: nodeClosed, event: Event{Kind: EvListen}, want: outcome{To: "LISTEN"}},
		{name: "SYN to a closed port", from: nodeClosed, event: syn,
			want: outcome{To: "CLOSED", Sent: []string{"RST+ACK seq=0 ack=5001"}, Counts: words("OutRsts")}},
		{name: "ACK to a closed port", from: nodeClosed, event: stray,
			want: outcome{To: "CLOSED", Sent: []string{"RST seq=1001"}, Counts: words("OutRsts")}},
		{name: "RST to a closed port", from: nodeClosed, event: flags(RST), want: outcome{To: "CLOSED"}},
		{name: "close again", from: nodeClosed, event: Event{Kind: EvClose}, want: outcome{To: "CLOSED"}},

		{name: "SYN stored", from: nodeListen, event: syn.with(Env{SYN: SynStored}),
			want: outcome{To: "LISTEN", Spawned: "SYN_RECV (request)", Sent: []string{"SYN+ACK seq=1000 ack=5001"}}},
		{name: "SYN with data stored", from: nodeListen, event: Event{Segment: Segment{Flags: SYN, Seq: theirs, Len: 10}, ISS: ours, Env: Env{SYN: SynStored}},
			want: outcome{To: "LISTEN", Spawned: "SYN_RECV (request)", Sent: []string{"SYN+ACK seq=1000 ack=5001"}}},
		{name: "SYN answered by cookie", from: nodeListen, event: syn.with(Env{SYN: SynCookie}),
			want: outcome{To: "LISTEN", Sent: []string{"SYN+ACK seq=1000 ack=5001"}}},
		{name: "SYN refused", from: nodeListen, event: syn.with(Env{SYN: SynDropped}), want: outcome{To: "LISTEN"}},
		{name: "cookie ACK", from: nodeListen, event: stray.with(Env{ValidCookie: true}),
			want: outcome{To: "LISTEN", Spawned: "ESTABLISHED", Counts: words("SyncookiesRecv PassiveOpens CurrEstab+1")}},
		{name: "cookie ACK, queue full", from: nodeListen, event: stray.with(Env{ValidCookie: true, AcceptFull: true}),
			want: outcome{To: "LISTEN", Counts: words("SyncookiesRecv ListenOverflows ListenDrops")}},
		{name: "stray ACK", from: nodeListen, event: stray,
			want: outcome{To: "LISTEN", Sent: []string{"RST seq=1001"}, Counts: words("OutRsts")}},
		{name: "stray ACK soon after an overflow", from: nodeListen, event: stray.with(Env{RecentOverflow: true}),
			want: outcome{To: "LISTEN", Sent: []string{"RST seq=1001"}, Counts: words("SyncookiesFailed OutRsts")}},
		{name: "stray SYN+ACK", from: nodeListen, event: Event{Segment: Segment{Flags: SYN | ACK, Seq: theirs, Ack: ours}},
			want: outcome{To: "LISTEN", Sent: []string{"RST seq=1000"}, Counts: words("OutRsts")}},
		{name: "RST", from: nodeListen, event: flags(RST), want: outcome{To: "LISTEN"}},
		{name: "RST+ACK", from: nodeListen, event: flags(RST | ACK), want: outcome{To: "LISTEN"}},
		{name: "SYN+FIN", from: nodeListen, event: flags(SYN | FIN), want: outcome{To: "LISTEN"}},
		{name: "no flags", from: nodeListen, event: flags(0), want: outcome{To: "LISTEN"}},
		{name: "close", from: nodeListen, event: Event{Kind: EvClose}, want: outcome{To: "CLOSED"}},

		{name: "SYN+ACK", from: nodeSynSent, event: Event{Segment: Segment{Flags: SYN | ACK, Seq: theirs, Ack: ours + 1}},
			want: outcome{To: "ESTABLISHED", Sent: []string{"ACK seq=1001 ack=5001"}, Counts: words("CurrEstab+1")}},
		{name: "RST+ACK", from: nodeSynSent, event: Event{Segment: Segment{Flags: RST | ACK, Ack: ours + 1}},
			want: outcome{To: "CLOSED", Counts: words("AttemptFails"), Error: "ECONNREFUSED"}},
		{name: "RST+ACK of nothing", from: nodeSynSent, event: Event{Segment: Segment{Flags: RST | ACK, Ack: ours, Seq: 1}},
			want: outcome{To: "SYN_SENT", Sent: []string{"SYN seq=1000"}, Counts: words("TCPTimeouts TCPSynRetrans RetransSegs")}},
		{name: "RST+ACK of too much, older kernel", from: nodeSynSent, policy: func(p *Policy) { p.ResendSYNAtOnce = false }, event: Event{Segment: Segment{Flags: RST | ACK, Ack: ours + 2, Seq: 1}}, want: outcome{To: "SYN_SENT"}},
		{name: "bare RST", from: nodeSynSent, event: flags(RST), want: outcome{To: "SYN_SENT"}},
		{name: "bare ACK of the SYN", from: nodeSynSent, event: Event{Segment: Segment{Flags: ACK, Seq: theirs, Ack: ours + 1}}, want: outcome{To: "SYN_SENT"}},
		{name: "no flags", from: nodeSynSent, event: flags(0), want: outcome{To: "SYN_SENT"}},
		{name: "SYN+ACK with a wrong number", from: nodeSynSent, event: Event{Segment: Segment{Flags: SYN | ACK, Seq: theirs, Ack: ours + 7}},
			want: outcome{To: "SYN_SENT", Sent: []string{"RST seq=1007", "SYN seq=1000"}, Counts: words("OutRsts TCPTimeouts TCPSynRetrans RetransSegs")}},
		{name: "ACK of nothing, SYN repeated before", from: nodeSynSent, adjust: func(c *Conn) { c.Resent = 1 },
			event: Event{Segment: Segment{Flags: ACK, Seq: theirs, Ack: ours}},
			want:  outcome{To: "SYN_SENT", Sent: []string{"RST seq=1000"}, Counts: words("OutRsts")}},
		{name: "ACK with a wrong number, older kernel", from: nodeSynSent, policy: func(p *Policy) { p.ResendSYNAtOnce = false },
			event: Event{Segment: Segment{Flags: ACK, Seq: theirs, Ack: ours + 2}},
			want:  outcome{To: "SYN_SENT", Sent: []string{"RST seq=1002"}, Counts: words("OutRsts")}},
		{name: "simultaneous open", from: nodeSynSent, event: Event{Segment: Segment{Flags: SYN, Seq: theirs}},
			want: outcome{To: "SYN_RECV (socket)", Sent: []string{"SYN+ACK seq=1000 ack=5001"}}},
		{name: "ICMP", from: nodeSynSent, event: icmp, want: outcome{To: "CLOSED", Counts: words("AttemptFails"), Error: "EHOSTUNREACH"}},
		{name: "ICMP in a system call", from: nodeSynSent, event: icmp.with(Env{Locked: true}), want: outcome{To: "SYN_SENT"}},
		{name: "timer", from: nodeSynSent, event: Event{Kind: EvTimer},
			want: outcome{To: "SYN_SENT", Sent: []string{"SYN seq=1000"}, Counts: words("TCPTimeouts TCPSynRetrans RetransSegs")}},
		{name: "timer, one repeat left", from: nodeSynSent, adjust: func(c *Conn) { c.Resent = 9 }, event: Event{Kind: EvTimer},
			want: outcome{To: "SYN_SENT", Sent: []string{"SYN seq=1000"}, Counts: words("TCPTimeouts TCPSynRetrans RetransSegs")}},
		{name: "last timer", from: nodeSynSent, adjust: func(c *Conn) { c.Resent = 10 }, event: Event{Kind: EvTimer},
			want: outcome{To: "CLOSED", Counts: words("TCPTimeouts AttemptFails TCPAbortOnTimeout"), Error: "ETIMEDOUT"}},
		{name: "close", from: nodeSynSent, event: Event{Kind: EvClose}, want: outcome{To: "CLOSED"}},
		{name: "close linger 0", from: nodeSynSent, policy: func(p *Policy) { p.Linger0 = true }, event: Event{Kind: EvClose},
			want: outcome{To: "CLOSED", Counts: words("TCPAbortOnData")}},
		{name: "close linger 0", from: nodeSynRecv, policy: func(p *Policy) { p.Linger0 = true }, event: Event{Kind: EvClose},
			want: outcome{To: "CLOSED", Sent: []string{"RST+ACK seq=1001 ack=5001"}, Counts: words("TCPAbortOnData OutRsts")}},

		{name: "ACK", from: nodeSynRecv, event: flags(ACK), want: outcome{To: "ESTABLISHED", Counts: words("CurrEstab+1")}},
		{name: "SYN+ACKs cross", from: nodeSynRecv, event: flags(SYN | ACK), seq: -1,
			want: outcome{To: "ESTABLISHED", Sent: []string{"ACK seq=1001 ack=5001"}, Counts: words("CurrEstab+1")}},
		{name: "ACK with FIN", from: nodeSynRecv, event: flags(ACK | FIN),
			want: outcome{To: "CLOSE_WAIT", Sent: []string{"ACK seq=1001 ack=5002"}, Counts: words("CurrEstab+1")}},
		{name: "ACK of nothing", from: nodeSynRecv, event: flags(ACK), ack: -1,
			want: outcome{To: "ESTABLISHED", Counts: words("CurrEstab+1")}},
		{name: "ACK of before", from: nodeSynRecv, event: flags(ACK), ack: -2,
			want: outcome{To: "SYN_RECV (socket)", Sent: []string{"RST seq=999"}, Counts: words("OutRsts")}},
		{name: "ACK of too much", from: nodeSynRecv, event: flags(ACK), ack: 1,
			want: outcome{To: "SYN_RECV (socket)", Sent: []string{"RST seq=1002"}, Counts: words("OutRsts")}},
		{name: "RST", from: nodeSynRecv, event: flags(RST), want: outcome{To: "CLOSED", Counts: words("AttemptFails"), Error: "ECONNRESET"}},
		{name: "timer", from: nodeSynRecv, event: Event{Kind: EvTimer},
			want: outcome{To: "SYN_RECV (socket)", Sent: []string{"SYN+ACK seq=1000 ack=5001"}, Counts: words("TCPTimeouts TCPSynRetrans RetransSegs")}},
		{name: "last timer", from: nodeSynRecv, adjust: func(c *Conn) { c.Resent = 10 }, event: Event{Kind: EvTimer},
			want: outcome{To: "CLOSED", Counts: words("TCPTimeouts AttemptFails TCPAbortOnTimeout"), Error: "ETIMEDOUT"}},
		{name: "close", from: nodeSynRecv, event: Event{Kind: EvClose},
			want: outcome{To: "FIN_WAIT1 (orphan)", Sent: []string{"FIN+ACK seq=1001 ack=5001"}}},
	}
}

func requestCases() []stepCase {
	stamped := func(c *Conn) { c.Timestamps, c.TSRecent = true, 100 }
	ack := flags(ACK)
	old := Event{Segment: Segment{Flags: ACK, Timestamps: true, TSVal: 99}}
	echo := Event{Segment: Segment{Flags: ACK, Timestamps: true, TSVal: 100}, Env: Env{BadEcho: true}}
	echoLimited := echo.with(Env{BadEcho: true, RateLimited: true})
	limited := Env{RateLimited: true}
	half, rst := "SYN_RECV (request)", "RST seq=1001"
	again := []string{"SYN+ACK seq=1000 ack=5001"}
	plain := []string{"ACK seq=1001 ack=5001"}
	gone := words("AttemptFails EmbryonicRsts")
	return []stepCase{
		{name: "final ACK", from: nodeRequest, event: ack, want: outcome{To: "ESTABLISHED", Counts: words("PassiveOpens CurrEstab+1")}},
		{name: "final ACK with data", from: nodeRequest, event: data(ACK|PSH, 100),
			want: outcome{To: "ESTABLISHED", Sent: []string{"ACK seq=1001 ack=5101"}, Counts: words("PassiveOpens CurrEstab+1")}},
		{name: "final ACK with data and FIN", from: nodeRequest, event: data(ACK|FIN, 100),
			want: outcome{To: "CLOSE_WAIT", Sent: []string{"ACK seq=1001 ack=5102"}, Counts: words("PassiveOpens CurrEstab+1")}},
		{name: "final ACK, queue full", from: nodeRequest, event: ack.with(Env{AcceptFull: true}),
			want: outcome{To: half, Counts: words("ListenOverflows ListenDrops")}},
		{name: "final ACK, queue full, aborting", from: nodeRequest, policy: func(p *Policy) { p.AbortOnOverflow = true },
			event: ack.with(Env{AcceptFull: true}),
			want:  outcome{To: "CLOSED", Sent: []string{rst}, Counts: words("ListenOverflows ListenDrops EmbryonicRsts OutRsts")}},
		{name: "final ACK with room, aborting", from: nodeRequest, policy: func(p *Policy) { p.AbortOnOverflow = true }, event: ack,
			want: outcome{To: "ESTABLISHED", Counts: words("PassiveOpens CurrEstab+1")}},
		{name: "bare ACK, deferred", from: nodeRequest, event: ack.with(Env{Deferred: true}),
			want: outcome{To: half, Counts: words("TCPDeferAcceptDrop")}},
		{name: "data, deferred", from: nodeRequest, event: data(ACK, 1).with(Env{Deferred: true}),
			want: outcome{To: "ESTABLISHED", Sent: []string{"ACK seq=1001 ack=5002"}, Counts: words("PassiveOpens CurrEstab+1")}},
		{name: "final ACK, listener gone", from: nodeRequest, adjust: func(c *Conn) { c.ListenerGone = true },
			event: ack.with(Env{Deferred: true, AcceptFull: true}),
			want:  outcome{To: "CLOSED", Sent: []string{rst}, Counts: words("OutRsts")}},
		{name: "the same SYN", from: nodeRequest, event: flags(SYN), seq: -1,
			want: outcome{To: half, Sent: again, Counts: words("TCPSynRetrans RetransSegs")}},
		{name: "the same SYN with an old timestamp", from: nodeRequest, adjust: stamped,
			event: Event{Segment: Segment{Flags: SYN, Timestamps: true, TSVal: 1}}, seq: -1,
			want: outcome{To: half, Sent: plain, Counts: words("PAWSEstab")}},
		{name: "the same number with SYN+RST", from: nodeRequest, event: flags(SYN | RST), seq: -1, want: outcome{To: half}},
		{name: "the same number with SYN+FIN", from: nodeRequest, event: flags(SYN | FIN), seq: -1, want: outcome{To: half}},
		{name: "the same number with SYN+ACK", from: nodeRequest, event: flags(SYN | ACK), seq: -1, want: outcome{To: half, Sent: plain}},
		{name: "ACK with a wrong number", from: nodeRequest, event: ack, ack: 1,
			want: outcome{To: half, Sent: []string{"RST seq=1002"}, Counts: words("OutRsts")}},
		{name: "RST, exact", from: nodeRequest, event: flags(RST), want: outcome{To: "CLOSED", Counts: gone}},
		{name: "RST with a wrong ACK", from: nodeRequest, event: flags(RST | ACK), ack: 5, want: outcome{To: "CLOSED", Counts: gone}},
		{name: "RST, in window", from: nodeRequest, event: flags(RST), seq: 1, want: outcome{To: half, Sent: plain, Counts: words("TCPChallengeACK")}},
		{name: "RST, in window, older kernel", from: nodeRequest, policy: func(p *Policy) { p.ChallengeHalfOpen = false }, adjust: func(c *Conn) { c.Resent = 1 },
			event: flags(RST), seq: 1, want: outcome{To: "CLOSED", Counts: gone}},
		{name: "RST, at the window's end", from: nodeRequest, event: flags(RST), seq: 65535, want: outcome{To: half, Sent: plain, Counts: words("TCPChallengeACK")}},
		{name: "RST, beyond the window", from: nodeRequest, event: flags(RST), seq: 65536, want: outcome{To: half}},
		{name: "RST, before the window", from: nodeRequest, event: flags(RST), seq: -1, want: outcome{To: half}},
		{name: "another SYN in window", from: nodeRequest, event: flags(SYN), seq: 10,
			want: outcome{To: "CLOSED", Sent: []string{"RST+ACK seq=0 ack=5012"}, Counts: words("AttemptFails EmbryonicRsts OutRsts")}},
		{name: "PAWS", from: nodeRequest, adjust: stamped, event: old, want: outcome{To: half, Sent: plain, Counts: words("PAWSEstab")}},
		{name: "RST with an old timestamp", from: nodeRequest, adjust: stamped, event: Event{Segment: Segment{Flags: RST, Timestamps: true, TSVal: 99}},
			want: outcome{To: half, Counts: words("PAWSEstab")}},
		{name: "PAWS, limited", from: nodeRequest, adjust: stamped, event: old.with(limited),
			want: outcome{To: half, Counts: words("PAWSEstab TCPACKSkippedSynRecv")}},
		{name: "equal timestamp is not old", from: nodeRequest, adjust: stamped, event: Event{Segment: Segment{Flags: ACK, Timestamps: true, TSVal: 100}},
			want: outcome{To: "ESTABLISHED", Counts: words("PassiveOpens CurrEstab+1")}},
		{name: "bad echo", from: nodeRequest, adjust: stamped, event: echo, want: outcome{To: half, Sent: plain, Counts: words("TSEcrRejected")}},
		{name: "bad echo, limited", from: nodeRequest, adjust: stamped, event: echoLimited,
			want: outcome{To: half, Counts: words("TSEcrRejected TCPACKSkippedSynRecv")}},
		{name: "old ACK", from: nodeRequest, event: ack, seq: -5, want: outcome{To: half, Sent: plain}},
		{name: "old ACK, limited", from: nodeRequest, event: ack.with(limited), seq: -5, want: outcome{To: half, Counts: words("TCPACKSkippedSynRecv")}},
		{name: "ACK beyond the window", from: nodeRequest, event: ack, seq: 70000, want: outcome{To: half, Sent: plain}},
		{name: "ACK beyond the window, limited", from: nodeRequest, event: ack.with(limited), seq: 70000,
			want: outcome{To: half, Counts: words("TCPACKSkippedSynRecv")}},
		{name: "data without ACK", from: nodeRequest, event: data(0, 10), want: outcome{To: half}},
		{name: "timer", from: nodeRequest, event: Event{Kind: EvTimer}, want: outcome{To: half, Sent: again, Counts: words("TCPTimeouts TCPSynRetrans RetransSegs")}},
		{name: "timer, one repeat left", from: nodeRequest, adjust: func(c *Conn) { c.Resent = 4 }, event: Event{Kind: EvTimer},
			want: outcome{To: half, Sent: again, Counts: words("TCPTimeouts TCPSynRetrans RetransSegs")}},
		{name: "last timer", from: nodeRequest, adjust: func(c *Conn) { c.Resent = 5 }, event: Event{Kind: EvTimer},
			want: outcome{To: "CLOSED", Counts: words("TCPTimeouts")}},
		{name: "ICMP", from: nodeRequest, event: Event{Kind: EvICMP}, want: outcome{To: "CLOSED", Counts: words("ListenDrops")}},
		{name: "listener closed", from: nodeRequest, event: Event{Kind: EvListenerClosed}, want: outcome{To: half}},
	}
}

func TestListenerGoneThenACK(t *testing.T) {
	t.Parallel()
	c, _ := step(from(nodeRequest, defaultPolicy), Event{Kind: EvListenerClosed})
	if !c.ListenerGone || c.Node != nodeRequest {
		t.Fatalf("got %v, gone %v, want a request without a listener", c.Node, c.ListenerGone)
	}
	c, r := step(c, Event{Segment: Segment{Flags: ACK, Seq: theirs + 1, Ack: ours + 1}})
	if c.Node != nodeClosed || outcomeOf(r).Sent[0] != "RST seq=1001" {
		t.Errorf("got %v, %v, want a RST", c.Node, outcomeOf(r))
	}
}

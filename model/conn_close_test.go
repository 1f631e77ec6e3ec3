package model

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func establishedCases() []stepCase {
	var out []stepCase
	for _, n := range []Node{nodeEstablished, nodeCloseWait} {
		rcv := "ack=5001"
		if n == nodeCloseWait {
			rcv = "ack=5002"
		}
		stays := n.String()
		pending := func(c *Conn) { c.SndNxt += 10 }
		out = append(out,
			stepCase{name: "close with unread data", from: n, adjust: func(c *Conn) { c.Unread = 1 }, event: Event{Kind: EvClose},
				want: outcome{To: "CLOSED", Sent: []string{"RST+ACK seq=1001 " + rcv}, Counts: words("TCPAbortOnClose EstabResets CurrEstab-1 OutRsts")}},
			stepCase{name: "close with SO_LINGER 0", from: n, policy: func(p *Policy) { p.Linger0 = true }, event: Event{Kind: EvClose},
				want: outcome{To: "CLOSED", Sent: []string{"RST+ACK seq=1001 " + rcv}, Counts: words("TCPAbortOnData EstabResets CurrEstab-1 OutRsts")}},
			stepCase{name: "timer without data", from: n, event: Event{Kind: EvTimer}, want: outcome{To: stays}},
			stepCase{name: "timer", from: n, adjust: pending, event: Event{Kind: EvTimer},
				want: outcome{To: stays, Sent: []string{"PSH+ACK seq=1001 " + rcv + " len=10"}, Counts: words("TCPTimeouts RetransSegs")}},
			stepCase{name: "last timer", from: n, adjust: func(c *Conn) { c.SndNxt++; c.Resent = 15 }, event: Event{Kind: EvTimer},
				want: outcome{To: "CLOSED", Counts: words("TCPTimeouts TCPAbortOnTimeout EstabResets CurrEstab-1"), Error: "ETIMEDOUT"}},
			stepCase{name: "keepalive", from: n, event: Event{Kind: EvKeepalive},
				want: outcome{To: "CLOSED", Sent: []string{"RST+ACK seq=1001 " + rcv}, Counts: words("TCPAbortOnTimeout EstabResets CurrEstab-1 OutRsts"), Error: "ETIMEDOUT"}},
			stepCase{name: "listener closed, accepted", from: n, event: Event{Kind: EvListenerClosed}, want: outcome{To: stays}},
			stepCase{name: "listener closed, unaccepted", from: n, adjust: func(c *Conn) { c.Unaccepted = true }, event: Event{Kind: EvListenerClosed},
				want: outcome{To: "CLOSED", Sent: []string{"RST+ACK seq=1001 " + rcv}, Counts: words("EstabResets CurrEstab-1 OutRsts")}},
			stepCase{name: "ACK", from: n, event: flags(ACK), want: outcome{To: stays}},
			stepCase{name: "no ACK bit", from: n, event: data(PSH, 5), want: outcome{To: stays}},
		)
	}
	ack := []string{"ACK seq=1001 ack=5001"}
	return append(out, []stepCase{
		{name: "FIN", from: nodeEstablished, event: flags(FIN | ACK), want: outcome{To: "CLOSE_WAIT", Sent: []string{"ACK seq=1001 ack=5002"}}},
		{name: "data and FIN", from: nodeEstablished, event: data(FIN|ACK, 10), want: outcome{To: "CLOSE_WAIT", Sent: []string{"ACK seq=1001 ack=5012"}}},
		{name: "FIN beyond a gap", from: nodeEstablished, event: data(FIN|ACK, 10), seq: 5, want: outcome{To: "ESTABLISHED"}},
		{name: "data", from: nodeEstablished, event: data(ACK, 10), want: outcome{To: "ESTABLISHED", Sent: []string{"ACK seq=1001 ack=5011"}}},
		{name: "partly old data", from: nodeEstablished, event: data(ACK, 10), seq: -4, want: outcome{To: "ESTABLISHED", Sent: []string{"ACK seq=1001 ack=5007"}}},
		{name: "ACK of too much", from: nodeEstablished, event: flags(ACK), ack: 1, want: outcome{To: "ESTABLISHED", Sent: ack, Counts: words("TCPChallengeACK")}},
		{name: "close", from: nodeEstablished, event: Event{Kind: EvClose},
			want: outcome{To: "FIN_WAIT1 (orphan)", Sent: []string{"FIN+ACK seq=1001 ack=5001"}, Counts: words("CurrEstab-1")}},
		{name: "shutdown", from: nodeEstablished, event: Event{Kind: EvShutdown},
			want: outcome{To: "FIN_WAIT1 (socket)", Sent: []string{"FIN+ACK seq=1001 ack=5001"}, Counts: words("CurrEstab-1")}},
		{name: "RST", from: nodeEstablished, event: flags(RST), want: outcome{To: "CLOSED", Counts: words("EstabResets CurrEstab-1"), Error: "ECONNRESET"}},
		{name: "RST before", from: nodeEstablished, event: flags(RST), seq: -1, want: outcome{To: "ESTABLISHED"}},
		{name: "SYN", from: nodeEstablished, event: flags(SYN), seq: 7, want: outcome{To: "ESTABLISHED", Sent: ack, Counts: words("TCPSYNChallenge TCPChallengeACK InErrs")}},
		{name: "SYN+ACK repeated", from: nodeEstablished, event: flags(SYN | ACK), seq: -1,
			want: outcome{To: "ESTABLISHED", Sent: ack, Counts: words("TCPSYNChallenge TCPChallengeACK InErrs")}},
		{name: "SYN, limited", from: nodeEstablished, event: flags(SYN).with(Env{RateLimited: true}),
			want: outcome{To: "ESTABLISHED", Counts: words("TCPSYNChallenge TCPACKSkippedChallenge InErrs")}},
		{name: "write", from: nodeEstablished, event: Event{Kind: EvWrite, Bytes: 7}, want: outcome{To: "ESTABLISHED", Sent: []string{"PSH+ACK seq=1001 ack=5001 len=7"}}},
		{name: "write nothing", from: nodeEstablished, event: Event{Kind: EvWrite}, want: outcome{To: "ESTABLISHED"}},
		{name: "write after shutdown", from: nodeFinWait1, event: Event{Kind: EvWrite, Bytes: 7}, want: outcome{To: "FIN_WAIT1 (socket)"}},

		{name: "close", from: nodeCloseWait, event: Event{Kind: EvClose},
			want: outcome{To: "LAST_ACK (orphan)", Sent: []string{"FIN+ACK seq=1001 ack=5002"}, Counts: words("CurrEstab-1")}},
		{name: "shutdown", from: nodeCloseWait, event: Event{Kind: EvShutdown},
			want: outcome{To: "LAST_ACK (socket)", Sent: []string{"FIN+ACK seq=1001 ack=5002"}, Counts: words("CurrEstab-1")}},
		{name: "RST", from: nodeCloseWait, event: flags(RST), want: outcome{To: "CLOSED", Counts: words("EstabResets CurrEstab-1"), Error: "EPIPE"}},
		{name: "RST at the FIN", from: nodeCloseWait, event: flags(RST), seq: -1, want: outcome{To: "CLOSED", Counts: words("EstabResets CurrEstab-1"), Error: "EPIPE"}},
		{name: "RST two before", from: nodeCloseWait, event: flags(RST), seq: -2, want: outcome{To: "CLOSE_WAIT"}},
		{name: "ACK of too much, limited", from: nodeCloseWait, event: flags(ACK).with(Env{RateLimited: true}), ack: 1,
			want: outcome{To: "CLOSE_WAIT", Counts: words("TCPACKSkippedChallenge")}},
		{name: "ACK of too much, limited", from: nodeEstablished, event: flags(ACK).with(Env{RateLimited: true}), ack: 1,
			want: outcome{To: "ESTABLISHED", Counts: words("TCPACKSkippedChallenge")}},
		{name: "ACK of too much", from: nodeCloseWait, event: flags(ACK), ack: 1,
			want: outcome{To: "CLOSE_WAIT", Sent: []string{"ACK seq=1001 ack=5002"}, Counts: words("TCPChallengeACK")}},
	}...)
}

// validationCases checks the answers to unacceptable segments in every
// synchronized state.
func validationCases() []stepCase {
	var out []stepCase
	for _, n := range Nodes() {
		if !n.synchronized() {
			continue
		}
		c := from(n, defaultPolicy)
		ack := Segment{Flags: ACK, Seq: c.SndNxt, Ack: c.RcvNxt}.String()
		stays := n.String()
		stamped := func(c *Conn) { c.Timestamps, c.TSRecent = true, 100 }
		limited := Env{RateLimited: true}
		syn := words("TCPSYNChallenge TCPChallengeACK")
		synLimited := words("TCPSYNChallenge TCPACKSkippedChallenge")
		if n == nodeEstablished {
			syn, synLimited = append(syn, "InErrs"), append(synLimited, "InErrs")
		}
		out = append(out,
			stepCase{name: "RST in window", from: n, event: flags(RST), seq: 1, want: outcome{To: stays, Sent: []string{ack}, Counts: words("TCPChallengeACK")}},
			stepCase{name: "RST in window, limited", from: n, event: flags(RST).with(limited), seq: 1, want: outcome{To: stays, Counts: words("TCPACKSkippedChallenge")}},
			stepCase{name: "RST with data in window, limited", from: n, event: data(RST, 1).with(limited), seq: 1, want: outcome{To: stays, Counts: words("TCPACKSkippedChallenge")}},
			stepCase{name: "RST beyond", from: n, event: flags(RST), seq: 65536, want: outcome{To: stays}},
			stepCase{name: "old ACK", from: n, event: flags(ACK), seq: -1, want: outcome{To: stays, Sent: []string{ack}}},
			stepCase{name: "old ACK, limited", from: n, event: flags(ACK).with(limited), seq: -1, want: outcome{To: stays, Counts: words("TCPACKSkippedSeq")}},
			stepCase{name: "old data, limited", from: n, event: data(ACK, 3).with(limited), seq: -3, want: outcome{To: stays, Sent: []string{ack}}},
			stepCase{name: "beyond, limited", from: n, event: flags(ACK).with(limited), seq: 65536, want: outcome{To: stays, Counts: words("BeyondWindow TCPACKSkippedSeq")}},
			stepCase{name: "PAWS, limited", from: n, adjust: stamped, event: Event{Segment: Segment{Flags: ACK, Timestamps: true, TSVal: 99}, Env: limited},
				want: outcome{To: stays, Counts: words("PAWSEstab TCPACKSkippedPAWS")}},
			stepCase{name: "old data", from: n, event: data(ACK, 3), seq: -3, want: outcome{To: stays, Sent: []string{ack}}},
			stepCase{name: "beyond", from: n, event: flags(ACK), seq: 65536, want: outcome{To: stays, Sent: []string{ack}, Counts: words("BeyondWindow")}},
			stepCase{name: "PAWS", from: n, adjust: stamped, event: Event{Segment: Segment{Flags: ACK, Timestamps: true, TSVal: 99}},
				want: outcome{To: stays, Sent: []string{ack}, Counts: words("PAWSEstab")}},
			stepCase{name: "overtaken ACK", from: n, adjust: stamped, event: Event{Segment: Segment{Flags: ACK, Seq: c.RcvNxt - 1, Ack: c.SndNxt, Timestamps: true, TSVal: 99}},
				want: outcome{To: stays, Counts: words("PAWSOldAck")}},
			stepCase{name: "overtaken ACK, older kernel", from: n, adjust: stamped, policy: func(p *Policy) { p.ForgiveOvertaken = false },
				event: Event{Segment: Segment{Flags: ACK, Seq: c.RcvNxt - 1, Ack: c.SndNxt, Timestamps: true, TSVal: 99}},
				want:  outcome{To: stays, Sent: []string{ack}, Counts: words("PAWSEstab")}},
			stepCase{name: "SYN", from: n, event: flags(SYN), seq: 9, want: outcome{To: stays, Sent: []string{ack}, Counts: syn}},
			stepCase{name: "SYN, limited", from: n, event: flags(SYN).with(limited), seq: 9, want: outcome{To: stays, Counts: synLimited}},
		)
		if n == nodeSynRecv {
			continue
		}
		out = append(out, stepCase{name: "data with an ACK of too much, limited", from: n, event: data(ACK, 1).with(limited), ack: 1,
			want: outcome{To: stays, Counts: words("TCPACKSkippedChallenge")}})
		if counted(n.State) {
			continue
		}
		out = append(out,
			stepCase{name: "ACK of too much", from: n, event: flags(ACK), ack: 1, want: outcome{To: stays, Sent: []string{ack}, Counts: words("TCPChallengeACK")}},
			stepCase{name: "ACK of too much, limited", from: n, event: flags(ACK).with(limited), ack: 1, want: outcome{To: stays, Counts: words("TCPACKSkippedChallenge")}},
		)
		reset := outcome{To: "CLOSED"}
		if n.Object == OwnedSocket {
			reset.Error = "ECONNRESET"
		}
		out = append(out, stepCase{name: "RST", from: n, event: flags(RST), want: reset})
		if c.SndUna != c.SndNxt {
			fin := Segment{Flags: FIN | ACK, Seq: c.SndNxt - 1, Ack: c.RcvNxt}.String()
			budget := 15
			last := outcome{To: "CLOSED", Counts: words("TCPTimeouts TCPAbortOnTimeout"), Error: "ETIMEDOUT"}
			if n.Object == Orphan {
				budget, last.Error = 8, ""
			}
			out = append(out,
				stepCase{name: "old number acknowledged", from: n, event: flags(ACK), ack: -1, want: outcome{To: stays}},
				stepCase{name: "timer", from: n, adjust: func(c *Conn) { c.Resent = budget - 1 }, event: Event{Kind: EvTimer},
					want: outcome{To: stays, Sent: []string{fin}, Counts: words("TCPTimeouts RetransSegs")}},
				stepCase{name: "last timer", from: n, adjust: func(c *Conn) { c.Resent = budget }, event: Event{Kind: EvTimer}, want: last},
			)
		} else {
			out = append(out, stepCase{name: "ACK", from: n, event: flags(ACK), want: outcome{To: stays}})
		}
	}
	return out
}

func closeCases() []stepCase {
	full := Env{TimeWaitFull: true}
	brief := func(p *Policy) { p.ShortFinTimeout = true }
	long := func(p *Policy) { p.LongFinTimeout = true }
	linger2 := func(p *Policy) { p.Linger2Negative = true }
	linger0 := func(p *Policy) { p.Linger0 = true }
	unread := func(c *Conn) { c.Unread = 5 }
	overflow := words("TCPTimeWaitOverflow")
	ack2 := []string{"ACK seq=1002 ack=5002"}
	abort := []string{"RST+ACK seq=1002 ack=5001"}
	return append(validationCases(), []stepCase{
		{name: "ACK of FIN", from: nodeFinWait1, event: flags(ACK), want: outcome{To: "FIN_WAIT2 (socket)"}},
		{name: "ACK of FIN", from: nodeFinWait1O, event: flags(ACK), want: outcome{To: "FIN_WAIT2 (tw)", Counts: words("TW")}},
		{name: "ACK of FIN, short", from: nodeFinWait1O, policy: brief, event: flags(ACK), want: outcome{To: "FIN_WAIT2 (tw)", Counts: words("TWKilled")}},
		{name: "ACK of FIN, table full", from: nodeFinWait1O, event: flags(ACK).with(full), want: outcome{To: "CLOSED", Counts: overflow}},
		{name: "ACK of FIN, over 60 s", from: nodeFinWait1O, policy: long, event: flags(ACK), want: outcome{To: "FIN_WAIT2 (orphan)"}},
		{name: "ACK of FIN, no linger", from: nodeFinWait1O, policy: linger2, event: flags(ACK),
			want: outcome{To: "CLOSED", Sent: []string{"RST seq=1002"}, Counts: words("TCPAbortOnData OutRsts")}},
		{name: "ACK of FIN with data", from: nodeFinWait1O, event: data(ACK, 1),
			want: outcome{To: "CLOSED", Sent: []string{"RST seq=1002"}, Counts: words("TCPAbortOnData OutRsts")}},
		{name: "ACK of FIN with FIN", from: nodeFinWait1O, event: flags(FIN | ACK), want: outcome{To: "TIME_WAIT", Sent: ack2, Counts: words("TW")}},
		{name: "ACK of FIN with FIN", from: nodeFinWait1, event: flags(FIN | ACK), want: outcome{To: "TIME_WAIT", Sent: ack2, Counts: words("TW")}},
		{name: "FIN", from: nodeFinWait1, event: flags(FIN | ACK), ack: -1, want: outcome{To: "CLOSING (socket)", Sent: ack2}},
		{name: "FIN", from: nodeFinWait1O, event: flags(FIN | ACK), ack: -1, want: outcome{To: "CLOSING (orphan)", Sent: ack2}},
		{name: "data", from: nodeFinWait1, event: data(ACK, 1), ack: -1, want: outcome{To: "FIN_WAIT1 (socket)", Sent: ack2}},
		{name: "data", from: nodeFinWait1O, event: data(ACK, 1), ack: -1,
			want: outcome{To: "CLOSED", Sent: []string{"RST seq=1001"}, Counts: words("TCPAbortOnData OutRsts")}},
		{name: "close", from: nodeFinWait1, event: Event{Kind: EvClose}, want: outcome{To: "FIN_WAIT1 (orphan)"}},
		{name: "close unread", from: nodeFinWait1, adjust: unread, event: Event{Kind: EvClose}, want: outcome{To: "CLOSED", Sent: abort, Counts: words("TCPAbortOnClose OutRsts")}},
		{name: "close linger 0", from: nodeFinWait1, policy: linger0, event: Event{Kind: EvClose}, want: outcome{To: "CLOSED", Sent: abort, Counts: words("TCPAbortOnData OutRsts")}},

		{name: "FIN", from: nodeFinWait2, event: flags(FIN | ACK), want: outcome{To: "TIME_WAIT", Sent: ack2, Counts: words("TW")}},
		{name: "FIN, table full", from: nodeFinWait2, event: flags(FIN | ACK).with(full), want: outcome{To: "CLOSED", Sent: ack2, Counts: overflow}},
		{name: "FIN", from: nodeFinWait2O, event: flags(FIN | ACK), want: outcome{To: "TIME_WAIT", Sent: ack2, Counts: words("TW")}},
		{name: "FIN, table full", from: nodeFinWait2O, event: flags(FIN | ACK).with(full), want: outcome{To: "CLOSED", Sent: ack2, Counts: overflow}},
		{name: "data", from: nodeFinWait2, event: data(ACK, 10), want: outcome{To: "FIN_WAIT2 (socket)", Sent: []string{"ACK seq=1002 ack=5011"}}},
		{name: "data and FIN", from: nodeFinWait2, event: data(FIN|ACK, 10), want: outcome{To: "TIME_WAIT", Sent: []string{"ACK seq=1002 ack=5012"}, Counts: words("TW")}},
		{name: "data", from: nodeFinWait2O, event: data(ACK, 10),
			want: outcome{To: "CLOSED", Sent: []string{"RST seq=1002"}, Counts: words("TCPAbortOnData OutRsts")}},
		{name: "timer while owned", from: nodeFinWait2, event: Event{Kind: EvTimer}, want: outcome{To: "FIN_WAIT2 (socket)"}},
		{name: "close", from: nodeFinWait2, event: Event{Kind: EvClose}, want: outcome{To: "FIN_WAIT2 (tw)", Counts: words("TW")}},
		{name: "close, short", from: nodeFinWait2, policy: brief, event: Event{Kind: EvClose}, want: outcome{To: "FIN_WAIT2 (tw)", Counts: words("TWKilled")}},
		{name: "close, over 60 s", from: nodeFinWait2, policy: long, event: Event{Kind: EvClose}, want: outcome{To: "FIN_WAIT2 (orphan)"}},
		{name: "close, no linger", from: nodeFinWait2, policy: linger2, event: Event{Kind: EvClose},
			want: outcome{To: "CLOSED", Sent: abort, Counts: words("TCPAbortOnLinger OutRsts")}},
		{name: "close, table full", from: nodeFinWait2, event: Event{Kind: EvClose, Env: full}, want: outcome{To: "CLOSED", Counts: overflow}},
		{name: "close unread", from: nodeFinWait2, adjust: unread, event: Event{Kind: EvClose}, want: outcome{To: "CLOSED", Sent: abort, Counts: words("TCPAbortOnClose OutRsts")}},
		{name: "close linger 0", from: nodeFinWait2, policy: linger0, event: Event{Kind: EvClose}, want: outcome{To: "CLOSED", Sent: abort, Counts: words("TCPAbortOnData OutRsts")}},
		{name: "timer", from: nodeFinWait2O, event: Event{Kind: EvTimer}, want: outcome{To: "FIN_WAIT2 (tw)", Counts: words("TW")}},
		{name: "timer, 62 s", from: nodeFinWait2O, policy: brief, event: Event{Kind: EvTimer}, want: outcome{To: "FIN_WAIT2 (tw)", Counts: words("TWKilled")}},
		{name: "timer, table full", from: nodeFinWait2O, event: Event{Kind: EvTimer, Env: full}, want: outcome{To: "CLOSED", Counts: overflow}},

		{name: "FIN", from: nodeFinWait2T, event: flags(FIN | ACK), want: outcome{To: "TIME_WAIT", Sent: ack2, Restarts: true}},
		{name: "data", from: nodeFinWait2T, event: data(ACK, 1), want: outcome{To: "CLOSED", Sent: []string{"RST seq=1002"}, Counts: words("OutRsts")}},
		{name: "data and FIN", from: nodeFinWait2T, event: data(FIN|ACK, 1), want: outcome{To: "CLOSED", Sent: []string{"RST seq=1002"}, Counts: words("OutRsts")}},
		{name: "SYN", from: nodeFinWait2T, event: flags(SYN), want: outcome{To: "CLOSED", Sent: []string{"RST+ACK seq=0 ack=5002"}, Counts: words("OutRsts")}},
		{name: "RST", from: nodeFinWait2T, event: flags(RST), want: outcome{To: "CLOSED"}},
		{name: "bare ACK", from: nodeFinWait2T, event: flags(ACK), want: outcome{To: "FIN_WAIT2 (tw)"}},
		{name: "data without ACK", from: nodeFinWait2T, event: data(0, 5), want: outcome{To: "FIN_WAIT2 (tw)"}},
		{name: "old", from: nodeFinWait2T, event: flags(ACK), seq: -1, want: outcome{To: "FIN_WAIT2 (tw)", Sent: []string{"ACK seq=1002 ack=5001"}}},
		{name: "old, limited", from: nodeFinWait2T, event: flags(ACK).with(Env{RateLimited: true}), seq: -1,
			want: outcome{To: "FIN_WAIT2 (tw)", Counts: words("TCPACKSkippedFinWait2")}},
		{name: "timer", from: nodeFinWait2T, event: Event{Kind: EvTimer}, want: outcome{To: "CLOSED"}},
		{name: "connect", from: nodeFinWait2T, event: Event{Kind: EvConnect, ISS: 9000}, want: outcome{To: "FIN_WAIT2 (tw)", Error: "EADDRNOTAVAIL"}},
		{name: "connect, older kernels", from: nodeFinWait2T, event: Event{Kind: EvConnect, ISS: 9000, Env: Env{Reusable: true}},
			want: outcome{To: "SYN_SENT", Sent: []string{"SYN seq=66539"}, Counts: words("TWRecycled ActiveOpens")}},

		{name: "ACK of FIN", from: nodeClosing, event: flags(ACK), want: outcome{To: "TIME_WAIT", Counts: words("TW")}},
		{name: "ACK of FIN", from: nodeClosingO, event: flags(ACK), want: outcome{To: "TIME_WAIT", Counts: words("TW")}},
		{name: "ACK of FIN, table full", from: nodeClosingO, event: flags(ACK).with(full), want: outcome{To: "CLOSED", Counts: overflow}},
		{name: "close", from: nodeClosing, event: Event{Kind: EvClose}, want: outcome{To: "CLOSING (orphan)"}},
		{name: "close unread", from: nodeClosing, adjust: unread, event: Event{Kind: EvClose},
			want: outcome{To: "CLOSED", Sent: []string{"RST+ACK seq=1002 ack=5002"}, Counts: words("TCPAbortOnClose OutRsts")}},
		{name: "close unread", from: nodeLastAck, adjust: unread, event: Event{Kind: EvClose},
			want: outcome{To: "CLOSED", Sent: []string{"RST+ACK seq=1002 ack=5002"}, Counts: words("TCPAbortOnClose OutRsts")}},
		{name: "close linger 0", from: nodeClosing, policy: linger0, event: Event{Kind: EvClose}, want: outcome{To: "CLOSED", Counts: words("TCPAbortOnData")}},
		{name: "close linger 0", from: nodeLastAck, policy: linger0, event: Event{Kind: EvClose}, want: outcome{To: "CLOSED", Counts: words("TCPAbortOnData")}},
		{name: "ACK of FIN", from: nodeLastAck, event: flags(ACK), want: outcome{To: "CLOSED"}},
		{name: "ACK of FIN", from: nodeLastAckO, event: flags(ACK), want: outcome{To: "CLOSED"}},
		{name: "close", from: nodeLastAck, event: Event{Kind: EvClose}, want: outcome{To: "LAST_ACK (orphan)"}},
		{name: "RST at the FIN", from: nodeLastAckO, event: flags(RST), seq: -1, want: outcome{To: "CLOSED"}},
		{name: "RST at the FIN", from: nodeClosingO, event: flags(RST), seq: -1, want: outcome{To: "CLOSED"}},
		{name: "RST one before", from: nodeFinWait1O, event: flags(RST), seq: -1, want: outcome{To: "FIN_WAIT1 (orphan)"}},
	}...)
}

func timeWaitCases() []stepCase {
	stamped := func(c *Conn) { c.Timestamps, c.TSRecent = true, 100 }
	ts := func(f Flags, v uint32) Event { return Event{Segment: Segment{Flags: f, Timestamps: true, TSVal: v}} }
	ack, stays := []string{"ACK seq=1002 ack=5002"}, "TIME_WAIT"
	reborn := outcome{To: "CLOSED", Spawned: "SYN_RECV (request)", Sent: []string{"SYN+ACK seq=66539 ack=5013"}}
	return []stepCase{
		{name: "timer", from: nodeTimeWait, event: Event{Kind: EvTimer}, want: outcome{To: "CLOSED"}},
		{name: "RST", from: nodeTimeWait, event: flags(RST), want: outcome{To: "CLOSED"}},
		{name: "RST, rfc1337", from: nodeTimeWait, policy: func(p *Policy) { p.RFC1337 = true }, event: flags(RST), want: outcome{To: stays}},
		{name: "RST, other", from: nodeTimeWait, event: flags(RST), seq: 1, want: outcome{To: stays}},
		{name: "bare ACK", from: nodeTimeWait, event: flags(ACK), want: outcome{To: stays, Restarts: true}},
		{name: "FIN again", from: nodeTimeWait, event: flags(FIN | ACK), seq: -1, want: outcome{To: stays, Sent: ack, Restarts: true}},
		{name: "FIN again, limited", from: nodeTimeWait, event: flags(FIN | ACK).with(Env{RateLimited: true}), seq: -1,
			want: outcome{To: stays, Sent: ack, Restarts: true}},
		{name: "old ACK, limited", from: nodeTimeWait, event: flags(ACK).with(Env{RateLimited: true}), seq: -1,
			want: outcome{To: stays, Counts: words("TCPACKSkippedTimeWait"), Restarts: true}},
		{name: "old timestamp, limited", from: nodeTimeWait, adjust: stamped, event: ts(ACK, 99).with(Env{RateLimited: true}),
			want: outcome{To: stays, Counts: words("PAWSTimewait TCPACKSkippedTimeWait"), Restarts: true}},
		{name: "RST with an old timestamp", from: nodeTimeWait, adjust: stamped, event: ts(RST, 99), want: outcome{To: stays, Counts: words("PAWSTimewait")}},
		{name: "SYN+ACK again, limited", from: nodeTimeWait, event: flags(SYN | ACK).with(Env{RateLimited: true}), seq: -1,
			want: outcome{To: stays, Counts: words("TCPACKSkippedTimeWait"), Restarts: true}},
		{name: "data without ACK", from: nodeTimeWait, event: data(0, 4), want: outcome{To: stays, Sent: ack}},
		{name: "old timestamp", from: nodeTimeWait, adjust: stamped, event: ts(ACK, 99), want: outcome{To: stays, Sent: ack, Counts: words("PAWSTimewait"), Restarts: true}},
		{name: "SYN, newer number", from: nodeTimeWait, event: flags(SYN), seq: 10, want: reborn},
		{name: "SYN, equal number", from: nodeTimeWait, event: flags(SYN), seq: 0, want: outcome{To: stays, Sent: ack}},
		{name: "SYN, older number, newer timestamp", from: nodeTimeWait, adjust: stamped, event: ts(SYN, 101), seq: -100,
			want: outcome{To: "CLOSED", Spawned: "SYN_RECV (request)", Sent: []string{"SYN+ACK seq=66539 ack=4903"}}},
		{name: "SYN, older number, equal timestamp", from: nodeTimeWait, adjust: stamped, event: ts(SYN, 100), seq: -100, want: outcome{To: stays, Sent: ack}},
		{name: "SYN, newer number, old timestamp", from: nodeTimeWait, adjust: stamped, event: ts(SYN, 99), seq: 10,
			want: outcome{To: stays, Sent: ack, Counts: words("PAWSTimewait"), Restarts: true}},
		{name: "SYN without a listener", from: nodeTimeWait, event: flags(SYN).with(Env{NoListener: true}), seq: 10, want: outcome{To: stays, Sent: ack}},
		{name: "connect", from: nodeTimeWait, event: Event{Kind: EvConnect, ISS: 9000, Env: Env{Reusable: true}},
			want: outcome{To: "SYN_SENT", Sent: []string{"SYN seq=66539"}, Counts: words("TWRecycled ActiveOpens")}},
		{name: "connect, not reusable", from: nodeTimeWait, event: Event{Kind: EvConnect, ISS: 9000}, want: outcome{To: stays, Error: "EADDRNOTAVAIL"}},
	}
}

// TestSimultaneousClose closes both sides at once, segment by segment.
func TestSimultaneousClose(t *testing.T) {
	t.Parallel()
	a := from(nodeEstablished, defaultPolicy)
	b := a
	b.ISS, b.IRS, b.SndUna, b.SndNxt, b.RcvNxt = a.IRS, a.ISS, a.RcvNxt, a.RcvNxt, a.SndNxt
	a, ra := step(a, Event{Kind: EvClose})
	b, rb := step(b, Event{Kind: EvClose})
	finA, finB := sent(ra)[0], sent(rb)[0]
	a, ra = step(a, Event{Segment: finB})
	b, rb = step(b, Event{Segment: finA})
	if a.Node != nodeClosingO || b.Node != nodeClosingO {
		t.Fatalf("got %v and %v, want CLOSING", a.Node, b.Node)
	}
	ackA, ackB := sent(ra)[0], sent(rb)[0]
	a, _ = step(a, Event{Segment: ackB})
	b, _ = step(b, Event{Segment: ackA})
	if a.Node != nodeTimeWait || b.Node != nodeTimeWait {
		t.Errorf("got %v and %v, want TIME_WAIT on both sides", a.Node, b.Node)
	}
}

// TestHandshakeNumbers runs a whole connection of two machines over a wire and
// checks the numbers of each segment.
func TestHandshakeNumbers(t *testing.T) {
	t.Parallel()
	listener := from(nodeListen, defaultPolicy)
	client := NewConn(defaultPolicy)
	var wire []string
	exchange := func(r run) Segment {
		s := sent(r)[0]
		wire = append(wire, s.String())
		return s
	}
	client, r := step(client, Event{Kind: EvConnect, ISS: 100})
	_, r = step(listener, Event{Segment: exchange(r), ISS: 300, Env: Env{SYN: SynStored}})
	server := *r.actions[0].Child
	client, r = step(client, Event{Segment: exchange(r)})
	ack := exchange(r)
	ack.Len, ack.Flags = 5, ACK|PSH // the third ACK may carry data
	server, r = step(server, Event{Segment: ack})
	client.SndNxt = client.SndNxt.Add(5)
	client, _ = step(client, Event{Segment: exchange(r)})
	if client.Node != nodeEstablished || server.Node != nodeEstablished || server.Unread != 5 || !server.Unaccepted || client.SndUna != 106 {
		t.Fatalf("got %+v and %+v", client, server)
	}
	server, _ = step(server, Event{Kind: EvAccept})
	server, _ = step(server, Event{Kind: EvRead, Bytes: 5})
	if server.Unaccepted || server.Unread != 0 {
		t.Fatalf("got %+v, want accepted and read", server)
	}
	server, r = step(server, Event{Kind: EvClose})
	client, r = step(client, Event{Segment: exchange(r)})
	server, _ = step(server, Event{Segment: exchange(r)})
	client, r = step(client, Event{Kind: EvClose})
	server, r = step(server, Event{Segment: exchange(r)})
	client, _ = step(client, Event{Segment: exchange(r)})
	if client.Node != nodeClosed || server.Node != nodeTimeWait {
		t.Fatalf("got %v and %v, want CLOSED and TIME_WAIT", client.Node, server.Node)
	}
	want := []string{
		"SYN seq=100", "SYN+ACK seq=300 ack=101", "ACK seq=101 ack=301", "ACK seq=301 ack=106",
		"FIN+ACK seq=301 ack=106", "ACK seq=106 ack=302", "FIN+ACK seq=106 ack=302", "ACK seq=302 ack=107",
	}
	if diff := cmp.Diff(want, wire); diff != "" {
		t.Errorf("segments (-want +got):\n%s", diff)
	}
}

func sent(r run) []Segment {
	var out []Segment
	for _, a := range r.actions {
		if a.Kind == ActSend {
			out = append(out, a.Segment)
		}
	}
	return out
}

package model

import "github.com/tcpdoctor/tcpdoctor/facts"

// segment classifies an arriving segment and takes the transitions it causes:
// its acknowledgement first, then its data, then its FIN, as
// tcp_rcv_state_process does.
func (r *run) segment() {
	c, s := &r.c, r.e.Segment
	switch {
	case c.Object == NoObject:
		r.take(pick(s.Flags.Has(RST), OnRST, OnSegment))
	case c.State == facts.Listen:
		r.take(c.classifyListen(s))
	case c.State == facts.SynSent:
		r.take(c.classifySynSent(s))
	case c.Object == Request:
		on := c.classifyRequest(s, r.e.Env)
		r.take(on)
		if on == OnACK && c.State == facts.Established {
			r.payload()
		}
	case c.State == facts.TimeWait:
		r.take(c.classifyTimeWait(s))
	case c.Object == TimeWaitObject:
		r.take(c.classifyFinWait2(s))
	default:
		r.synchronized()
	}
}

func pick(cond bool, a, b Trigger) Trigger {
	if cond {
		return a
	}
	return b
}

func (c Conn) classifyListen(s Segment) Trigger {
	switch {
	case s.Flags.Has(RST):
		return OnRST
	case s.Flags.Has(ACK):
		return OnACK
	case s.Flags.Has(SYN | FIN):
		return OnSYNFIN
	case s.Flags.Has(SYN):
		return OnSYN
	}
	return ""
}

// classifySynSent follows RFC 9293 3.10.7.3.
func (c Conn) classifySynSent(s Segment) Trigger {
	rst := s.Flags.Has(RST)
	if s.Flags.Has(ACK) {
		acceptable := s.Ack.After(c.SndUna) && s.Ack.AtMost(c.SndNxt)
		switch {
		case rst:
			return pick(acceptable, OnRST, OnRSTBadACK)
		case !acceptable:
			return OnBadACK
		case s.Flags.Has(SYN):
			return OnSYNACK
		}
		return ""
	}
	switch {
	case rst:
		return OnRSTOther
	case s.Flags.Has(SYN):
		return OnSYN
	}
	return ""
}

// classifyRequest follows tcp_check_req.
func (c Conn) classifyRequest(s Segment, env Env) Trigger {
	paws := c.paws(s)
	control := s.Flags & (SYN | RST | FIN | ACK)
	switch {
	case s.Seq == c.IRS && control == SYN && !paws:
		return OnSYNRepeat
	case s.Flags.Has(ACK) && !s.Flags.Has(RST) && s.Ack != c.SndNxt:
		return OnBadACK
	case paws:
		return pick(s.Flags.Has(RST), OnRSTPAWS, OnPAWS)
	case env.BadEcho && s.Flags.Has(ACK) && s.Timestamps:
		return OnBadEcho
	}
	switch where := c.place(s); {
	case where != inWindow && s.Flags.Has(RST):
		return OnRSTOther
	case where != inWindow:
		return pick(where == beforeWindow, OnOld, OnBeyond)
	case s.Flags.Has(RST):
		return pick(s.Seq == c.RcvNxt, OnRST, OnRSTNear)
	case s.Flags.Has(SYN) && s.Seq != c.IRS:
		return OnSYN
	case s.Flags.Has(ACK):
		return OnACK
	}
	return ""
}

// classifyTimeWait follows tcp_timewait_state_process for a real TIME_WAIT.
func (c Conn) classifyTimeWait(s Segment) Trigger {
	paws, rst := c.paws(s), s.Flags.Has(RST)
	switch {
	case !paws && s.Seq == c.RcvNxt && rst:
		return OnRST
	case rst:
		return pick(paws, OnRSTPAWS, OnRSTOther)
	case !paws && s.Seq == c.RcvNxt && s.Size() == 0:
		return OnACK
	case paws:
		return OnPAWS
	case s.Flags.Has(ACK):
		return OnOld
	}
	return pick(s.Flags.Has(SYN), OnSYN, OnSegment)
}

// classifyFinWait2 follows tcp_timewait_state_process for the FIN_WAIT2
// substate.
func (c Conn) classifyFinWait2(s Segment) Trigger {
	switch {
	case c.paws(s) || c.place(s) != inWindow:
		return OnOld
	case s.Flags.Has(RST):
		return OnRST
	case s.Flags.Has(SYN) && !s.Seq.Before(c.RcvNxt):
		return OnSYN
	case !s.Flags.Has(ACK) || s.Size() == 0 || s.End().AtMost(c.RcvNxt):
		return OnACK
	case s.Flags.Has(FIN) && s.End() == c.RcvNxt+1:
		return OnFIN
	}
	return OnData
}

// replaceable reports whether a SYN may replace this TIME_WAIT object.
func (c Conn) replaceable(e Event) bool {
	s := e.Segment
	return SynOnTimeWait{
		Seq: s.Seq, Expected: c.RcvNxt, Timestamps: s.Timestamps && c.Timestamps,
		Timestamp: s.TSVal, LastSeen: c.TSRecent,
		PAWSFails:            c.paws(s), // a RST or an ACK is not classified as a SYN
		ListenerStillPresent: !e.Env.NoListener,
	}.Accepts()
}

// paws reports whether a segment's timestamp is older than the newest seen
// (RFC 7323, 5.3).
func (c Conn) paws(s Segment) bool {
	return c.Timestamps && s.Timestamps && r32After(c.TSRecent, s.TSVal)
}

// r32After reports whether timestamp a is newer than b.
func r32After(a, b uint32) bool { return int32(a-b) > 0 }

// place says where a segment lies against the receive window.
type place uint8

const (
	inWindow place = iota
	beforeWindow
	beyondWindow
)

// place follows tcp_sequence: a segment is old if nothing of it is at or after
// the next expected byte, and beyond if it starts after the window.
func (c Conn) place(s Segment) place {
	switch {
	case s.Seq.After(c.RcvNxt.Add(int(c.RcvWnd))):
		return beyondWindow
	case s.Size() == 0 && s.Seq.Before(c.RcvNxt), s.Size() > 0 && s.End().AtMost(c.RcvNxt):
		return beforeWindow
	}
	return inWindow
}

// newData returns how many bytes of a segment are new and in order.
func (c Conn) newData(s Segment) int {
	if s.Seq.After(c.RcvNxt) {
		return 0
	}
	return max(0, c.RcvNxt.Distance(s.Seq.Add(s.Len)))
}

// validate returns the trigger of a segment that fails the checks of
// RFC 9293 3.10.7.4, in the order of tcp_validate_incoming.
func (c Conn) validate(s Segment) Trigger {
	rst, where := s.Flags.Has(RST), c.place(s)
	switch {
	case c.paws(s) && !rst:
		overtaken := s.Flags.Has(ACK) && s.Size() == 0 && s.Seq.Before(c.RcvNxt)
		return pick(overtaken && c.Policy.ForgiveOvertaken, OnOvertaken, OnPAWS)
	case rst && (s.Seq == c.RcvNxt || s.Seq == c.RcvNxt-1 && c.finReceived()):
		return OnRST
	case rst:
		return pick(where == inWindow, OnRSTNear, OnRSTOther)
	case c.State == facts.SynRecv && s.Flags.Has(SYN|ACK) && s.End() == c.RcvNxt && s.Ack == c.SndNxt:
		return OnSYNACK // those of a simultaneous open cross
	case s.Flags.Has(SYN):
		return OnSYN
	case where == beforeWindow:
		return OnOld
	case where == beyondWindow:
		return OnBeyond
	}
	return ""
}

// finReceived reports whether the peer's FIN has been taken: then its RST may
// carry the number before it (tcp_reset_check).
func (c Conn) finReceived() bool {
	return c.State == facts.CloseWait || c.State == facts.LastAck || c.State == facts.Closing
}

// synchronized handles a segment for a socket that knows both sequence
// numbers.
func (r *run) synchronized() {
	c, s := &r.c, r.e.Segment
	if on := c.validate(s); on != "" {
		r.take(on)
		return
	}
	if !s.Flags.Has(ACK) {
		return
	}
	switch {
	case s.Ack.After(c.SndNxt), c.State == facts.SynRecv && s.Ack.Before(c.SndUna):
		r.take(OnBadACK)
		return
	case c.FinSent && s.Ack == c.SndNxt && c.SndUna != c.SndNxt:
		r.acknowledged(s)
		r.take(OnACKOfFIN)
	default:
		r.acknowledged(s)
		r.take(OnACK)
	}
	r.payload()
}

// acknowledged moves the oldest unacknowledged number.
func (r *run) acknowledged(s Segment) {
	c := &r.c
	if s.Ack.After(c.SndUna) {
		c.SndUna, c.Resent = s.Ack, 0
	}
	c.stamp(s)
}

// stamp keeps the newest timestamp of the peer (RFC 7323, 4.3).
func (c *Conn) stamp(s Segment) {
	if s.Timestamps && c.Timestamps && !r32After(c.TSRecent, s.TSVal) {
		c.TSRecent = s.TSVal
	}
}

// payload handles the data and the FIN of a segment, unless the connection is
// gone. Data that leaves a gap is not kept: the peer sends it again.
func (r *run) payload() {
	c, s := &r.c, r.e.Segment
	if c.Object == NoObject || s.Seq.After(c.RcvNxt) {
		return
	}
	fin := s.Flags.Has(FIN) && !s.End().AtMost(c.RcvNxt)
	if c.newData(s) > 0 {
		r.take(OnData)
	}
	if fin && c.Object != NoObject {
		r.take(OnFIN)
	}
}

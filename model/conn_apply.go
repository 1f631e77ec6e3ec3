package model

import "github.com/tcpdoctor/tcpdoctor/facts"

// take applies the row of the table for a trigger, if there is one.
func (r *run) take(on Trigger) {
	row, i, ok := find(r.c, on, r.e)
	if !ok {
		return
	}
	r.rows = append(r.rows, i)
	before := r.c
	r.sequence(on, row)
	for _, reply := range row.Send {
		r.send(r.reply(reply))
	}
	for _, counter := range row.Count {
		r.actions = append(r.actions, Action{Kind: ActCount, Counter: counter})
	}
	if row.Spawns != (Node{}) {
		r.spawn(row.Spawns)
	}
	if row.Restarts {
		r.actions = append(r.actions, Action{Kind: ActRestart})
	}
	if row.Error != "" && before.Object == OwnedSocket || row.Error == errNoAddress {
		r.actions = append(r.actions, Action{Kind: ActError, Error: row.Error})
	}
	r.move(row.To)
}

// move enters the row's target.
func (r *run) move(to Node) {
	c := &r.c
	if to.Object == anyObject {
		to.Object = c.Object
	}
	if c.Object == Request && to == nodeEstablished {
		c.Unaccepted = true
	}
	if c.State != to.State {
		c.Resent = 0
	}
	c.Node = to
	if to.Object == NoObject {
		*c = Conn{Node: to, Policy: c.Policy, RcvWnd: c.RcvWnd}
	}
}

// sequence updates the numbers a trigger moves.
func (r *run) sequence(on Trigger, row Transition) {
	c, s := &r.c, r.e.Segment
	switch on {
	case OnConnect:
		if row.To == nodeSynSent {
			iss := r.e.ISS
			if c.Object == TimeWaitObject {
				iss = TimeWaitReplacementISS(c.SndNxt)
			}
			c.ISS, c.SndUna, c.SndNxt = iss, iss, iss+1
			c.FinSent, c.Timestamps, c.Unread = false, false, 0
		}
	case OnSYNACK:
		c.IRS, c.RcvNxt, c.SndUna = s.Seq, s.Seq+1, s.Ack
		c.Timestamps, c.TSRecent = s.Timestamps, s.TSVal
	case OnSYN:
		if c.State == facts.SynSent {
			c.IRS, c.RcvNxt = s.Seq, s.Seq+1
			c.Timestamps, c.TSRecent = s.Timestamps, s.TSVal
		}
	case OnACK:
		c.stamp(s)
		if row.To == nodeEstablished && c.Object == Request {
			c.SndUna = s.Ack
		}
	case OnData:
		n := c.newData(s)
		c.RcvNxt = c.RcvNxt.Add(n)
		c.Unread += n
	case OnFIN:
		c.stamp(s)
		c.RcvNxt = s.End()
	case OnTimer:
		c.Resent++
	case OnBadACK, OnRSTBadACK:
		if row.When == IfResending {
			c.Resent++
		}
	default:
	}
}

// send emits a segment. An ACK that only repeats the one before it in the same
// step takes its place.
func (r *run) send(s Segment) {
	if n := len(r.actions); n > 0 && s.Flags == ACK && s.Len == 0 {
		if last := &r.actions[n-1]; last.Kind == ActSend && last.Segment.Flags == ACK && last.Segment.Len == 0 {
			last.Segment = s
			return
		}
	}
	r.actions = append(r.actions, Action{Kind: ActSend, Segment: s})
}

// reply builds the segment that a row sends.
func (r *run) reply(kind Reply) Segment {
	c := &r.c
	out := Segment{Flags: ACK, Seq: c.SndNxt, Ack: c.RcvNxt, Window: c.RcvWnd}
	switch kind {
	case SendSYN:
		out = Segment{Flags: SYN, Seq: c.ISS, Window: c.RcvWnd}
	case SendSYNACK:
		out.Flags, out.Seq = SYN|ACK, c.ISS
		if c.State == facts.Listen { // a cookie: the listener keeps nothing
			out.Seq, out.Ack = r.e.ISS, r.e.Segment.Seq+1
		}
	case SendFIN:
		out.Flags = FIN | ACK
		if c.FinSent {
			out.Seq = c.SndNxt - 1
			return out
		}
		c.FinSent = true
		c.SndNxt++
	case SendData:
		out.Flags, out.Seq, out.Len = ACK|PSH, c.SndUna, c.SndUna.Distance(c.SndNxt)
	case SendRST:
		return r.reset()
	default:
	}
	return out
}

// reset builds a RST: in answer to a segment it takes the number that makes it
// acceptable there (RFC 9293 3.10.7.1); on our own account it is the next we
// would send.
func (r *run) reset() Segment {
	c, s := &r.c, r.e.Segment
	switch {
	case r.e.Kind != EvSegment:
		return Segment{Flags: RST | ACK, Seq: c.SndNxt, Ack: c.RcvNxt}
	case s.Flags.Has(ACK):
		return Segment{Flags: RST, Seq: s.Ack}
	}
	return Segment{Flags: RST | ACK, Ack: s.End()}
}

// spawn makes the object that a listener or a replaced TIME_WAIT object gives
// birth to, and sends what it sends.
func (r *run) spawn(node Node) {
	s := r.e.Segment
	child := NewConn(r.c.Policy)
	child.Node = node
	child.Timestamps, child.TSRecent = s.Timestamps, s.TSVal
	if node == nodeEstablished { // from a cookie: the numbers are in the ACK
		child.IRS, child.RcvNxt = s.Seq-1, s.Seq
		child.ISS, child.SndUna, child.SndNxt = s.Ack-1, s.Ack, s.Ack
		child.Unaccepted = true
		r.actions = append(r.actions, Action{Kind: ActSpawn, Child: &child})
		return
	}
	iss := r.e.ISS
	if r.c.State == facts.TimeWait {
		iss = TimeWaitReplacementISS(r.c.SndNxt)
	}
	child.IRS, child.RcvNxt = s.Seq, s.Seq+1
	child.ISS, child.SndUna, child.SndNxt = iss, iss, iss+1
	r.actions = append(r.actions, Action{Kind: ActSpawn, Child: &child})
	r.send(Segment{Flags: SYN | ACK, Seq: iss, Ack: child.RcvNxt, Window: child.RcvWnd})
}

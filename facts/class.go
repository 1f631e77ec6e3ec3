package facts

import "math/bits"

// classRules says which connections belong to which class. A connection may
// belong to several.
var classRules = [...]struct {
	name  ClassName
	holds func(*Socket) bool
}{
	{ClassCloseWait, func(s *Socket) bool { return s.State == CloseWait && s.Owned() }},
	{ClassFinWait2, func(s *Socket) bool { return s.State == FinWait2 }},
	{ClassSynSent, func(s *Socket) bool { return s.State == SynSent }},
	{ClassLastAck, func(s *Socket) bool {
		return s.State == LastAck || s.State == Closing || s.State == FinWait1 && !s.Owned()
	}},
	{ClassUnread, func(s *Socket) bool { return s.State == Established && s.Owned() && s.RecvQueue > 0 }},
	{ClassZeroWindow, func(s *Socket) bool { return s.Timer == TimerZeroWindow }},
	{ClassRetransmit, func(s *Socket) bool {
		return s.Timer == TimerRetransmit && s.Retrans >= 3 && s.State != SynRecv && s.State != SynSent
	}},
	{ClassUnaccepted, func(s *Socket) bool {
		return !s.Owned() && (s.State == Established || s.State == CloseWait)
	}},
	{ClassEstablished, func(s *Socket) bool { return s.State == Established }},
}

type classTally struct {
	class   Class
	samples *lowest[Sample]
}

func (t *classTally) add(s *Socket, hash uint64) {
	t.class.Total++
	t.class.QueueBytes += uint64(s.RecvQueue) + uint64(s.SendQueue)
	if s.Info.Len > 0 {
		t.class.Ages[bits.Len32(s.Info.LastAckRecvMillis)]++
	}
	if t.samples.admits(hash) {
		t.samples.add(hash, sampleOf(s))
	}
}

func sampleOf(s *Socket) Sample {
	out := Sample{
		Cookie: s.Cookie, Local: s.Local, Remote: s.Remote, State: s.State, Timer: s.Timer,
		Retrans: s.Retrans, Inode: s.Inode, UID: s.UID, CgroupID: s.CgroupID,
		RecvQueue: s.RecvQueue, SendQueue: s.SendQueue,
	}
	if s.Info.Has(InfoBytesRecv) {
		out.BytesMoved = Some(s.Info.BytesAcked + s.Info.BytesRecv)
	}
	if s.Info.Has(InfoBase) {
		out.LastAckRecvMillis = Some(s.Info.LastAckRecvMillis)
		out.LastDataRecvMillis = Some(s.Info.LastDataRecvMillis)
	}
	return out
}

package model

import "time"

// arrive starts a client of one of the arrival processes.
func (s *sim) arrive(process int) {
	a := &s.c.Arrivals[process]
	for range a.size() {
		id := s.newClient()
		s.tally.Arrivals++
		c := &s.clients[id]
		c.slow = s.c.SlowShare > 0 && s.rand.Float64() < s.c.SlowShare
		if s.c.GiveUp > 0 {
			s.later(int64(s.c.GiveUp), evGiveUp, id)
		}
		s.syn(id)
	}
	s.events.push(event{at: s.now + a.gap(s.rand), kind: evArrival, id: uint32(process)})
}

// flood sends one SYN from a spoofed source.
func (s *sim) flood() {
	s.tally.FloodSYNs++
	id := s.newClient()
	s.clients[id].spoofed = true
	if !s.synArrives(id) {
		s.done(id)
	}
	s.events.push(event{at: s.now + exponential(s.rand, s.c.FloodPerSecond), kind: evFlood})
}

// syn sends a client's SYN, the first or a repeat.
func (s *sim) syn(id uint32) {
	c := &s.clients[id]
	if c.state != clientDialing {
		return
	}
	if int(c.syns) == len(s.schedule) {
		s.tally.TimedOut++
		s.forget(id)
		s.done(id)
		return
	}
	next := s.dialDeath
	if n := int(c.syns) + 1; n < len(s.schedule) {
		next = s.schedule[n]
	}
	repeat := c.syns > 0
	c.syns++
	if repeat {
		s.tally.SynRepeats++
	}
	s.events.push(event{at: c.start + next, kind: evSYN, id: id, gen: c.gen})
	s.synArrives(id)
}

// synArrives puts a SYN through the kernel's decision. It reports whether an
// entry was stored.
func (s *sim) synArrives(id uint32) bool {
	c := &s.clients[id]
	if c.entry { // the entry answers a repeated SYN itself
		s.counts.SynRetrans++
		s.counts.ListenerDrops++
		s.answer(id)
		return true
	}
	q := SynQueue{
		Limit: s.limit, AcceptLength: s.queue.len(), HalfOpen: s.halfOpen,
		MaxSynBacklog: s.c.MaxSynBacklog, Syncookies: s.c.Syncookies, Extra: s.c.Dialect.SynQueueExtra,
	}
	note, at := decideRules(s.synRules, q, SynArrival{})
	if note >= 0 {
		s.counts.DoCookies++
	}
	switch rule := &s.synRules[at]; rule.Result {
	case SynStored:
		c.entry, c.cookie, c.timeouts = true, false, 0
		s.halfOpen++
		s.young++
		s.armSynAck(id)
		s.answer(id)
		return true
	case SynCookie:
		s.counts.CookiesSent++
		s.lastCookie = s.now
		c.cookie = true
		s.answer(id)
	default:
		s.counts.drop(rule.Counters)
		s.counts.ListenerDrops += uint64(rule.ListenerDrops)
		if c.spoofed {
			s.tally.FloodDropped++
		} else {
			s.tally.SynsDropped++
		}
	}
	return false
}

// answer is the client's reaction to a SYN-ACK: its ACK, a round trip later.
func (s *sim) answer(id uint32) {
	c := &s.clients[id]
	switch {
	case c.spoofed:
	case c.slow && c.state == clientDialing:
		s.later(s.rtt+s.slow, evACK, id)
	default:
		s.later(s.rtt, evACK, id)
	}
}

// ack is a client's ACK, or data that carries one, at the server.
func (s *sim) ack(id uint32) {
	c := &s.clients[id]
	if c.state == clientQueued || c.state == clientGone {
		return // a repeat of an ACK that has done its work
	}
	if !c.entry && !c.cookie {
		// The entry expired: the listener knows nothing of this connection.
		s.counts.OutRsts++
		if s.now-s.lastCookie <= int64(120*time.Second) {
			s.counts.CookiesFailed++
		}
		s.tally.Reset++
		s.done(id)
		return
	}
	c.state = clientConnected
	kind := ArrivalStoredACK
	if c.cookie {
		kind = ArrivalCookieACK
		s.counts.CookiesRecv++
	}
	q := AcceptQueue{Limit: s.limit, Length: s.queue.len(), AbortOnOverflow: s.c.AbortOnOverflow}
	if q.Full() {
		s.refuse(id, q.Arrive(kind))
		return
	}
	s.forget(id)
	c.cookie = false
	c.state = clientQueued
	s.counts.PassiveOpens++
	s.queue.push(queued{id: id, since: s.now})
	s.tally.AcceptPeak = max(s.tally.AcceptPeak, s.queue.len())
	s.wakeService()
}

// refuse handles an ACK that finds the accept queue full.
func (s *sim) refuse(id uint32, o AcceptOutcome) {
	c := &s.clients[id]
	s.counts.ListenOverflows++
	s.counts.ListenDrops++
	s.counts.ListenerDrops += uint64(o.ListenerDrops)
	s.tally.AcksDropped++
	if o.Reset {
		s.counts.EmbryonicRsts++
		s.counts.OutRsts++
		s.tally.Reset++
		s.forget(id)
		s.done(id)
		return
	}
	if s.c.Quiet && c.cookie {
		s.tally.Hung++ // nothing ever repeats a cookie's ACK
		s.done(id)
		return
	}
	if !s.c.Quiet && c.repeats == 0 {
		c.repeats = 1
		s.later(s.dataTimeout(0), evData, id)
	}
}

// data repeats a client's first data, which carries the ACK again.
func (s *sim) data(id uint32) {
	c := &s.clients[id]
	if c.state != clientConnected {
		return
	}
	s.later(s.dataTimeout(int(c.repeats)), evData, id)
	if c.repeats < 15 {
		c.repeats++
	}
	s.ack(id)
}

// dataTimeout returns a client's retransmission timeout after n repeats.
func (s *sim) dataTimeout(n int) int64 {
	base := max(int64(200*time.Millisecond), 3*s.rtt)
	return min(base<<n, int64(defaultRTOMax))
}

// synAckTimer fires for a half-open entry.
func (s *sim) synAckTimer(id uint32) {
	c := &s.clients[id]
	if !c.entry {
		return
	}
	retries := PrunedRetries(s.c.SynackRetries, s.halfOpen, s.young, s.limit)
	s.counts.Timeouts++
	expires, _ := HalfOpenTimer{Timeouts: int(c.timeouts), Retries: retries}.Fire()
	if expires {
		s.forget(id)
		s.tally.Expired++
		switch {
		case c.spoofed:
			s.done(id)
		case c.state == clientConnected && s.c.Quiet:
			// The client waits for a server that has forgotten it.
			s.tally.Hung++
			s.done(id)
		}
		return
	}
	if c.timeouts == 0 {
		s.young--
	}
	c.timeouts++
	s.counts.SynRetrans++
	s.armSynAck(id)
	s.answer(id)
}

// armSynAck arms the entry's timer for its next firing.
func (s *sim) armSynAck(id uint32) {
	c := &s.clients[id]
	timeout := min(RTOBase<<c.timeouts, defaultRTOMax)
	at := wheelFires(time.Duration(s.now), timeout)
	s.events.push(event{at: int64(at), kind: evSynAckTimer, id: id, gen: c.gen})
}

// forget removes a client's half-open entry, if there is one.
func (s *sim) forget(id uint32) {
	c := &s.clients[id]
	if !c.entry {
		return
	}
	c.entry = false
	s.halfOpen--
	if c.timeouts == 0 {
		s.young--
	}
}

// giveUp ends a client's patience.
func (s *sim) giveUp(id uint32) {
	c := &s.clients[id]
	s.tally.GaveUp++
	if c.state == clientQueued {
		c.state = clientGone // the server will still accept it
		return
	}
	s.forget(id) // its RST deletes the entry
	s.done(id)
}

// wakeService starts the accept loop if it sleeps and may work.
func (s *sim) wakeService() {
	if s.serviceBusy || s.c.Service.Never {
		return
	}
	s.serviceBusy = true
	at := s.stall.after(max(s.now, s.serviceFree))
	s.events.push(event{at: at, kind: evAccept})
}

// accept takes a batch from the queue.
func (s *sim) accept() {
	n := 0
	for ; n < s.c.Service.batch() && s.queue.len() > 0; n++ {
		q := s.queue.pop()
		c := &s.clients[q.id]
		s.tally.Accepted++
		s.tally.queueWait += s.now - q.since
		if c.state == clientGone {
			s.tally.AcceptedTooLate++
		} else {
			s.tally.Served++
			s.waits.add(s.now - c.start)
		}
		s.done(q.id)
	}
	s.serviceFree = s.now + s.c.Service.gap(s.rand, n)
	s.serviceBusy = s.queue.len() > 0
	if s.serviceBusy {
		s.events.push(event{at: s.stall.after(s.serviceFree), kind: evAccept})
	}
}

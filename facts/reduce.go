package facts

import (
	"cmp"
	"iter"
	"net/netip"
	"slices"
)

// ReduceOptions says what the reduction must know beforehand. The zero value
// works: without listening ports every connection counts as outbound.
type ReduceOptions struct {
	// Listening holds the local ports that have a listener: their connections
	// are inbound, all others outbound.
	Listening PortSet
	// PortLow and PortHigh are ip_local_port_range, inclusive; 0 means unknown
	// and counts every port as in range.
	PortLow, PortHigh uint16
	// ShowsBound tells that the stream includes bound, unconnected sockets.
	ShowsBound bool
	// Limits bound the memory; zero fields mean the defaults.
	Limits Limits
}

// Limits bound what a census keeps.
type Limits struct {
	Locals       int // groups by local address and port; 1,024
	Destinations int // groups by destination; 4,096
	Samples      int // per class; 1,024
	CloseWait    int // samples of CLOSE_WAIT, attributed one by one; 16,384
	Recent       int // cookies remembered to recognise duplicates; 2,048
}

func (l Limits) withDefaults() Limits {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&l.Locals, 1024)
	set(&l.Destinations, 4096)
	set(&l.Samples, 1024)
	set(&l.CloseWait, 16384)
	set(&l.Recent, 2048)
	return l
}

// PortSet is a set of ports.
type PortSet [65536 / 64]uint64

// Add puts a port into the set.
func (p *PortSet) Add(port uint16) { p[port/64] |= 1 << (port % 64) }

// Has reports whether the set holds a port.
func (p *PortSet) Has(port uint16) bool { return p[port/64]&(1<<(port%64)) != 0 }

// Reduce turns a stream of sockets into a census in bounded memory. The result
// does not depend on the order of the stream as long as no table overflows,
// and entries with the same cookie count once. A yielded socket is only looked
// at during its own step. If the stream ends in an error, the census covers
// what came before it and is marked incomplete.
func Reduce(sockets iter.Seq2[*Socket, error], o ReduceOptions) (Census, error) {
	r := newReducer(o)
	for s, err := range sockets {
		if err != nil {
			return r.census(false), err
		}
		r.add(s)
	}
	return r.census(true), nil
}

type reducer struct {
	o          ReduceOptions
	recent     *recent
	out        Census
	bound      PortSet
	boundOwner *lowest[uint32]
	listenPort PortSet
	locals     *heavy[netip.AddrPort, localTally]
	dests      *heavy[destKey, destTally]
	classes    [len(classRules)]classTally
}

type destKey struct {
	source netip.Addr
	dest   netip.AddrPort
}

type destTally struct {
	states                [StateCount]uint32
	inRange, synSentAgain uint32
	owners                fewInodes
}

type localTally struct {
	states                      [StateCount]uint32
	unaccepted, again, deferred uint32
	sources                     distinct
	owners                      fewInodes
}

func newReducer(o ReduceOptions) *reducer {
	o.Limits = o.Limits.withDefaults()
	r := &reducer{
		o:          o,
		recent:     newRecent(o.Limits.Recent),
		boundOwner: newLowest[uint32](fewMax),
		locals:     newHeavy[netip.AddrPort, localTally](o.Limits.Locals),
		dests:      newHeavy[destKey, destTally](o.Limits.Destinations),
	}
	for i := range r.classes {
		k := o.Limits.Samples
		if classRules[i].name == ClassCloseWait {
			k = o.Limits.CloseWait
		}
		r.classes[i].samples = newLowest[Sample](k)
	}
	return r
}

func (r *reducer) add(s *Socket) {
	// TIME_WAIT and request sockets carry cookies too; 0 is a kernel that gave
	// none, which cannot be recognised again.
	hash := mix(s.Cookie)
	if s.Cookie != 0 && r.recent.seen(s.Cookie, hash) {
		r.out.Duplicates++
		return
	}
	r.out.Sockets++
	if s.Family == IPv4 {
		r.out.IPv4[s.State]++
	} else {
		r.out.IPv6[s.State]++
	}
	switch s.State {
	case Listen:
		r.addListener(s)
		return
	case Close, BoundInactive:
		r.addBound(s)
		return
	default: // a connection
	}
	if r.o.Listening.Has(s.Local.Port()) {
		r.locals.at(s.Local).add(s, hash)
	} else {
		r.dests.at(destKey{s.Local.Addr(), s.Remote}).add(s, hash, r.inRange(s.Local.Port()))
	}
	for i := range r.classes {
		if classRules[i].holds(s) {
			r.classes[i].add(s, hash)
		}
	}
}

func (r *reducer) inRange(port uint16) bool {
	return r.o.PortLow == 0 || port >= r.o.PortLow && port <= r.o.PortHigh
}

func (r *reducer) addListener(s *Socket) {
	r.out.Listeners = append(r.out.Listeners, ListenerOf(s))
	if p := s.Local.Port(); r.inRange(p) {
		r.bound.Add(p)
		r.listenPort.Add(p)
	}
}

func (r *reducer) addBound(s *Socket) {
	if p := s.Local.Port(); p != 0 && r.inRange(p) {
		r.bound.Add(p)
		r.boundOwner.add(mix(s.Cookie), s.Inode)
	}
}

func (t *destTally) add(s *Socket, hash uint64, inRange bool) {
	t.states[s.State]++
	if inRange {
		t.inRange++
	}
	if s.State == SynSent && s.Retrans > 0 {
		t.synSentAgain++
	}
	t.owners.add(s, hash)
}

func (t *localTally) add(s *Socket, hash uint64) {
	t.states[s.State]++
	switch {
	case s.State == SynRecv && s.Retrans > 0:
		t.again++
	case s.State == SynRecv && s.TimerMillis > 1300:
		// Not repeated although its first SYN-ACK timer (1 s, at most 12.5 %
		// and some late) lies behind: TCP_DEFER_ACCEPT holds it.
		t.deferred++
	case !s.Owned() && (s.State == Established || s.State == CloseWait):
		t.unaccepted++
	}
	if s.State == SynRecv {
		t.sources.add(s.Remote.Addr())
	}
	t.owners.add(s, hash)
}

func (r *reducer) census(complete bool) Census {
	c := r.out
	c.Complete = complete
	slices.SortFunc(c.Listeners, Listener.Compare)
	c.Locals, c.LocalsMissed = r.localGroups(), r.locals.missed()
	c.Destinations, c.DestinationsMissed = r.destinations(), r.dests.missed()
	c.Bound = BoundPorts{
		Known: r.o.ShowsBound, Ports: r.bound.count(), Listen: r.listenPort.count(),
		Inodes: r.boundOwner.values(),
	}
	slices.Sort(c.Bound.Inodes)
	for i := range r.classes {
		if t := &r.classes[i]; t.class.Total > 0 {
			if c.Classes == nil {
				c.Classes = make(map[ClassName]Class)
			}
			t.class.Samples = t.samples.values()
			c.Classes[classRules[i].name] = t.class
		}
	}
	return c
}

func (r *reducer) localGroups() []Local {
	var out []Local
	for k, e := range r.locals.entries {
		t := &e.value
		out = append(out, Local{
			Addr: k, States: widen(t.states), Unaccepted: uint64(t.unaccepted),
			HalfOpenRetransmitted: uint64(t.again), HalfOpenDeferred: uint64(t.deferred),
			HalfOpenSources: t.sources.estimate(uint64(t.states[SynRecv])), Passers: t.owners.inodes(),
		})
	}
	slices.SortFunc(out, func(a, b Local) int {
		return cmp.Or(cmp.Compare(b.States.Total(), a.States.Total()), a.Addr.Compare(b.Addr))
	})
	return out
}

func (r *reducer) destinations() []Destination {
	var out []Destination
	for k, e := range r.dests.entries {
		t := &e.value
		out = append(out, Destination{
			Source: k.source, Dest: k.dest, States: widen(t.states), InRange: uint64(t.inRange),
			SynSentRetransmitted: uint64(t.synSentAgain), Inodes: t.owners.inodes(),
		})
	}
	slices.SortFunc(out, func(a, b Destination) int {
		return cmp.Or(cmp.Compare(b.Total(), a.Total()), a.Source.Compare(b.Source), a.Dest.Compare(b.Dest))
	})
	if len(out) > r.o.Limits.Destinations {
		out = out[:r.o.Limits.Destinations]
	}
	return out
}

func widen(n [StateCount]uint32) StateCounts {
	var w StateCounts
	for i, v := range n {
		w[i] = uint64(v)
	}
	return w
}

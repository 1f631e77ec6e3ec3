package model

// eventKind is what happens at one moment of a simulation.
type eventKind uint8

const (
	evArrival eventKind = iota // of a client; id is the process
	evFlood
	evAccept
	evSYN
	evACK
	evSynAckTimer
	evData
	evGiveUp
)

// event is one moment. The number makes the order of equal times that of
// creation, so that a run is deterministic.
type event struct {
	at     int64 // nanoseconds
	number uint64
	id     uint32
	gen    uint32 // of the client when the event was made
	kind   eventKind
}

func (e event) before(f event) bool { return e.at < f.at || e.at == f.at && e.number < f.number }

// eventHeap is a heap with four children to a node: shallower than a binary
// one, and its siblings share a cache line or two.
type eventHeap struct {
	items  []event
	number uint64
}

func (h *eventHeap) push(e event) {
	h.number++
	e.number = h.number
	h.items = append(h.items, e)
	items := h.items
	i := len(items) - 1
	for i > 0 {
		parent := (i - 1) / 4
		if !e.before(items[parent]) {
			break
		}
		items[i] = items[parent]
		i = parent
	}
	items[i] = e
}

func (h *eventHeap) pop() event {
	items := h.items
	top := items[0]
	n := len(items) - 1
	e := items[n]
	h.items = items[:n]
	items = h.items
	i := 0
	for {
		child := 4*i + 1
		if child >= n {
			break
		}
		least := child
		for j := child + 1; j < min(child+4, n); j++ {
			if items[j].before(items[least]) {
				least = j
			}
		}
		if !items[least].before(e) {
			break
		}
		items[i] = items[least]
		i = least
	}
	if n > 0 {
		items[i] = e
	}
	return top
}

// queued is one connection in the accept queue.
type queued struct {
	id    uint32
	since int64
}

// idRing is a first-in first-out queue that grows.
type idRing struct {
	buf   []queued
	start int
	count int
}

func (r *idRing) len() int { return r.count }

func (r *idRing) push(q queued) {
	if r.count == len(r.buf) {
		grown := make([]queued, max(64, 2*len(r.buf)))
		for i := range r.count {
			grown[i] = r.buf[(r.start+i)%len(r.buf)]
		}
		r.buf, r.start = grown, 0
	}
	r.buf[(r.start+r.count)%len(r.buf)] = q
	r.count++
}

func (r *idRing) pop() queued {
	q := r.buf[r.start]
	r.start = (r.start + 1) % len(r.buf)
	r.count--
	return q
}

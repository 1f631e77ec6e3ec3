package model

// Seq is a TCP sequence number; arithmetic wraps at 2^32 (RFC 9293, 3.4).
type Seq uint32

// Before reports whether s lies before t, less than half the space away.
func (s Seq) Before(t Seq) bool { return int32(s-t) < 0 }

// After reports whether s lies behind t.
func (s Seq) After(t Seq) bool { return t.Before(s) }

// AtMost reports whether s is t or lies before it.
func (s Seq) AtMost(t Seq) bool { return !t.Before(s) }

// Within reports whether s lies in [from, from+size).
func (s Seq) Within(from Seq, size uint32) bool { return uint32(s-from) < size }

// Add returns s moved by n bytes of sequence space.
func (s Seq) Add(n int) Seq { return s + Seq(uint32(n)) }

// Distance returns how far t lies behind s, negative if before.
func (s Seq) Distance(t Seq) int { return int(int32(t - s)) }

package sockdiag

import "sync"

// buffers lends byte slices of one size, so that a hundred users who take turns
// need one. The zero value and nil lend fresh ones of 16 KiB.
type buffers struct {
	size int

	mu   sync.Mutex
	free [][]byte
}

const (
	fileBufferLen = 16 << 10
	// buffersKept bounds what is kept for later: those who read at a time.
	buffersKept = 4
)

func (b *buffers) take() []byte {
	if b == nil {
		return make([]byte, fileBufferLen)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := len(b.free); n > 0 {
		last := b.free[n-1]
		b.free = b.free[:n-1]
		return last
	}
	size := b.size
	if size == 0 {
		size = fileBufferLen
	}
	return make([]byte, size)
}

// give takes a slice back, or a larger one that took its place.
func (b *buffers) give(s []byte) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.free) < buffersKept {
		b.free = append(b.free, s[:cap(s)])
	}
}

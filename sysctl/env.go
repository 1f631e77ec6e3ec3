package sysctl

import "math/bits"

// Env is what the kernel's built-in defaults depend on.
type Env struct {
	// Kernel is the running release; zero makes version-dependent defaults unknown.
	Kernel Release
	// RAMBytes is the memory that the kernel manages (MemTotal); zero makes
	// memory-dependent defaults unknown.
	RAMBytes uint64
	// PageBytes is the page size; zero means 4096.
	PageBytes int
	// HashBuckets is the size of the established-connections hash
	// (net.ipv4.tcp_ehash_entries) where known; zero means derived from RAMBytes.
	HashBuckets uint64
}

// page returns the page size in bytes.
func (e Env) page() uint64 {
	if e.PageBytes <= 0 {
		return 4096
	}
	return uint64(e.PageBytes)
}

// ehash returns the number of buckets of the established-connections hash: one
// per 128 KiB of memory, rounded up to a power of two, at most 524288
// (alloc_large_system_hash called from tcp_init).
func (e Env) ehash() (uint64, bool) {
	if e.HashBuckets > 0 {
		return e.HashBuckets, true
	}
	if e.RAMBytes == 0 {
		return 0, false
	}
	const mib = 1 << 20
	entries := (e.RAMBytes + mib - 1) / mib * mib / (128 << 10)
	entries = max(entries, 1)
	return min(uint64(1)<<bits.Len64(entries-1), 512<<10), true
}

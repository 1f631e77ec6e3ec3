package facts

import (
	"encoding/binary"
	"math"
	"math/bits"
	"net/netip"
	"slices"
)

// count returns how many ports the set holds.
func (p *PortSet) count() uint64 {
	var n int
	for _, w := range p {
		n += bits.OnesCount64(w)
	}
	return uint64(n)
}

// distinct estimates how many different addresses it was shown by linear
// counting (Whang et al. 1990): within about 3 % up to 4,096 of them.
type distinct struct {
	words *[distinctBits / 64]uint64 // nil until the first address
}

const distinctBits = 8192

func (d *distinct) add(a netip.Addr) {
	if d.words == nil {
		d.words = new([distinctBits / 64]uint64)
	}
	b := a.As16()
	h := mix(binary.LittleEndian.Uint64(b[:8]) ^ mix(binary.LittleEndian.Uint64(b[8:])))
	bit := h % distinctBits
	d.words[bit/64] |= 1 << (bit % 64)
}

// estimate returns the estimated number, never more than the most it can be.
func (d *distinct) estimate(most uint64) uint64 {
	if d.words == nil {
		return 0
	}
	var set int
	for _, w := range d.words {
		set += bits.OnesCount64(w)
	}
	if set == distinctBits {
		return most
	}
	n := uint64(math.Round(-distinctBits * math.Log(1-float64(set)/distinctBits)))
	return min(n, most)
}

// fewMax is how many owners of a group are remembered to find its processes.
const fewMax = 16

// fewInodes keeps the inodes of the connections whose cookies hash lowest, in
// no more room than that.
type fewInodes struct {
	n, highest int // highest is where the highest hash is, once all are in use
	hashes     [fewMax]uint64
	ids        [fewMax]uint32
}

func (f *fewInodes) add(s *Socket, hash uint64) {
	if !s.Owned() {
		return
	}
	at := f.highest
	switch {
	case f.n < fewMax:
		at = f.n
		f.n++
	case hash >= f.hashes[at]:
		return
	}
	f.hashes[at], f.ids[at] = hash, s.Inode
	if f.n == fewMax {
		for i, v := range f.hashes {
			if v > f.hashes[f.highest] {
				f.highest = i
			}
		}
	}
}

func (f *fewInodes) inodes() []uint32 {
	if f.n == 0 {
		return nil
	}
	out := slices.Clone(f.ids[:f.n])
	slices.Sort(out)
	return slices.Compact(out)
}

package history

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// The layout of a bbolt file (version 2, unchanged since 2014): pages, of which
// the first two hold the root, in turns; the others are the nodes of B+trees,
// or list what is free. Integers are those of the machine.
//
// Files are read here and not by bbolt, which maps them into memory: a damaged
// page there ends the process, everything that was looked at counts as memory
// of the process, and the lock that the agent holds keeps all others out.
const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2

	pageHeader = 16 // id uint64, flags uint16, count uint16, overflow uint32
	metaBytes  = 64
	element    = 16 // of a branch: pos, ksize uint32, page uint64; of a leaf: flags, pos, ksize, vsize uint32
	bucketHead = 16 // root, sequence uint64

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagFreelist = 0x10
	flagBucket   = 0x01 // of an element of a leaf: the value is a bucket

	pageBytesMin = 1 << 10
	pageBytesMax = 1 << 16
	// depthMax is how deep a tree may be. With two keys a page, the least there
	// are, 2^32 keys are 32 deep.
	depthMax = 40
	// pageMost bounds one page with what overflows from it.
	pageMost = 32 << 20
	// pagesMost bounds the file, far beyond what there can be.
	pagesMost = 1 << 32
	// pagesLeast are the roots, the list of what is free, and one node.
	pagesLeast = 4
)

// ErrDamaged says that a file holds something else than what was written.
var ErrDamaged = errors.New("damaged")

// damaged is an error that wraps [ErrDamaged].
func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// pages reads a bbolt file as it was when a transaction ended.
type pages struct {
	r    io.ReaderAt
	size int64 // of a page
	meta boltMeta
}

// boltMeta is the root of the file.
type boltMeta struct {
	root, freelist, end, tx uint64 // end is one more than the last page in use
}

// openPages finds the newest root of a file.
func openPages(r io.ReaderAt) (*pages, error) {
	for size := int64(pageBytesMin); size <= pageBytesMax; size *= 2 {
		p := &pages{r: r, size: size}
		err := p.refresh()
		if err == nil {
			return p, nil
		}
		if !errors.Is(err, ErrDamaged) {
			return nil, err
		}
	}
	return nil, damaged("it is no database")
}

// refresh takes up the newest root, with what was committed since.
func (p *pages) refresh() error {
	first, err1 := p.readMeta(0)
	second, err2 := p.readMeta(p.size)
	switch {
	case err1 != nil && err2 != nil:
		return err1
	case err1 != nil || err2 == nil && second.tx > first.tx:
		p.meta = second
	default:
		p.meta = first
	}
	return nil
}

// readMeta reads one of the two roots.
func (p *pages) readMeta(at int64) (boltMeta, error) {
	var b [pageHeader + metaBytes]byte
	if err := readFull(p.r, b[:], at); err != nil {
		return boltMeta{}, err
	}
	m := b[pageHeader:]
	order := binary.NativeEndian
	sum := fnv.New64a()
	_, _ = sum.Write(m[:metaBytes-8]) // never fails
	switch {
	case order.Uint32(m) != boltMagic || order.Uint32(m[4:]) != boltVersion:
		return boltMeta{}, damaged("it is no database")
	case int64(order.Uint32(m[8:])) != p.size:
		return boltMeta{}, damaged("its pages are %d bytes", order.Uint32(m[8:]))
	case order.Uint64(m[56:]) != sum.Sum64():
		return boltMeta{}, damaged("the checksum of its root is wrong")
	case order.Uint64(m[40:]) > pagesMost || order.Uint64(m[40:]) < pagesLeast:
		return boltMeta{}, damaged("it has %d pages", order.Uint64(m[40:]))
	}
	return boltMeta{root: order.Uint64(m[16:]), freelist: order.Uint64(m[32:]), end: order.Uint64(m[40:]), tx: order.Uint64(m[48:])}, nil
}

// readFull reads a piece of the file as a whole. A file that ends too soon is
// damaged.
func readFull(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return damaged("it ends before byte %d", at+int64(len(b)))
	}
	return err
}

// node is a page of a tree.
type node struct {
	b     []byte
	leaf  bool
	count int
	pages uint64 // that it takes
}

// node reads a page of a tree.
func (p *pages) node(id uint64) (node, error) {
	if id < 2 || id >= p.meta.end {
		return node{}, damaged("page %d of %d", id, p.meta.end)
	}
	b := make([]byte, p.size)
	if err := readFull(p.r, b, int64(id)*p.size); err != nil {
		return node{}, err
	}
	more := uint64(binary.NativeEndian.Uint32(b[12:]))
	if got := binary.NativeEndian.Uint64(b); got != id {
		return node{}, damaged("page %d says it is page %d", id, got)
	}
	if more > 0 {
		if id+more >= p.meta.end || int64(more) > pageMost/p.size {
			return node{}, damaged("page %d is %d pages long", id, more+1)
		}
		b = make([]byte, (int64(more)+1)*p.size)
		if err := readFull(p.r, b, int64(id)*p.size); err != nil {
			return node{}, err
		}
	}
	n, err := parseNode(b)
	if err != nil {
		return node{}, fmt.Errorf("page %d: %w", id, err)
	}
	n.pages = more + 1
	return n, nil
}

// parseNode checks what a page says of itself.
func parseNode(b []byte) (node, error) {
	if len(b) < pageHeader {
		return node{}, damaged("%d bytes are no page", len(b))
	}
	n := node{b: b, count: int(binary.NativeEndian.Uint16(b[10:]))}
	switch flags := binary.NativeEndian.Uint16(b[8:]); flags {
	case flagBranch:
		if n.count == 0 {
			return node{}, damaged("a branch without leaves")
		}
	case flagLeaf:
		n.leaf = true
	default:
		return node{}, damaged("of unknown kind %#x", flags)
	}
	if pageHeader+n.count*element > len(b) {
		return node{}, damaged("%d entries in %d bytes", n.count, len(b))
	}
	return n, nil
}

// piece is a part of a page, at a distance from one of its elements.
func (n node) piece(at int, pos, size uint32) ([]byte, error) {
	from := uint64(at) + uint64(pos)
	if from+uint64(size) > uint64(len(n.b)) {
		return nil, damaged("an entry reaches %d bytes into %d", from+uint64(size), len(n.b))
	}
	return n.b[from : from+uint64(size) : from+uint64(size)], nil
}

// child returns the first key below a branch, and the page it is on.
func (n node) child(i int) (key []byte, id uint64, err error) {
	at := pageHeader + i*element
	key, err = n.piece(at, binary.NativeEndian.Uint32(n.b[at:]), binary.NativeEndian.Uint32(n.b[at+4:]))
	return key, binary.NativeEndian.Uint64(n.b[at+8:]), err
}

// entry returns a key of a leaf, its value, and whether that is a bucket.
func (n node) entry(i int) (key, value []byte, bucket bool, err error) {
	at := pageHeader + i*element
	order := binary.NativeEndian
	pos, size := order.Uint32(n.b[at+4:]), order.Uint32(n.b[at+8:])
	if key, err = n.piece(at, pos, size); err != nil {
		return nil, nil, false, err
	}
	if uint64(pos)+uint64(size) > uint64(len(n.b)) {
		return nil, nil, false, damaged("an entry is %d bytes from its page", pos)
	}
	value, err = n.piece(at, pos+size, order.Uint32(n.b[at+12:]))
	return key, value, order.Uint32(n.b[at:])&flagBucket != 0, err
}

// root returns the node at the top of a bucket, which may be within the value
// itself.
func (p *pages) root(value []byte) (node, error) {
	if len(value) < bucketHead {
		return node{}, damaged("a bucket of %d bytes", len(value))
	}
	if id := binary.NativeEndian.Uint64(value); id != 0 {
		return p.node(id)
	}
	return parseNode(value[bucketHead:])
}

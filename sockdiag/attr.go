package sockdiag

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// attrHeaderLen is the length of struct nlattr.
const attrHeaderLen = 4

// attrKindMask takes the flags off the kind of an attribute: NLA_F_NESTED and
// NLA_F_NET_BYTEORDER.
const attrKindMask = 0x3fff

// attr is one netlink attribute.
type attr struct {
	kind uint16
	body []byte
}

// splitAttr takes the first attribute off b, which holds at least a header.
func splitAttr(b []byte) (a attr, rest []byte, err error) {
	n := int(binary.NativeEndian.Uint16(b))
	if n < attrHeaderLen || n > len(b) {
		return attr{}, nil, fmt.Errorf("attribute: %w: it claims %d bytes of %d", errTruncated, n, len(b))
	}
	a = attr{kind: binary.NativeEndian.Uint16(b[2:]) & attrKindMask, body: b[attrHeaderLen:n:n]}
	return a, b[min(align4(n), len(b)):], nil
}

// short is the error for an attribute with fewer than want bytes.
func (a attr) short(want int) error {
	return fmt.Errorf("%w: %d bytes, want %d", errTruncated, len(a.body), want)
}

// text returns a string attribute without the zero byte that ends it.
func (a attr) text() []byte {
	if i := bytes.IndexByte(a.body, 0); i >= 0 {
		return a.body[:i]
	}
	return a.body
}

// maxNames bounds how many names are remembered. A kernel has a handful of
// congestion controls; only damaged input has more.
const maxNames = 64

// names keeps one string per distinct name.
type names struct {
	last  string
	known []string
}

// get returns b as a string, without allocating for a name met before.
func (n *names) get(b []byte) string {
	if string(b) == n.last {
		return n.last
	}
	for _, s := range n.known {
		if string(b) == s {
			n.last = s
			return s
		}
	}
	s := string(b)
	if len(n.known) < maxNames {
		n.known = append(n.known, s)
		n.last = s
	}
	return s
}

package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"sync"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// The link and the addresses of a bench. They are the same on every bench: each
// has namespaces of its own, so they cannot meet.
const (
	linkName     = "lab0"
	firstPort    = 8080
	strangerBits = 16
)

// gatewayHardware belongs to the raw peer. Both kernels see it as somebody
// else's, so neither answers what is sent to it.
func gatewayHardware() hardwareAddr { return hardwareAddr{0x02, 0, 0, 0, 0x77, 0xfe} }

func serverHardware() hardwareAddr { return hardwareAddr{0x02, 0, 0, 0, 0x77, 0x01} }

func clientHardware() hardwareAddr { return hardwareAddr{0x02, 0, 0, 0, 0x77, 0x02} }

func serverPrefix(f Family) netip.Prefix {
	if f.wire() == IPv6 {
		return netip.MustParsePrefix("fd00:7::1/64")
	}
	return netip.MustParsePrefix("10.7.0.1/24")
}

func clientPrefix(f Family) netip.Prefix {
	if f.wire() == IPv6 {
		return netip.MustParsePrefix("fd00:7::2/64")
	}
	return netip.MustParsePrefix("10.7.0.2/24")
}

func gatewayAddr(f Family) netip.Addr {
	if f.wire() == IPv6 {
		return netip.MustParseAddr("fd00:7::fe")
	}
	return netip.MustParseAddr("10.7.0.254")
}

// strangerPrefix holds the addresses that only raw peers speak for.
func strangerPrefix(f Family) netip.Prefix {
	if f.wire() == IPv6 {
		return netip.MustParsePrefix("fd00:8::/64")
	}
	return netip.MustParsePrefix("10.8.0.0/16")
}

// Bench is a server namespace and a client namespace joined by a link, with
// addresses of both families, or of IPv4 alone where the kernel has no IPv6.
// Behind the client's end of the link lie addresses that nobody owns; a [Peer]
// speaks for them. A Bench is safe for concurrent use.
type Bench struct {
	// Server and Client are the two namespaces. They live until Close.
	Server, Client *netns.Handle

	families []Family // that the kernel has
	mu       sync.Mutex
	settings map[setting]holder
	nextPort uint16
	close    sync.Once
}

// setting is one parameter of one namespace.
type setting struct {
	inode uint64
	key   string
}

// holder is who set a parameter, and to what.
type holder struct{ fault, value string }

// NewBench makes the namespaces and the link between them. It takes root, or a
// user namespace as made by `unshare -rn`; without, the error wraps
// [os.ErrPermission].
func NewBench() (*Bench, error) {
	server, err := netns.New()
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("lab: make server namespace: %w (run as root, or under `unshare -rn`)", err)
	}
	if err != nil {
		return nil, fmt.Errorf("lab: make server namespace: %w", err)
	}
	client, err := netns.New()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lab: make client namespace: %w", err), server.Close())
	}
	b := &Bench{Server: server, Client: client, settings: map[setting]holder{}, nextPort: firstPort}
	b.families = []Family{IPv4}
	if _, err := Sysctl(server, "net.ipv6.conf.all.disable_ipv6"); err == nil {
		b.families = append(b.families, IPv6)
	}
	if err := b.join(); err != nil {
		return nil, errors.Join(fmt.Errorf("lab: join namespaces: %w", err), b.Close())
	}
	return b, nil
}

// ServerAddr is the address of the server namespace.
func (b *Bench) ServerAddr(f Family) netip.Addr { return serverPrefix(f).Addr() }

// ClientAddr is the address of the client namespace.
func (b *Bench) ClientAddr(f Family) netip.Addr { return clientPrefix(f).Addr() }

// hasIPv6 reports whether the bench has addresses of IPv6.
func (b *Bench) hasIPv6() bool { return slices.Contains(b.families, IPv6) }

// Stranger is the n-th of the addresses that nobody owns, which the server
// namespace reaches over the link and a [Peer] may speak for. There are 65,534
// of them; n is taken modulo that.
func (b *Bench) Stranger(f Family, n uint32) netip.Addr {
	n = n%(1<<strangerBits-2) + 1
	base := strangerPrefix(f).Addr()
	if base.Is4() {
		bytes := base.As4()
		bytes[2], bytes[3] = byte(n>>8), byte(n)
		return netip.AddrFrom4(bytes)
	}
	bytes := base.As16()
	bytes[14], bytes[15] = byte(n>>8), byte(n)
	return netip.AddrFrom16(bytes)
}

// Peer opens a raw peer in the client namespace, facing the server. Every peer
// of a bench receives all that is sent to strangers; each answers only for its
// own connections. The caller closes it.
func (b *Bench) Peer() (*Peer, error) {
	return newPeer(b.Client, linkName, gatewayHardware(), serverHardware())
}

// Port hands out a port that no listener of this bench has had.
func (b *Bench) Port() uint16 {
	b.mu.Lock()
	defer b.mu.Unlock()
	port := b.nextPort
	b.nextPort++
	return port
}

// set changes a parameter for one fault, and refuses when another fault on the
// bench relies on a different value.
func (b *Bench) set(ns *netns.Handle, fault, key, value string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := setting{inode: ns.ID().Inode, key: key}
	if had, ok := b.settings[at]; ok && had.fault != fault && had.value != value {
		return fmt.Errorf("lab: %s wants %s=%s, but %s has set it to %s on this bench",
			fault, key, value, had.fault, had.value)
	}
	if err := SetSysctl(ns, key, value); err != nil {
		return err
	}
	b.settings[at] = holder{fault: fault, value: value}
	return nil
}

// Close lets go of both namespaces; they and the link vanish once the processes
// in them have ended.
func (b *Bench) Close() error {
	var err error
	b.close.Do(func() { err = errors.Join(b.Server.Close(), b.Client.Close()) })
	return err
}

package lab

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// join makes the link between the two namespaces and gives it its addresses.
func (b *Bench) join() error {
	server, client := b.Server, b.Client
	err := configure(server, func(h *netlink.Handle) error {
		own, peer := serverHardware(), clientHardware()
		return h.LinkAdd(&netlink.Veth{
			LinkAttrs:        netlink.LinkAttrs{Name: linkName, HardwareAddr: own[:]},
			PeerName:         linkName,
			PeerHardwareAddr: peer[:],
			PeerNamespace:    netlink.NsFd(client.Fd()),
		})
	})
	if err != nil {
		return fmt.Errorf("make link: %w", err)
	}
	ends := []struct {
		name   string
		ns     *netns.Handle
		prefix func(Family) netip.Prefix
	}{{"server", server, serverPrefix}, {"client", client, clientPrefix}}
	for _, end := range ends {
		err := configure(end.ns, func(h *netlink.Handle) error { return b.setUpLinks(h, end.prefix) })
		if err != nil {
			return fmt.Errorf("set up %s: %w", end.name, err)
		}
	}
	// Routes come last: one is refused while its link is down.
	if err := configure(server, b.addStrangers); err != nil {
		return fmt.Errorf("route to strangers: %w", err)
	}
	for _, end := range ends {
		err := configure(end.ns, func(h *netlink.Handle) error { return b.awaitLink(h, end.prefix) })
		if err != nil {
			return fmt.Errorf("wait for %s: %w", end.name, err)
		}
	}
	return nil
}

// linkPatience bounds the wait for a link to carry packets. It takes the kernel
// milliseconds, and longer only where many namespaces come and go.
const linkPatience = 30 * time.Second

// awaitLink waits until the link sends and its addresses are reached. Both are
// left to the kernel's work queues: until linkwatch has run the first end brought
// up drops what it sends, and until addrconf_dad_work has, an IPv6 address has no
// local route, with or without duplicate address detection.
func (b *Bench) awaitLink(h *netlink.Handle, prefix func(Family) netip.Prefix) error {
	for deadline := time.Now().Add(linkPatience); ; <-time.After(time.Millisecond) {
		link, err := h.LinkByName(linkName)
		if err != nil {
			return err
		}
		ready := link.Attrs().OperState == netlink.OperUp
		for _, f := range b.families {
			routes, err := h.RouteGet(prefix(f).Addr().AsSlice())
			ready = ready && err == nil && len(routes) > 0 && routes[0].Type == unix.RTN_LOCAL
		}
		if ready {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("link is %v after %v", link.Attrs().OperState, linkPatience)
		}
	}
}

// configure runs fn with a netlink handle that acts in the namespace.
func configure(ns *netns.Handle, fn func(*netlink.Handle) error) error {
	return ns.Do(func() error {
		h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		defer h.Close()
		return fn(h)
	})
}

// setUpLinks brings loopback and the link up, with an address of each family.
func (b *Bench) setUpLinks(h *netlink.Handle, prefix func(Family) netip.Prefix) error {
	if err := setUpLoopback(h); err != nil {
		return err
	}
	link, err := h.LinkByName(linkName)
	if err != nil {
		return err
	}
	for _, f := range b.families {
		// Without duplicate address detection an IPv6 address is good at once.
		addr := &netlink.Addr{IPNet: ipNet(prefix(f)), Flags: unix.IFA_F_NODAD}
		if err := h.AddrAdd(link, addr); err != nil {
			return fmt.Errorf("add address %v: %w", prefix(f), err)
		}
	}
	return h.LinkSetUp(link)
}

// addStrangers makes the addresses that nobody owns reachable through the
// hardware address that is nobody's. A permanent neighbour needs no answer.
func (b *Bench) addStrangers(h *netlink.Handle) error {
	link, err := h.LinkByName(linkName)
	if err != nil {
		return err
	}
	hardware := gatewayHardware()
	for _, f := range b.families {
		gateway := net.IP(gatewayAddr(f).AsSlice())
		neighbour := &netlink.Neigh{
			LinkIndex: link.Attrs().Index, State: netlink.NUD_PERMANENT, IP: gateway, HardwareAddr: hardware[:],
		}
		if err := h.NeighSet(neighbour); err != nil {
			return fmt.Errorf("add neighbour %v: %w", gateway, err)
		}
		route := &netlink.Route{LinkIndex: link.Attrs().Index, Dst: ipNet(strangerPrefix(f)), Gw: gateway}
		if err := h.RouteAdd(route); err != nil {
			return fmt.Errorf("add route to %v: %w", strangerPrefix(f), err)
		}
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// LoopbackUp brings up the loopback link of a fresh namespace.
func LoopbackUp(ns *netns.Handle) error { return configure(ns, setUpLoopback) }

func setUpLoopback(h *netlink.Handle) error {
	loopback, err := h.LinkByName("lo")
	if err != nil {
		return err
	}
	return h.LinkSetUp(loopback)
}

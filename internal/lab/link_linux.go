package lab

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// join makes a link between two namespaces and gives it its addresses.
func join(server, client *netns.Handle) error {
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
		err := configure(end.ns, func(h *netlink.Handle) error { return setUpLinks(h, end.prefix) })
		if err != nil {
			return fmt.Errorf("set up %s: %w", end.name, err)
		}
	}
	// Routes come last: one is refused while its link is down.
	if err := configure(server, addStrangers); err != nil {
		return fmt.Errorf("route to strangers: %w", err)
	}
	return nil
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
func setUpLinks(h *netlink.Handle, prefix func(Family) netip.Prefix) error {
	if err := setUpLoopback(h); err != nil {
		return err
	}
	link, err := h.LinkByName(linkName)
	if err != nil {
		return err
	}
	for _, f := range []Family{IPv4, IPv6} {
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
func addStrangers(h *netlink.Handle) error {
	link, err := h.LinkByName(linkName)
	if err != nil {
		return err
	}
	hardware := gatewayHardware()
	for _, f := range []Family{IPv4, IPv6} {
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

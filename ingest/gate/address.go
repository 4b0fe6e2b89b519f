package gate

import (
	"fmt"
	"net/netip"
	"strings"
)

// Proxies are the peers whose X-Forwarded-For is believed.
type Proxies []netip.Prefix

// ParseProxies reads the value of TRUSTED_PROXIES: addresses and networks (CIDR), separated by commas.
func ParseProxies(list string) (Proxies, error) {
	var proxies Proxies
	for _, text := range strings.Split(list, ",") {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		prefix, err := parsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("TRUSTED_PROXIES: %q is neither an address nor a network such as 10.0.0.0/8", text)
		}
		proxies = append(proxies, prefix)
	}
	return proxies, nil
}

func parsePrefix(text string) (netip.Prefix, error) {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		if prefix.Addr().Is4In6() && prefix.Bits() >= 96 {
			prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
		}
		return prefix.Masked(), nil
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	addr = plain(addr)
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}

// Client returns the address that a request came from. peer is the connection's other end (host:port); forwarded are all
// lines of X-Forwarded-For.
//
// The lines are one list, read from the right: each proxy appends who spoke to it, so an entry may be believed only when
// all entries to its right, and the peer, are proxies of ours. What is left of the first stranger is what the stranger says.
// An entry that is no address ends the search: the last good address counts.
func (p Proxies) Client(peer string, forwarded []string) netip.Addr {
	client := parsePeer(peer)
	if len(p) == 0 || len(forwarded) == 0 {
		return client
	}
	entries := strings.Split(strings.Join(forwarded, ","), ",")
	for i := len(entries) - 1; i >= 0 && p.trusts(client); i-- {
		addr, ok := parseEntry(strings.TrimSpace(entries[i]))
		if !ok {
			break
		}
		client = addr
	}
	return client
}

// Trusts says whether a connection's other end (host:port) is one of the proxies, whose headers are believed.
func (p Proxies) Trusts(peer string) bool { return len(p) > 0 && p.trusts(parsePeer(peer)) }

// Contains says whether an address is that of one of the proxies.
func (p Proxies) Contains(addr netip.Addr) bool { return p.trusts(plain(addr)) }

func (p Proxies) trusts(addr netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// parsePeer reads a connection's address. One that is none (a listener that is no socket) becomes the unspecified address.
func parsePeer(peer string) netip.Addr {
	if addr, ok := parseEntry(peer); ok {
		return addr
	}
	return netip.IPv4Unspecified()
}

// parseEntry reads an address with or without a port, and with or without the brackets of IPv6: load balancers differ.
func parseEntry(text string) (netip.Addr, bool) {
	bare := text
	if inner, ok := strings.CutPrefix(text, "["); ok && strings.HasSuffix(inner, "]") {
		bare = strings.TrimSuffix(inner, "]")
	}
	if addr, err := netip.ParseAddr(bare); err == nil {
		return plain(addr), true
	}
	if both, err := netip.ParseAddrPort(text); err == nil {
		return plain(both.Addr()), true
	}
	return netip.Addr{}, false
}

// plain drops what makes two spellings of one address: the zone, and IPv4 dressed as IPv6.
func plain(addr netip.Addr) netip.Addr { return addr.WithZone("").Unmap() }

// Network is what a client is counted by: the address, or of an IPv6 address its /64, since a household has 2^64 of them.
func Network(client netip.Addr) netip.Prefix {
	client = plain(client)
	bits := client.BitLen()
	if client.Is6() {
		bits = 64
	}
	network, _ := client.Prefix(bits) // can't fail: the bits are the address's
	return network
}

// throttleKey names a client's counter.
func throttleKey(client netip.Addr) string {
	const prefix = "throttle:submit_ip:"
	if client.Is4() {
		return prefix + client.String()
	}
	return prefix + Network(client).String()
}

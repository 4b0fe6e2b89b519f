package stack

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"

	"leadlog/events"
)

// Shares of the crowd, in percent.
const (
	percentAgain   = 10 // send a phone that was sent before: duplicates
	percentForms   = 30 // post the HTML form, without JavaScript
	percentOldNets = 12 // come from an IPv4 address
)

// crowd makes up visitors. No phone of theirs is anybody's: 555-0100 to 555-0199 are kept for fiction in every area of the
// North American plan. Their addresses are kept for documentation (RFC 5737, RFC 3849).
//
// None of them meets the limit on each client. There are 508 IPv4 addresses, used in turn, so at 200 submissions a second
// each of them sends three a minute; and every visitor with IPv6 has a /64 for themselves.
type crowd struct {
	random *rand.Rand
	areas  []int
	used   map[string]bool
	sent   []string
	old    uint32 // visitors from IPv4 addresses, and
	new    uint32 // from IPv6, so far
}

func newCrowd() *crowd {
	c := &crowd{
		random: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())), //nolint:gosec // people who don't exist
		used:   make(map[string]bool),
	}
	for area := 200; area < 1000; area++ {
		if _, err := events.NormalizePhone(fictional(area, 100), "US"); err == nil {
			c.areas = append(c.areas, area)
		}
	}
	return c
}

func fictional(area, line int) string { return fmt.Sprintf("+1%d555%04d", area, line) }

// next makes up a visitor.
func (c *crowd) next() visitor {
	v := visitor{from: c.address(), form: c.chance(percentForms)}
	if v.again = len(c.sent) > 50 && c.chance(percentAgain); v.again {
		v.phone = c.sent[c.random.IntN(len(c.sent)-20)] // not one whose first time is still under way
	} else {
		v.phone = c.unused()
		c.sent = append(c.sent, v.phone)
	}
	v.typed = typed(v.phone, c.random.IntN(4))
	v.campaign = campaigns[c.random.IntN(len(campaigns))]
	v.userAgent = userAgents[c.random.IntN(len(userAgents))]
	v.variant = string('a' + rune(c.random.IntN(2)))
	return v
}

func (c *crowd) chance(percent int) bool { return c.random.IntN(100) < percent }

// unused returns a phone that this crowd has not sent. There are some 44,000.
func (c *crowd) unused() string {
	for {
		phone := fictional(c.areas[c.random.IntN(len(c.areas))], 100+c.random.IntN(100))
		if !c.used[phone] || len(c.used) >= 100*len(c.areas) {
			c.used[phone] = true
			return phone
		}
	}
}

// address returns where the next visitor comes from.
func (c *crowd) address() net.Addr {
	port := uint16(1024 + c.random.IntN(60_000))
	if c.chance(percentOldNets) {
		c.old++
		n, host := [][3]byte{{198, 51, 100}, {203, 0, 113}}[c.old%2], byte(1+c.old/2%254)
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4([4]byte{n[0], n[1], n[2], host}), port))
	}
	c.new++
	ip := [16]byte{0x20, 0x01, 0x0d, 0xb8, byte(c.new >> 24), byte(c.new >> 16), byte(c.new >> 8), byte(c.new), 15: 1}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom16(ip), port))
}

// typed writes a number as people do: some keyboards have other digits, and what is pasted has marks that nobody sees.
func typed(phone string, style int) string {
	switch style {
	case 0:
		return inDigits(phone, '۰')
	case 1:
		return inDigits(phone, '٠')
	case 2:
		return "\u202a" + phone + "\u202c "
	}
	return phone
}

func inDigits(phone string, zero rune) string {
	digits := []rune(phone)
	for i, r := range digits {
		if r >= '0' && r <= '9' {
			digits[i] = zero + r - '0'
		}
	}
	return string(digits)
}

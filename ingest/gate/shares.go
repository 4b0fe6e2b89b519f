package gate

import (
	"net/netip"
	"sync"
)

// Shares keep one client from taking all of something that there is little of. Clients are those of the rate limit, so that visitors
// behind a trusted proxy have shares of their own; whoever comes from the loopback is not counted.
type Shares struct {
	each int

	mu    sync.Mutex
	taken map[netip.Prefix]int
}

// NewShares returns shares of that many for each client. 0 is no limit.
func NewShares(each int) *Shares {
	return &Shares{each: each, taken: make(map[netip.Prefix]int)}
}

// Take takes one, or reports that the client has its share. After true, Give has to be called.
func (s *Shares) Take(client netip.Addr) bool {
	if s.each == 0 || client.IsLoopback() {
		return true
	}
	network := Network(client)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[network] >= s.each {
		return false
	}
	s.taken[network]++
	return true
}

// Give gives one back.
func (s *Shares) Give(client netip.Addr) {
	if s.each == 0 || client.IsLoopback() {
		return
	}
	network := Network(client)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[network]--; s.taken[network] == 0 {
		delete(s.taken, network)
	}
}

package server

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"leadlog/ingest/gate"
	"leadlog/ingest/problem"
)

// mediaShare is how many media one client may be sent at once: browsers ask for six. There are 256 for all.
const mediaShare = 32

// shares keeps one client from taking all of something that there is little of. Clients are those of the rate limit, so that
// visitors behind a trusted proxy have shares of their own; whoever comes from the loopback is not counted.
type shares struct {
	each    int
	proxies gate.Proxies

	mu    sync.Mutex
	taken map[netip.Prefix]int
}

func newShares(each int, proxies gate.Proxies) *shares {
	return &shares{each: each, proxies: proxies, taken: make(map[netip.Prefix]int)}
}

// of is a handler that answers 429 to clients who have taken their share.
func (s *shares) of(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		client := s.proxies.Client(r.RemoteAddr, r.Header["X-Forwarded-For"])
		if client.IsLoopback() {
			next(w, r)
			return
		}
		network := gate.Network(client)
		if !s.take(network) {
			problem.Problem{Status: http.StatusTooManyRequests, Code: "too_many_downloads", RetryAfter: time.Second}.Write(w)
			return
		}
		defer s.give(network)
		next(w, r)
	}
}

func (s *shares) take(client netip.Prefix) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[client] >= s.each {
		return false
	}
	s.taken[client]++
	return true
}

func (s *shares) give(client netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[client]--; s.taken[client] == 0 {
		delete(s.taken, client)
	}
}

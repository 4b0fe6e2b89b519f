package gate

import (
	"sync"
	"time"
)

// maxCounted bounds the throttle in memory: about 10 MB.
const maxCounted = 100_000

// memory is the throttle of one process, for the time without Redis. All clients share one window, so that forgetting is
// one step; a client may so send up to twice the limit around its end. Clients beyond maxCounted are let through.
type memory struct {
	limit int

	mu     sync.Mutex
	ends   time.Time
	counts map[string]int
}

func newMemory(limit int) *memory { return &memory{limit: limit, counts: make(map[string]int)} }

// over counts one submission of a client, and returns for how long it is over the limit; 0 when it is not.
func (m *memory) over(key string) time.Duration {
	if m.limit == 0 {
		return 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if !now.Before(m.ends) {
		m.counts, m.ends = make(map[string]int), now.Add(Window)
	}
	count, known := m.counts[key]
	if !known && len(m.counts) >= maxCounted {
		return 0
	}
	m.counts[key] = count + 1
	if count < m.limit {
		return 0
	}
	return m.ends.Sub(now)
}

package telemetry

import (
	"log/slog"
	"sync"
	"time"
)

// complainEvery is the least time between two lines of a complaint.
const complainEvery = 10 * time.Second

// Complaint tells of what goes wrong often: one line every 10 s at most, with how many there were and the last one's reason. A line
// for each would be a flood exactly when the machine has other worries.
type Complaint struct {
	log  *slog.Logger
	what string

	mu    sync.Mutex
	count int
	last  time.Time
}

// NewComplaint returns one about what the text says.
func NewComplaint(log *slog.Logger, what string) *Complaint {
	return &Complaint{log: log, what: what}
}

// About counts one, and says so when it is time.
func (c *Complaint) About(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	now := time.Now()
	if now.Sub(c.last) < complainEvery {
		return
	}
	c.log.Warn(c.what, "count", c.count, "err", err) //nolint:sloglint // one constant for each complaint
	c.count, c.last = 0, now
}

package telemetry

import (
	"log/slog"
	"sync"
	"time"
)

// complainEvery is the least time between two lines of a complaint.
const complainEvery = 10 * time.Second

// Complaint tells of what goes wrong often: one line every 10 s at most, with how many there were since when, and the last one's reason.
// A line for each would be a flood exactly when the machine has other worries.
type Complaint struct {
	log  *slog.Logger
	what string

	mu    sync.Mutex
	count int
	since time.Time // when the first came that is not told yet
	last  time.Time // when the last line was written
}

// NewComplaint returns one about what the text says.
func NewComplaint(log *slog.Logger, what string) *Complaint {
	return &Complaint{log: log, what: what}
}

// About counts one, and says so when it is time.
func (c *Complaint) About(err error) {
	if count, since := c.add(time.Now()); count > 0 { // nobody else waits while it is written
		c.log.Warn(c.what, "count", count, "since", since, "err", err) //nolint:sloglint // one constant for each complaint
	}
}

// add returns what is to be told, or 0.
func (c *Complaint) add(now time.Time) (count int, since time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count++; c.count == 1 {
		c.since = now
	}
	if now.Sub(c.last) < complainEvery {
		return 0, now
	}
	count, since = c.count, c.since
	c.count, c.last = 0, now
	return count, since
}

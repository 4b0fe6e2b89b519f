package kafkalog

import (
	"log/slog"
	"sync"
	"time"
)

// complainEvery is the least time between two lines about appends that fail.
const complainEvery = 10 * time.Second

// complaint tells of appends that fail: one line every 10 s at most, with how many there were and the last one's reason.
// A line for each would be a flood exactly when the machine has other worries.
type complaint struct {
	log *slog.Logger

	mu    sync.Mutex
	count int
	last  time.Time
}

func (c *complaint) about(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	now := time.Now()
	if now.Sub(c.last) < complainEvery {
		return
	}
	c.log.Warn("kafka: appends without an ack", "count", c.count, "err", err)
	c.count, c.last = 0, now
}

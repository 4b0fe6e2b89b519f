package runner

import (
	"sync"
	"time"
)

const (
	// paceEvery is the least time over which a pace is measured.
	paceEvery = 250 * time.Millisecond
	// paceGap is how long after a big batch the next one counts as part of another backlog.
	paceGap = 2 * time.Second
)

// pace measures how fast this process carries a backlog over, in all partitions together. It is stored with the positions,
// where a plan finds it.
type pace struct {
	mu     sync.Mutex
	begun  time.Time // of the stretch that is being measured
	last   time.Time
	events int
	rate   float64
}

// applied counts a big batch, and returns the pace: events a second, 0 as long as there was no backlog to tell it by.
func (p *pace) applied(events int, now time.Time) float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.last) > paceGap { // how long this batch took is not known: it only starts the clock
		p.begun, p.last, p.events = now, now, 0
		return p.rate
	}
	p.last = now
	p.events += events
	if took := now.Sub(p.begun); took >= paceEvery {
		rate := float64(p.events) / took.Seconds()
		if p.rate > 0 {
			rate = (rate + p.rate) / 2
		}
		p.begun, p.events, p.rate = now, 0, rate
	}
	return p.rate
}

// stored returns the pace to store beside a position: what was measured, or else what is stored already.
func (p *pace) stored(before float64) float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rate > 0 {
		return p.rate
	}
	return before
}

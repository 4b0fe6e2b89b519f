package kafkalog

import (
	"sync"
	"time"
)

const (
	// patience is how long a record may take, and so how much of a partition's pace may be in flight: brokers that are far away
	// and keep up must not be cut down, and the ack timeout is far beyond what people wait for.
	patience = 800 * time.Millisecond
	// paceWindow is over how long acks are counted: short enough to follow an outage, long enough for a broker's pauses.
	paceWindow = 500 * time.Millisecond
	// leastRoom is what a partition may hold whatever its pace: it has to show what it can do before it is known. Twelve times
	// as many wait a second and a half for brokers that do a thousand a second.
	leastRoom = 128
)

// pace is how quickly a partition acknowledges, as seen of late.
type pace struct {
	mu    sync.Mutex
	since time.Time // when the window began
	acked int64     // in the window
	last  int64     // in the window before
}

// ack counts one.
func (p *pace) ack(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn(now)
	p.acked++
}

// room is how many records are acknowledged within patience at this pace, and at the least leastRoom. A partition that has
// acknowledged nothing for two windows has shown nothing.
func (p *pace) room(now time.Time) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn(now)
	return max(leastRoom, max(p.last, p.acked)*int64(patience)/int64(paceWindow))
}

// turn begins a new window when the one that was is over.
func (p *pace) turn(now time.Time) {
	switch age := now.Sub(p.since); {
	case age < paceWindow:
		return
	case age < 2*paceWindow:
		p.last = p.acked
		p.since = p.since.Add(paceWindow)
	default:
		p.last = 0
		p.since = now
	}
	p.acked = 0
}

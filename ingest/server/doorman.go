package server

import (
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"leadlog/ingest/problem"
)

const (
	// maxTurned is how many connections may be turned away at once with an answer. Those beyond are just closed.
	maxTurned = 256
	// turnTime is how long one of them may take to hear it.
	turnTime = time.Second
	// maxHeard is how much of a request is read meanwhile. Closed with bytes unread, the connection would be reset, and the
	// answer lost on its way.
	maxHeard = 64 << 10
)

// doorman answers connections that are over a limit, at the cost of a goroutine for at most a second each.
type doorman struct {
	answers map[verdict][]byte
	slots   chan struct{}
	turned  sync.WaitGroup
}

func newDoorman() *doorman {
	return &doorman{
		answers: map[verdict][]byte{
			full: problem.Problem{
				Status: http.StatusServiceUnavailable, Code: "too_many_connections", RetryAfter: time.Second, Close: true,
			}.Message(),
			greedy: problem.Problem{
				Status: http.StatusTooManyRequests, Code: "too_many_connections", RetryAfter: time.Second, Close: true,
			}.Message(),
		},
		slots: make(chan struct{}, maxTurned),
	}
}

// turnAway does not wait: the next client is at the door.
func (d *doorman) turnAway(c net.Conn, v verdict) {
	select {
	case d.slots <- struct{}{}:
	default:
		_ = c.Close()
		return
	}
	d.turned.Go(func() {
		defer func() { <-d.slots }()
		tell(c, d.answers[v])
	})
}

// tell hears the beginning of a request first, since some clients take an answer that comes before their request for a
// mistake, and the rest of it after the answer.
func tell(c net.Conn, answer []byte) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(turnTime / 2))
	var first [512]byte
	_, _ = c.Read(first[:])
	_ = c.SetDeadline(time.Now().Add(turnTime / 2)) // one that said nothing is told, too
	if _, err := c.Write(answer); err != nil {
		return
	}
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
		_, _ = io.CopyN(io.Discard, c, maxHeard)
	}
}

// wait returns when everybody has been told.
func (d *doorman) wait() { d.turned.Wait() }

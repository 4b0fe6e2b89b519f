package stack

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// demoRate is how many submissions a second the demo's visitors send.
	demoRate = 200
	// demoAtOnce is how many of them may wait for an answer at a time. When that is not enough, the rate falls.
	demoAtOnce = 64
	// demoTell is how often the tally is told.
	demoTell = 2 * time.Second
	// demoPatience is how long a visitor waits for an answer.
	demoPatience = 10 * time.Second
)

// Tally counts what the demo's visitors did.
type Tally struct {
	Sent     int // submissions, of the number that Config.Demo asks for
	Of       int
	Again    int // those of a phone that had been sent before
	Accepted int // answered 202 or 200, or to a form 303
	Failed   int // answered otherwise, or not at all
	Took     time.Duration
	Done     bool
}

// Rate is submissions a second.
func (t Tally) Rate() float64 { return float64(t.Sent) / max(t.Took.Seconds(), 0.001) }

// demo sends made-up visitors through the whole edge.
type demo struct {
	stack *stack
	crowd *crowd
	begun time.Time

	mu    sync.Mutex
	tally Tally
}

func newDemo(s *stack) *demo {
	return &demo{stack: s, crowd: newCrowd(), begun: time.Now(), tally: Tally{Of: s.cfg.Demo}}
}

// run sends the submissions at an even rate, and tells how it goes. It ends early with ctx.
func (d *demo) run(ctx context.Context) {
	var visitors errgroup.Group
	visitors.SetLimit(demoAtOnce)
	next, tell := time.NewTicker(time.Second/demoRate), time.NewTicker(demoTell)
	defer next.Stop()
	defer tell.Stop()
	for sent := 0; sent < d.tally.Of; {
		select {
		case <-ctx.Done():
			sent = d.tally.Of
		case <-tell.C:
			d.tell(false)
		case <-next.C:
			sent++
			v := d.crowd.next()
			visitors.Go(func() error {
				d.count(v, d.visit(ctx, v))
				return nil
			})
		}
	}
	_ = visitors.Wait() // none of them returns an error
	d.tell(true)
}

// visit sends one submission on a connection of its own, and returns the status of the answer, 0 when there is none. It
// does not hang up when ctx ends: the edge answers what is in flight.
func (d *demo) visit(ctx context.Context, v visitor) (status int) {
	conn, err := d.stack.visitors.dial(ctx, v.from)
	if err != nil {
		return 0
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(demoPatience)); err != nil {
		return 0
	}
	request, err := v.request(context.WithoutCancel(ctx), d.stack.env.Listen)
	if err != nil {
		return 0
	}
	if err := request.Write(conn); err != nil {
		return 0
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return 0
	}
	return answer.StatusCode
}

func (d *demo) count(v visitor, status int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tally.Sent++
	if v.again {
		d.tally.Again++
	}
	switch status {
	case http.StatusOK, http.StatusAccepted, http.StatusSeeOther:
		d.tally.Accepted++
		return
	}
	d.tally.Failed++
	d.stack.log.Warn("demo: a submission was not taken", "status", status)
}

func (d *demo) tell(done bool) {
	d.mu.Lock()
	d.tally.Took, d.tally.Done = time.Since(d.begun), done
	tally := d.tally
	d.mu.Unlock()
	d.stack.cfg.Tell.Demo(tally)
}

package submit

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"
)

const (
	// turnsEach is how many submissions each processor works on at once, those that wait for their ack among them: about what it
	// answers in a tenth of a second. Brokers that need longer for an ack bound an edge to turnsEach in that time.
	turnsEach = 1024
	// turnWithin is how long somebody waits for a turn. With the wait for a claim and for the ack it stays below what the end of
	// an edge leaves to those who are in it.
	turnWithin = 2 * time.Second
)

// errNoTurn is definite: nothing was done for this submission.
var errNoTurn = errors.New("no turn came: more at once than this machine can work on")

// turnstile lets so many submissions in as a machine can work on at once. Those beyond wait outside, in the order in which they came.
//
// Without it all of them are worked on a little: each step of each, the reading of acks too, waits behind the steps of thousands, until
// acks come too late for whoever waits for them. The edge then spends its time on refusals, which cost nearly as much as answers
// and bring the next request at once.
type turnstile struct {
	turns   *semaphore.Weighted
	waiting atomic.Int64
}

func newTurnstile(turns int64) *turnstile {
	return &turnstile{turns: semaphore.NewWeighted(turns)}
}

// turns is how many there are on this machine.
func turns() int64 { return turnsEach * int64(runtime.GOMAXPROCS(0)) }

// enter waits for a turn, or returns errNoTurn. It takes no request's context: whoever has hung up left a number all the same.
// After nil, leave has to be called.
func (t *turnstile) enter() error {
	if t.turns.TryAcquire(1) { // not past those who wait
		return nil
	}
	t.waiting.Add(1)
	defer t.waiting.Add(-1)
	ctx, cancel := context.WithTimeout(context.Background(), turnWithin)
	defer cancel()
	if t.turns.Acquire(ctx, 1) != nil {
		return errNoTurn
	}
	return nil
}

func (t *turnstile) leave() { t.turns.Release(1) }

// gauge shows how many wait.
func (t *turnstile) gauge() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "leadlog_edge_waiting_submissions", Help: "Submissions that wait for their turn: more have come at once than the machine can work on.",
	}, func() float64 { return float64(t.waiting.Load()) })
}

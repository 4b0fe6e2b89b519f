package submit

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"leadlog/events"
)

const (
	// turnsEach is how many submissions each processor works on at once, those that wait for their ack among them: what it answers
	// in a fifth to a quarter of a second.
	turnsEach = 1024
	// linesEach is how many may wait for a turn, for each processor: about what gets one within turnWithin.
	linesEach = 8 * turnsEach
	// turnWithin is how long somebody waits for a turn.
	turnWithin = 2 * time.Second
	// shareOf is the part of all turns that one partition may hold: a sixth, twice its twelfth. A broker that is gone leads a third of
	// the partitions, and leaves a third of the turns to the others while people wait for its acks. With an eighth, each pause of a
	// broker had the edge refuse.
	shareOf = 6
)

// errNoTurn is definite: nothing was done for this submission.
var errNoTurn = errors.New("no turn came")

// turnstile lets so many submissions in as a machine can work on at once. Those beyond wait outside, in the order in which they came.
//
// Without it all of them are worked on a little: each step of each, the reading of acks too, waits behind the steps of thousands, until
// acks come too late for whoever waits for them. The edge then spends its time on refusals, which cost nearly as much as answers
// and bring the next request at once.
type turnstile struct {
	turns          *semaphore.Weighted
	line           int64 // how many may wait
	share          int64 // how many a partition may hold
	taken, waiting atomic.Int64
	held           [events.Partitions]atomic.Int64
}

func newTurnstile(turns, line int64) *turnstile {
	return &turnstile{turns: semaphore.NewWeighted(turns), line: line, share: max(1, turns/shareOf)}
}

// turnstileHere is one for this machine. In a container without a limit of processors, all of the machine's count.
func turnstileHere() *turnstile {
	processors := int64(runtime.GOMAXPROCS(0))
	return newTurnstile(processors*turnsEach, processors*linesEach)
}

// enter waits for a turn, or returns errNoTurn. It takes no request's context: whoever has hung up left a number all the same.
// After nil, leave has to be called.
func (t *turnstile) enter(partition int32) error {
	if !t.turns.TryAcquire(1) && !t.await() { // TryAcquire does not get past those who wait
		return errNoTurn
	}
	t.taken.Add(1)
	if t.held[partition].Add(1) > t.share {
		t.leave(partition)
		return errNoTurn
	}
	return nil
}

func (t *turnstile) leave(partition int32) {
	t.held[partition].Add(-1)
	t.taken.Add(-1)
	t.turns.Release(1)
}

// await waits in line, if it is not too long already.
func (t *turnstile) await() bool {
	defer t.waiting.Add(-1)
	if t.waiting.Add(1) > t.line {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), turnWithin)
	defer cancel()
	return t.turns.Acquire(ctx, 1) == nil
}

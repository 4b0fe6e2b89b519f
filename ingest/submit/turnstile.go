package submit

import (
	"errors"
	"runtime"
	"sync"
	"time"

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
	// shareOf is the part of all turns that one partition may hold: a sixth, twice its twelfth. Of three brokers one that is gone leads a
	// third of the partitions, and leaves a third of the turns to the others while people wait for its acks.
	shareOf = 6
)

// errNoTurn is definite: nothing was done for this submission.
var errNoTurn = errors.New("no turn came")

// turnstile lets so many submissions in as a machine can work on at once, and of each partition as many as the log has room for. Those
// beyond wait outside, in the order in which they came; a partition that is full lets those of others pass.
//
// Without it all of them are worked on a little: each step of each, the reading of acks too, waits behind the steps of thousands, until
// acks come too late for whoever waits for them. The edge then spends its time on refusals, which cost nearly as much as answers
// and bring the next request at once. For the same reason nobody is refused because a partition is full just now: where brokers pause,
// the whole line would be refused in a moment.
type turnstile struct {
	room  func(partition int32) int64 // how many of a partition may be in at once
	turns int64
	most  int64 // how many may wait
	share int64 // how many turns a partition may hold

	mu    sync.Mutex
	taken int64
	lines lines
	held  [events.Partitions]int64
}

func newTurnstile(turns, most int64, room func(int32) int64) *turnstile {
	return &turnstile{room: room, turns: turns, most: most, share: max(1, turns/shareOf)}
}

// turnstileHere is one for this machine. Go counts at least two processors where a container's limit is lower, and all of them where
// there is none.
func turnstileHere(room func(int32) int64) *turnstile {
	processors := int64(runtime.GOMAXPROCS(0))
	return newTurnstile(processors*turnsEach, processors*linesEach, room)
}

// enter waits for a turn, or returns errNoTurn. It takes no request's context: whoever has hung up left a number all the same.
// After nil, leave has to be called.
func (t *turnstile) enter(partition int32) error {
	w := t.join(partition)
	if w == nil {
		return errNoTurn
	}
	select {
	case <-w.turn:
		return nil
	default:
	}
	timer := time.NewTimer(turnWithin)
	defer timer.Stop()
	select {
	case <-w.turn:
		return nil
	case <-timer.C:
		return t.giveUp(w)
	}
}

// join stands in line, and is first at once where nobody waits. It returns nil when the line is too long.
func (t *turnstile) join(partition int32) *waiter {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lines.waiting >= t.most {
		return nil
	}
	w := t.lines.add(partition)
	t.call()
	return w
}

// giveUp leaves the line, unless the turn came at the last moment.
func (t *turnstile) giveUp(w *waiter) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-w.turn:
		return nil
	default:
		t.lines.remove(w)
		return errNoTurn
	}
}

func (t *turnstile) leave(partition int32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.taken--
	t.held[partition]--
	t.call()
}

// call gives the turns that are free to those who have waited longest, of the partitions that have room. Acks make room and end a
// submission, so who leaves calls; room that comes otherwise is noticed by whoever joins next.
func (t *turnstile) call() {
	for t.taken < t.turns {
		w := t.lines.first(func(partition int32) bool { return t.held[partition] < min(t.share, t.room(partition)) })
		if w == nil {
			return
		}
		t.lines.remove(w)
		t.taken++
		t.held[w.partition]++
		close(w.turn)
	}
}

// counts says how many turns are taken, and how many submissions wait for one.
func (t *turnstile) counts() (taken, waiting int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.taken, t.lines.waiting
}

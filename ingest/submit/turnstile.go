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

// Both are definite: nothing was done for this submission. Their texts are values of a metric's label.
var (
	errWaited = errors.New("waited") // for as long as anybody waits
	errLine   = errors.New("line")   // it is too long
)

// turnstile lets so many submissions in as a machine can work on at once, and of each partition as many as the log has room for. Those
// beyond wait outside, in the order in which they came; where a partition is full, those of others pass.
//
// Without it all of them are worked on a little: each step of each, the reading of acks too, waits behind the steps of thousands, until
// acks come too late for whoever waits for them. The edge then spends its time on refusals, which cost nearly as much as answers
// and bring the next request at once. For the same reason a turn comes with room in the log: refused for want of it, everybody would hand
// the turn on to the next one, and a whole line would be gone in a moment when brokers pause.
type turnstile struct {
	reserve func(*events.Record) bool
	turns   int64
	most    int64 // how many may wait
	share   int64 // how many turns a partition may hold

	mu    sync.Mutex
	taken int64
	lines lines
	held  [events.Partitions]int64
}

func newTurnstile(turns, most int64, reserve func(*events.Record) bool) *turnstile {
	return &turnstile{reserve: reserve, turns: turns, most: most, share: max(1, turns/shareOf)}
}

// turnstileHere is one for this machine. Go counts at least two processors where a container's limit is lower, and all of them where
// there is none.
func turnstileHere(reserve func(*events.Record) bool, most int) *turnstile {
	processors := int64(runtime.GOMAXPROCS(0))
	line := processors * linesEach
	if most > 0 {
		line = min(line, int64(most))
	}
	return newTurnstile(processors*turnsEach, line, reserve)
}

// enter waits for a turn, or returns errWaited or errLine. It takes no request's context: whoever has hung up left a number all the
// same. After nil, leave has to be called, and the log has room for the record.
func (t *turnstile) enter(record *events.Record) error {
	w, err := t.join(record)
	if w == nil {
		return err
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

// join takes a turn, or stands in line. It returns nobody and nil for a turn.
func (t *turnstile) join(record *events.Record) (*waiter, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.call()
	if t.lines.empty(record.Partition) && t.take(record) { // a small record does not pass a large one that waits for room
		return nil, nil
	}
	if t.lines.waiting >= t.most {
		return nil, errLine
	}
	return t.lines.add(record), nil
}

// giveUp leaves the line, unless the turn comes at the last moment.
func (t *turnstile) giveUp(w *waiter) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.call()
	select {
	case <-w.turn:
		return nil
	default:
		t.lines.remove(w)
		return errWaited
	}
}

func (t *turnstile) leave(partition int32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.taken--
	t.held[partition]--
	t.call()
}

// call gives turns to those who have waited longest, as far as there are any and their partitions have room. Acks make room and
// end a submission, so whoever leaves calls. Acks that nobody waits for any more make room, too: whoever comes or gives up sees it.
func (t *turnstile) call() {
	var full [events.Partitions]bool
	for t.taken < t.turns {
		w := t.lines.first(&full)
		switch {
		case w == nil:
			return
		case t.take(w.record):
			t.lines.remove(w)
			close(w.turn)
		default:
			full[w.record.Partition] = true
		}
	}
}

// take takes a turn, if there is one and the record's partition has room.
func (t *turnstile) take(record *events.Record) bool {
	if t.taken >= t.turns || t.held[record.Partition] >= t.share || !t.reserve(record) {
		return false
	}
	t.taken++
	t.held[record.Partition]++
	return true
}

// workedOn says how many turns are taken.
func (t *turnstile) workedOn() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.taken
}

// waitingFor says how many wait for a turn with a record of a partition.
func (t *turnstile) waitingFor(partition int32) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return int64(t.lines.partitions[partition].Len())
}

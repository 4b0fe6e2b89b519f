package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/projectors/failpoint"
	"leadlog/projectors/view"
)

// errStale: somebody else moved, held or bumped the position, as the watch saw.
var errStale = errors.New("the stored position has changed")

// worker carries one partition into the view for as long as it is assigned to this process.
type worker struct {
	*Runner
	stream view.Stream
	inbox  *inbox

	state  State // written by the worker's own goroutine alone
	detail string

	holes        []view.Hole        // of this partition: what a person had the view pass over
	open         map[int64]struct{} // offsets that have an open dead letter
	checkForeign bool               // once an assignment: nobody can commit into a group that has members
	parked       map[int64]struct{} // offsets that are parked, but not yet passed: a retry need not park them again

	mu     sync.Mutex
	at     view.Position // as last read from or written to the store
	stored bool          // whether the store had it
	live   bool          // has caught up with the log since it was claimed
	stale  chan struct{} // closed by the watch; nil while there is nothing to wake
}

// run works until ctx ends. Whatever goes wrong in between, the partition stays ours, so it is tried again, or stopped with
// an alarm: never left behind in silence.
func (w *worker) run(ctx context.Context) {
	defer w.board.forget(w)
	for tries := 0; ctx.Err() == nil; {
		started := time.Now()
		err := w.session(ctx)
		if time.Since(started) > time.Minute {
			tries = 0
		}
		switch {
		case ctx.Err() != nil:
		case errors.Is(err, errStale):
		case view.Classify(err) == view.Retry:
			w.board.show(w, Waiting, err.Error())
			sleep(ctx, backoff(tries))
			tries++
		case view.Classify(err) == view.Reclaim:
			// By a zombie that is about to notice, or by a rewind. With jitter, so that two who both believe to be assigned
			// do not fence each other in lockstep; without end, since only revocation ends a worker.
			w.metrics.fenced.WithLabelValues(w.stream.Projection).Inc()
			sleep(ctx, time.Duration(rand.Int64N(int64(200*time.Millisecond)))) //nolint:gosec // jitter
		default:
			w.stop(ctx, err)
		}
	}
}

// session claims the position and applies from there until something moves it or fails.
func (w *worker) session(ctx context.Context) error {
	at, end, err := w.claim(ctx)
	if err != nil {
		return err
	}
	stale := w.begin(at, end)
	if err := w.reader.seek(ctx, w.stream.Partition, at.Next, at.Epoch, w.inbox); err != nil {
		return err
	}
	w.board.show(w, Running, "")
	for {
		n, err := w.inbox.wait(ctx, stale)
		if err != nil {
			return w.readError(err)
		}
		if at, err = w.advance(ctx, at, n >= bigBatch); err != nil {
			return err
		}
	}
}

// advance carries what has arrived over. A backlog waits for its turn before anything is taken: what workers hold in their
// hands while they wait would be most of the memory of the process.
func (w *worker) advance(ctx context.Context, at view.Position, big bool) (view.Position, error) {
	if big {
		if err := w.slots.Acquire(ctx, 1); err != nil {
			return at, err
		}
		defer w.slots.Release(1)
	}
	records, end := w.inbox.take(w.cfg.BatchSize)
	if records[0].Offset < at.Next {
		return at, errStale // from before the seek: never to be seen, and never to be applied twice
	}
	if !w.inbox.full() {
		w.reader.resume(w.stream.Partition)
	}
	return w.apply(ctx, at, records, end)
}

// apply carries one batch over: poison is parked first, then the rest and the position move together.
func (w *worker) apply(ctx context.Context, at view.Position, records []*kgo.Record, end int64) (view.Position, error) {
	batch, poison := decode(records, w.holes)
	if err := w.park(ctx, poison); err != nil {
		return at, err
	}
	last := records[len(records)-1]
	started := time.Now()
	to := view.Mark{Next: last.Offset + 1, Epoch: last.LeaderEpoch, Pace: w.pace.stored(at.Pace)}
	failpoint.Reach("batch in hand")
	moved, err := w.cfg.View.Apply(ctx, at, to, batch)
	if view.Classify(err) == view.Stop {
		return w.narrow(ctx, at, records, end, err)
	}
	if err != nil {
		return at, err
	}
	if len(records) >= bigBatch {
		w.pace.applied(len(records), time.Now())
	}
	maps.DeleteFunc(w.parked, func(offset int64, _ struct{}) bool { return offset < moved.Next }) // half a batch may be left: see narrow
	w.redeem(ctx, batch)
	w.moved(moved, end)
	w.metrics.onApplied(moved, len(records), end, started, last.Timestamp)
	return moved, nil
}

// narrow applies a batch that the store refuses in halves, until the position stands at the very record that it refuses: the
// one to look at, and to skip if nothing else helps.
func (w *worker) narrow(ctx context.Context, at view.Position, records []*kgo.Record, end int64, refused error) (view.Position, error) {
	half := len(records) / 2
	if half == 0 {
		return at, w.lastResort(refused, records[0].Offset)
	}
	at, err := w.apply(ctx, at, records[:half], end)
	if err != nil {
		return at, err
	}
	return w.apply(ctx, at, records[half:], end)
}

// decode sorts a batch into events and poison. Poison is exactly what events.Decode refuses, so all views agree on it. What
// lies in a hole is neither, but for tombstones: what is to be forgotten stays forgotten, however a fold comes by.
func decode(records []*kgo.Record, holes []view.Hole) (batch []events.Event, poison []dead) {
	batch = make([]events.Event, 0, len(records))
	for _, r := range records {
		if r.Value != nil && slices.ContainsFunc(holes, func(h view.Hole) bool { return h.Holds(r.Offset) }) {
			continue
		}
		record := broker.FromKafka(r)
		e, err := events.Decode(&record)
		if err != nil {
			poison = append(poison, dead{record: r, why: err})
			continue
		}
		batch = append(batch, e)
	}
	return batch, poison
}

// park writes the dead letters of a batch that are not written yet.
func (w *worker) park(ctx context.Context, poison []dead) error {
	poison = slices.DeleteFunc(poison, func(d dead) bool {
		_, done := w.parked[d.record.Offset]
		return done
	})
	if len(poison) == 0 || w.draft() { // of a draft's events, the version that everybody reads has parked the bad ones
		return nil
	}
	if err := w.letters.park(ctx, poison); err != nil {
		return err
	}
	for _, d := range poison {
		w.parked[d.record.Offset] = struct{}{}
		w.open[d.record.Offset] = struct{}{}
	}
	w.metrics.parked.WithLabelValues(w.stream.Projection).Add(float64(len(poison)))
	w.log.Error("records parked as dead letters", "stream", w.stream.String(), "count", len(poison),
		"first_offset", poison[0].record.Offset, "error", poison[0].why)
	return nil
}

// readError turns what the reader met into what the worker must do. An offset that is not there, a log that was cut off, a
// topic that is gone: going on would mean to skip or to apply twice. Anything else may pass.
func (w *worker) readError(err error) error {
	var loss *kgo.ErrDataLoss
	switch {
	case errors.Is(err, errStale), errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, kerr.UnknownTopicID):
		return fmt.Errorf("%w: read the log: %w", view.ErrOtherTopic, err)
	case errors.Is(err, kerr.OffsetOutOfRange):
		return fmt.Errorf("read the log: %w", err)
	case errors.As(err, &loss):
		return w.advise(fmt.Errorf("the log was cut off below what this view has applied (up to %d, now %d): acknowledged events are lost; compare with `ops topic check`: %w",
			loss.ConsumedTo, loss.ResetTo, err), "rewind", fmt.Sprintf("--to-offset %d", loss.ResetTo))
	}
	return fmt.Errorf("%w: read the log: %w", view.ErrStoreDown, err)
}

// stop raises an alarm and waits for a person: until the stored position is another one (a rewind, a skip) than the worker
// last saw, or the partition is taken away. It is not read again for that: whoever was quicker than the reading would be missed.
func (w *worker) stop(ctx context.Context, why error) {
	reason := w.reasonOf(why)
	w.board.show(w, Stopped, reason)
	w.board.alarm(ctx, w.stream, reason)
	if err := w.reader.release(ctx, w.stream.Partition); err != nil {
		return
	}
	select {
	case <-w.untilMoved():
	case <-ctx.Done():
	}
}

// saw notes what the store had of this stream when it was claimed, or that it had nothing.
func (w *worker) saw(at view.Position, stored bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at, w.stored = at, stored
}

// untilMoved returns a channel that the watch closes once the position is not what the worker last saw.
func (w *worker) untilMoved() <-chan struct{} {
	stale := make(chan struct{})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.live, w.stale = false, stale
	return stale
}

// begin notes where a session starts and returns the channel that the watch closes to end it.
func (w *worker) begin(at view.Position, end int64) <-chan struct{} {
	stale := make(chan struct{})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at, w.stored, w.live, w.stale = at, true, at.Next >= end, stale
	w.mirror.note(w.stream.Partition, at.Mark)
	return stale
}

func (w *worker) moved(at view.Position, end int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = at
	w.live = w.live || at.Next >= end
	w.mirror.note(w.stream.Partition, at.Mark)
}

// caughtUp says whether the worker has seen the end of its partition since it claimed it.
func (w *worker) caughtUp() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.live
}

// watched is what a worker knew of its position at some time.
type watched struct {
	at     view.Position
	stored bool
	stale  chan struct{}
}

// snapshot is taken before the stored positions are read; see movedBy.
func (w *worker) snapshot() watched {
	w.mu.Lock()
	defer w.mu.Unlock()
	return watched{w.at, w.stored, w.stale}
}

// movedBy says whether somebody else has moved, held or removed the position since the snapshot. A next offset that is
// higher is the worker's own progress; one that is lower is a store restored from a backup.
func (was watched) movedBy(now view.Position, there bool) bool {
	return there != was.stored || there &&
		(now.Generation != was.at.Generation || now.Hold != was.at.Hold || now.Next < was.at.Next || now.TopicID != was.at.TopicID)
}

// wake ends what the worker did when the snapshot was taken: a session, or being stopped. If it has gone on since, it has
// read the position itself.
func (w *worker) wake(was watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stale != nil && w.stale == was.stale {
		close(w.stale)
		w.stale = nil
	}
}

func backoff(tries int) time.Duration {
	d := min(100*time.Millisecond<<min(tries, 6), 5*time.Second)
	return d/2 + time.Duration(rand.Int64N(int64(d/2))) //nolint:gosec // jitter
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

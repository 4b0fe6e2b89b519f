package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"leadlog/projectors/view"
)

// claim makes the partition's position ours, and returns it with the partition's end.
//
// The stored position is the only one that counts. Where there is none, an empty view starts at the log's start (or as far
// back as the view wants); a view that has rows but no position is stopped, since starting anywhere would be a guess. A
// commit that a person made with a Kafka tool is honoured as a rewind when it leads backwards, and refused otherwise.
func (w *worker) claim(ctx context.Context) (view.Position, int64, error) {
	start, end, err := w.bounds(ctx)
	if err != nil {
		return view.Position{}, 0, err
	}
	at, err := w.cfg.View.Claim(ctx, w.stream)
	if err == nil || errors.Is(err, view.ErrHeld) || errors.Is(err, view.ErrOtherTopic) || errors.Is(err, view.ErrPositionGone) {
		w.saw(at, !errors.Is(err, view.ErrPositionGone))
	}
	if err == nil && at.Next > end { // whoever had it before may have gone on since the end was asked for
		if start, end, err = w.bounds(ctx); err != nil {
			return at, 0, err
		}
	}
	switch {
	case errors.Is(err, view.ErrPositionGone):
		return at, 0, w.first(ctx, start, end)
	case errors.Is(err, view.ErrHeld):
		return at, 0, w.hold(ctx, at)
	case err != nil:
		return at, 0, fmt.Errorf("claim %s: %w", w.stream, err)
	case at.Next < start:
		return at, 0, w.advise(fmt.Errorf("out of range: the view is at offset %d, and the log starts at %d: events are gone", at.Next, start),
			"skip", fmt.Sprintf("--to-offset %d", start))
	case at.Next > end:
		return at, 0, w.advise(fmt.Errorf("out of range: the view is at offset %d, and the log ends at %d: is this another cluster, or a restored one?", at.Next, end),
			"rewind", fmt.Sprintf("--to-offset %d", end))
	}
	if err := w.lookAround(ctx, &at, start); err != nil {
		return at, 0, err
	}
	return at, end, nil
}

// lookAround reads what a claimed position has to be seen with: the holes, and once an assignment what a person has
// committed and which dead letters are open.
func (w *worker) lookAround(ctx context.Context, at *view.Position, start int64) error {
	holes, err := w.cfg.View.Holes(ctx, w.stream.Topic)
	if err != nil {
		return err
	}
	w.holes = slices.DeleteFunc(holes, func(h view.Hole) bool { return h.Partition != w.stream.Partition })
	refused := ""
	if w.checkForeign {
		w.readLetters(ctx)
		if *at, refused, err = w.honour(ctx, *at, start); err != nil {
			return err
		}
		w.checkForeign = false
	}
	w.board.alarm(ctx, w.stream, refused)
	return nil
}

// first stores the first position of a view that holds nothing of this partition yet; the next claim finds it.
func (w *worker) first(ctx context.Context, start, end int64) error {
	has, err := w.cfg.View.HasRows(ctx, w.stream.Partition)
	if err != nil {
		return err
	}
	if has {
		return advised{errors.New("the view has rows of this partition, but its position is gone: " +
			"restore the store's backup, or build the view again"), "ops rebuild " + w.stream.Projection}
	}
	if reach := w.cfg.View.Reach(); reach > 0 {
		if start, err = w.offsetAt(ctx, time.Now().Add(-reach)); err != nil {
			return err
		}
		// Where nothing is that young, the answer is the end, asked for a moment later: what was appended in between would
		// be skipped. The end that was known before skips nothing.
		start = min(start, end)
	}
	version, err := w.cfg.View.Version(ctx)
	if err != nil {
		return err
	}
	if err := w.cfg.View.Create(ctx, view.Position{Stream: w.stream, Mark: view.Mark{Next: start, Epoch: -1}, Version: version}); err != nil {
		return err
	}
	w.log.Info("an empty view starts", "stream", w.stream.String(), "offset", start)
	return errStale
}

// hold waits for the end of a pause, and finishes a rewind that somebody began and left.
func (w *worker) hold(ctx context.Context, at view.Position) error {
	if at.Target >= 0 {
		w.board.show(w, Held, fmt.Sprintf("finishing a rewind to offset %d", at.Target))
		_, removed, err := w.cfg.View.Rewind(ctx, at, at.Target, at.Cause)
		if err != nil {
			return err
		}
		w.log.Info("finished a rewind that was left half done", "stream", w.stream.String(), "offset", at.Target, "removed", removed)
		return errStale
	}
	why := "paused"
	if at.Target == view.SwapTarget {
		why = "another version of the view takes its place"
	}
	w.board.show(w, Held, why)
	sleep(ctx, heldEvery)
	return errStale
}

// bounds asks the brokers for the partition's first and last offset. Without an answer there is nothing to compare with, so
// the worker waits as it waits for a store.
func (w *worker) bounds(ctx context.Context) (start, end int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	admin := kadm.NewClient(w.reader.client)
	if start, err = w.offsetOf(admin.ListStartOffsets(ctx, w.stream.Topic)); err != nil {
		return 0, 0, err
	}
	end, err = w.offsetOf(admin.ListEndOffsets(ctx, w.stream.Topic))
	return start, end, err
}

// askWithin bounds the wait for the brokers' offsets.
const askWithin = 5 * time.Second

// offsetAt returns the first offset at or after a time, or the end when there is none.
func (w *worker) offsetAt(ctx context.Context, t time.Time) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	return w.offsetOf(kadm.NewClient(w.reader.client).ListOffsetsAfterMilli(ctx, t.UnixMilli(), w.stream.Topic))
}

// offsetOf finds this partition in an answer. The error beside it may be about others alone: a partition without a leader
// must not hold up eleven that have one.
func (w *worker) offsetOf(listed kadm.ListedOffsets, err error) (int64, error) {
	o, ok := listed.Lookup(w.stream.Topic, w.stream.Partition)
	if ok && o.Err == nil {
		return o.Offset, nil
	}
	return 0, fmt.Errorf("%w: ask the brokers for offsets: %w", view.ErrStoreDown, errors.Join(o.Err, err))
}

package runner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events/broker"
	"leadlog/projectors/view"
)

// foreignCause begins the cause of a position that a commit made with a Kafka tool has moved; the committed offset and the
// generation that it met follow.
const foreignCause = "kafka tool "

// Reset is an offset that a person committed into the group with a Kafka tool, and what became of it.
type Reset struct {
	ID      uuid.UUID // the same however often it is told
	Stream  view.Stream
	From    int64 // the position that it met
	To      int64 // the committed offset
	Removed int64 // rows that went; -1 when a process died before it could tell
	Refused string
}

// honour looks at what is committed in the group. A commit with our marker, or none at all, means nothing. It returns why a
// commit was refused, if one was.
func (w *worker) honour(ctx context.Context, at view.Position, start int64) (view.Position, string, error) {
	offset, foreign, err := w.mirror.foreign(ctx, w.stream.Partition)
	if err != nil {
		return at, "", fmt.Errorf("%w: %w", view.ErrStoreDown, err)
	}
	if !foreign {
		return at, "", nil
	}
	answer, refused := "same", ""
	switch {
	case offset < start || offset > at.Next:
		answer, refused = "refused", w.refuse(offset, at, start)
		w.tell(ctx, Reset{ID: w.resetID(offset, at.Generation), Stream: w.stream, From: at.Next, To: offset, Refused: refused})
	case offset < at.Next:
		answer = "rewound"
		if at, refused, err = w.obey(ctx, offset, at); err != nil {
			return at, "", err
		}
		if refused != "" {
			answer = "refused"
		}
	case strings.HasPrefix(at.Cause, foreignCause): // a process died between the rewind and its entry in the ledger
		w.tell(ctx, Reset{ID: w.idOf(at.Cause), Stream: w.stream, From: -1, To: offset, Removed: -1})
	}
	w.metrics.foreign.WithLabelValues(w.stream.Projection, answer).Inc()
	// Mirrored before anything is consumed: a crash in between must not rewind once more.
	if err := w.mirror.commit(ctx, map[int32]view.Mark{w.stream.Partition: at.Mark}); err != nil {
		return at, "", fmt.Errorf("%w: %w", view.ErrStoreDown, err)
	}
	return at, refused, nil
}

// obey rewinds as the commit asks for, through the code that `ops rewind` goes through and within the same limits. What is
// beyond them is refused.
func (w *worker) obey(ctx context.Context, offset int64, at view.Position) (moved view.Position, refused string, err error) {
	cause := causeOf(offset, at.Generation)
	err = w.within(ctx, offset, at)
	if errors.Is(err, view.ErrRebuildInstead) {
		refused = fmt.Sprintf(view.Notice+"offset %d was committed with a Kafka tool, and the position is %d: %s", offset, at.Next, err)
		w.log.Error("an offset was committed with a Kafka tool, and is refused: the store's position stands",
			"stream", w.stream.String(), "committed", offset, "position", at.Next, "hint", err)
		w.tell(ctx, Reset{ID: w.idOf(cause), Stream: w.stream, From: at.Next, To: offset, Refused: refused})
		return at, refused, nil
	}
	if err != nil {
		return at, "", err
	}
	moved, removed, err := w.cfg.View.Rewind(ctx, at, offset, cause)
	if err != nil {
		return at, "", err
	}
	w.log.Warn("rewound, as an offset committed with a Kafka tool asked for",
		"stream", w.stream.String(), "from", at.Next, "to", offset, "rows_removed", removed)
	w.tell(ctx, Reset{ID: w.idOf(cause), Stream: w.stream, From: at.Next, To: offset, Removed: removed})
	return moved, "", nil
}

// judgeWithin bounds all of that: a store that has frozen is asked again later.
const judgeWithin = 30 * time.Second

// countWithin is how long rows are counted as far as that is good; see view.CountRows.
const countWithin = 2 * time.Second

// within holds a rewind against the limits of all rewinds.
func (w *worker) within(ctx context.Context, offset int64, at view.Position) error {
	ctx, cancelAll := context.WithTimeoutCause(ctx, judgeWithin, fmt.Errorf("%w: no answer in time", view.ErrStoreDown))
	defer cancelAll()
	first, err := w.timeAt(ctx, offset, at.Next)
	if err != nil {
		return fmt.Errorf("%w: %w", view.ErrStoreDown, err)
	}
	if err := view.RefuseTooOld(w.cfg.View, first, time.Now()); err != nil || w.cfg.View.Derived() == nil {
		return err
	}
	quick, cancel := context.WithTimeout(ctx, countWithin)
	defer cancel()
	rows, _, err := view.CountRows(ctx, quick, w.cfg.View.Derived(), view.Stretch{Partition: at.Partition, From: offset, To: at.Next}, false)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: count rows: %w", view.ErrStoreDown, err)
	}
	if err != nil {
		return err
	}
	return view.RefuseTooMany(w.cfg.View, at.Partition, rows)
}

// timeAt returns T of the first record in a stretch that ends at what the view has applied; zero where none is left in it.
func (w *worker) timeAt(ctx context.Context, from, to int64) (time.Time, error) {
	client, err := broker.NewClient(w.cfg.Broker, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		w.stream.Topic: {w.stream.Partition: kgo.NewOffset().At(from)},
	}), kgo.FetchMaxPartitionBytes(firstBytes), kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	if err != nil {
		return time.Time{}, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, askWithin, errors.New("no answer in time"))
	defer cancel()
	for { // the last record of a log is never compacted away, so there is one at or past any offset below the end
		fetches := client.PollRecords(ctx, 1)
		if ctx.Err() != nil {
			return time.Time{}, fmt.Errorf("read the record at offset %d: %w", from, context.Cause(ctx))
		}
		if err := fetches.Err0(); err != nil {
			return time.Time{}, fmt.Errorf("read the record at offset %d: %w", from, err)
		}
		for _, r := range fetches.Records() {
			if r.Offset < to {
				return r.Timestamp, nil
			}
			return time.Time{}, nil
		}
	}
}

// firstBytes is how much is fetched when one record is wanted.
const firstBytes = 16 << 10

// refuse says why the store's position stands, and which command was meant.
func (w *worker) refuse(offset int64, at view.Position, start int64) string {
	topic := fmt.Sprintf("--topic %s:%d", w.stream.Topic, w.stream.Partition)
	meant := fmt.Sprintf("nothing is ever skipped by a commit; to pass over records for good: ops skip %s %s --to-offset %d",
		w.stream.Projection, topic, offset)
	if offset < start {
		meant = fmt.Sprintf("the log starts at %d; to apply all of it again: ops rewind %s %s --to-earliest", start, w.stream.Projection, topic)
	}
	why := fmt.Sprintf(view.Notice+"offset %d was committed with a Kafka tool, and the position is %d: %s", offset, at.Next, meant)
	w.log.Error("an offset was committed with a Kafka tool, and is refused: the store's position stands",
		"stream", w.stream.String(), "committed", offset, "position", at.Next, "log_start", start, "hint", meant)
	return why
}

// tellWithin bounds the wait for the ledger.
const tellWithin = 5 * time.Second

// tell has the reset written down. What can't be written now is in the log: a ledger that is away must not stop a view.
func (w *worker) tell(ctx context.Context, r Reset) {
	if w.cfg.Note == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, tellWithin)
	defer cancel()
	if err := w.cfg.Note(ctx, r); err != nil {
		w.log.Error("a reset with a Kafka tool is not in the ledger", "stream", w.stream.String(), "to", r.To, "error", err)
	}
}

func causeOf(offset, generation int64) string {
	return fmt.Sprintf("%s%d at generation %d", foreignCause, offset, generation)
}

func (w *worker) resetID(offset, generation int64) uuid.UUID {
	return w.idOf(causeOf(offset, generation))
}

// idOf names a reset by its stream and cause, so that it stands in the ledger once.
func (w *worker) idOf(cause string) uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(w.stream.String()+" "+w.stream.TopicID.String()+" "+cause))
}

package mongostore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"leadlog/projectors/failpoint"
	"leadlog/projectors/view"
)

// hole is a view.Hole as it is stored: its _id is the place where it begins, such as audit/phone-submitted/3/42.
type hole struct {
	ID         string    `bson:"_id"`
	Projection string    `bson:"projection"`
	Topic      string    `bson:"topic"`
	Partition  int32     `bson:"partition"`
	From       int64     `bson:"from_offset"`
	To         int64     `bson:"to_offset"`
	Cause      string    `bson:"cause"`
	Reason     string    `bson:"reason"`
	Since      time.Time `bson:"since"`
}

func holeOf(stream view.Stream, h view.Hole) *hole {
	stream.Projection = view.Base(stream.Projection)
	return &hole{
		ID: fmt.Sprintf("%s/%d", stream, h.From), Projection: stream.Projection, Topic: stream.Topic, Partition: stream.Partition,
		From: h.From, To: h.To, Cause: h.Cause, Reason: h.Reason, Since: time.Now(),
	}
}

// Skip implements view.Store in three steps:
//
//	move    {next_offset: the hole's end, generation+1, skipped: the hole}: one update, so that a hole is there if and only if
//	        the position was moved over it, whatever a worker does meanwhile
//	undo    removes what a worker that was overtaken has written in the hole: nobody will come by to replace it
//	keep    copies the hole to where it outlives the position and the next hole
//
// After the first one the hole counts: Holes knows it. Repeating the call that was interrupted does the rest.
func (s Store) Skip(
	ctx context.Context, at view.Position, h view.Hole, undo func(context.Context, Tx) error,
) (view.Position, error) {
	moved, err := s.moveOver(ctx, at, holeOf(at.Stream, h))
	if err != nil {
		return moved, err
	}
	failpoint.Reach("mongostore skip moved")
	if err := undo(ctx, Tx{DB: s.db, Generation: moved.Generation, Next: h.To}); err != nil {
		return moved, err
	}
	failpoint.Reach("mongostore skip undone")
	err = s.keep(ctx, holeOf(at.Stream, h))
	failpoint.Reach("mongostore skip kept")
	return moved, err
}

// moveOver moves a position over a hole, unless that was done before the call was interrupted.
func (s Store) moveOver(ctx context.Context, at view.Position, h *hole) (view.Position, error) {
	d, err := s.document(ctx, at.Stream)
	if err != nil {
		return at, err
	}
	stored, err := d.position()
	switch before := d.Skipped; {
	case err != nil:
		return stored, err
	case before != nil && before.ID == h.ID && before.To == h.To && before.Cause == h.Cause && stored.Generation > at.Generation:
		return stored, nil
	case stored.TopicID != at.TopicID, stored.Generation != at.Generation:
		return stored, view.ErrFenced
	case rewinding(stored):
		return stored, view.ErrHeld
	case h.From != stored.Next, h.To <= h.From:
		return stored, fmt.Errorf("%w: from %d to %d, at %d", view.ErrNotForward, h.From, h.To, stored.Next)
	case before != nil:
		if err := s.keep(ctx, before); err != nil { // its skip may have been interrupted
			return stored, err
		}
	}
	moved := stored
	moved.Generation++
	moved.Next, moved.Epoch, moved.Cause = h.To, -1, h.Cause
	won, err := s.swap(ctx, stored, moved, bson.E{Key: "skipped", Value: h})
	if err == nil && !won {
		err = view.ErrFenced // by an apply, a claim, or another operator
	}
	return moved, err
}

// keep stores a hole. One never shrinks: what was passed over is not there.
func (s Store) keep(ctx context.Context, h *hole) error {
	_, err := s.holes.UpdateOne(ctx, bson.M{"_id": h.ID}, bson.M{
		"$set": bson.M{
			"projection": h.Projection, "topic": h.Topic, "partition": h.Partition, "from_offset": h.From,
			"cause": h.Cause, "reason": h.Reason, "since": h.Since,
		},
		"$max": bson.M{"to_offset": h.To},
	}, options.UpdateOne().SetUpsert(true))
	return Sort(err)
}

// Holes implements view.Store.
func (s Store) Holes(ctx context.Context, projection, topic string) ([]view.Hole, error) {
	var stored []hole
	cursor, err := s.holes.Find(ctx, bson.M{"projection": projection, "topic": topic})
	if err == nil {
		err = cursor.All(ctx, &stored)
	}
	if err != nil {
		return nil, Sort(err)
	}
	// Those that were not copied yet. The projection is the hole's: a draft's position may have it.
	uncopied, err := s.skipped(ctx, bson.M{"skipped.projection": projection, "skipped.topic": topic})
	if err != nil {
		return nil, err
	}
	stored = append(stored, uncopied...)
	slices.SortFunc(stored, func(a, b hole) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.From, b.From), cmp.Compare(b.To, a.To))
	})
	stored = slices.CompactFunc(stored, func(a, b hole) bool { return a.ID == b.ID }) // the longer one stays
	holes := make([]view.Hole, len(stored))
	for i, h := range stored {
		holes[i] = view.Hole{Partition: h.Partition, From: h.From, To: h.To, Cause: h.Cause, Reason: h.Reason, Since: h.Since}
	}
	return holes, nil
}

// skipped returns the holes that positions have.
func (s Store) skipped(ctx context.Context, filter bson.M) ([]hole, error) {
	var positions []document
	cursor, err := s.positions.Find(ctx, filter)
	if err == nil {
		err = cursor.All(ctx, &positions)
	}
	if err != nil {
		return nil, Sort(err)
	}
	holes := make([]hole, len(positions))
	for i, d := range positions {
		holes[i] = *d.Skipped
	}
	return holes, nil
}

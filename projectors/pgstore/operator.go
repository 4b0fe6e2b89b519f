package pgstore

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"leadlog/projectors/failpoint"
	"leadlog/projectors/view"
)

// Hold implements view.Store.
func (s Store) Hold(ctx context.Context, stream view.Stream, hold bool) (at view.Position, err error) {
	err = s.locked(ctx, stream, func(tx *Tx, stored view.Position) error {
		at = stored
		at.Hold = hold
		s.update(tx, at)
		return nil
	})
	failpoint.Reach("pgstore hold moved")
	return at, err
}

// Skip implements view.Store: the hole and the move are one transaction, and nobody has written past the position.
func (s Store) Skip(
	ctx context.Context, at view.Position, hole view.Hole, _ func(context.Context, *Tx) error,
) (moved view.Position, err error) {
	err = s.locked(ctx, at.Stream, func(tx *Tx, stored view.Position) error {
		moved = stored
		switch {
		case stored.TopicID != at.TopicID, stored.Generation != at.Generation:
			return view.ErrFenced
		case hole.From != stored.Next, hole.To <= hole.From:
			return fmt.Errorf("%w: from %d to %d, at %d", view.ErrNotForward, hole.From, hole.To, stored.Next)
		}
		_, err := tx.Exec(ctx, `insert into leadlog.hole (projection, topic, partition, from_offset, to_offset, cause, reason)
			values ($1, $2, $3, $4, $5, $6, $7)
			on conflict (projection, topic, partition, from_offset) do update
				set to_offset = greatest(hole.to_offset, excluded.to_offset), cause = excluded.cause, reason = excluded.reason`,
			view.Base(at.Projection), at.Topic, at.Partition, hole.From, hole.To, hole.Cause, hole.Reason)
		if err != nil {
			return err
		}
		failpoint.Reach("pgstore skip stored")
		moved.Generation++
		moved.Next, moved.Epoch, moved.Cause = hole.To, -1, hole.Cause
		s.update(tx, moved)
		return nil
	})
	failpoint.Reach("pgstore skip moved")
	return moved, err
}

// Adopt implements view.Store.
func (s Store) Adopt(ctx context.Context, at view.Position, topicID uuid.UUID, cause string) (moved view.Position, err error) {
	err = s.locked(ctx, at.Stream, func(tx *Tx, stored view.Position) error {
		moved = stored
		if stored.TopicID != at.TopicID || stored.Generation != at.Generation {
			return view.ErrFenced
		}
		moved.Generation++
		moved.TopicID, moved.Epoch, moved.Cause = topicID, -1, cause
		s.update(tx, moved)
		return nil
	})
	failpoint.Reach("pgstore adopt moved")
	return moved, err
}

// Holes implements view.Store.
func (s Store) Holes(ctx context.Context, projection, topic string) ([]view.Hole, error) {
	rows, err := s.pool.Query(ctx, `select partition, from_offset, to_offset, cause, reason, since from leadlog.hole
		where projection = $1 and topic = $2 order by partition, from_offset`, projection, topic)
	if err != nil {
		return nil, Sort(err)
	}
	holes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[view.Hole])
	return holes, Sort(err)
}

package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"leadlog/projectors/failpoint"
	"leadlog/projectors/view"
)

// Store is a view.Store in PostgreSQL.
type Store struct{ pool *pgxpool.Pool }

var _ view.Store[*Tx] = Store{}

// New returns a store whose tables Migrate has made.
func New(pool *pgxpool.Pool) Store { return Store{pool} }

const columns = `topic_id, generation, next_offset, leader_epoch, pace, hold, target, version, cause`

// within bounds what a worker waits for: a server that hangs is a server that is away. The largest batch takes about a second.
const within = 30 * time.Second

// Claim implements view.Store.
func (s Store) Claim(ctx context.Context, stream view.Stream) (at view.Position, err error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err = s.locked(ctx, stream, func(tx *Tx, stored view.Position) error {
		at = stored
		switch {
		case stored.TopicID != stream.TopicID:
			return fmt.Errorf("%w: stored is %s, live is %s", view.ErrOtherTopic, stored.TopicID, stream.TopicID)
		case stored.Hold:
			return view.ErrHeld
		}
		at.Generation++
		s.update(tx, at)
		return nil
	})
	return at, err
}

// Create implements view.Store.
func (s Store) Create(ctx context.Context, first view.Position) error {
	_, err := s.pool.Exec(ctx, `insert into leadlog.position (projection, topic, partition, topic_id, generation, next_offset, leader_epoch, version)
		values ($1, $2, $3, $4, 0, $5, $6, $7) on conflict do nothing`,
		first.Projection, first.Topic, first.Partition, first.TopicID, first.Next, first.Epoch, max(first.Version, 1))
	return Sort(err)
}

// Commit implements view.Store: effect runs in the transaction that moves the position.
func (s Store) Commit(
	ctx context.Context, at view.Position, to view.Mark, effect func(context.Context, *Tx) error,
) (moved view.Position, err error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err = s.locked(ctx, at.Stream, func(tx *Tx, stored view.Position) error {
		moved = stored
		moved.Mark = to
		switch {
		case stored.Hold:
			return view.ErrHeld
		case fenced(stored, at):
			return view.ErrFenced
		}
		if err := effect(ctx, tx); err != nil {
			return err
		}
		failpoint.Reach("pgstore commit applied")
		s.update(tx, moved)
		return nil
	})
	failpoint.Reach("pgstore commit moved")
	return moved, err
}

// Rewind implements view.Store: one transaction, so that nothing can be left half done.
func (s Store) Rewind(
	ctx context.Context, at view.Position, to int64, cause string, undo func(context.Context, *Tx) error,
) (moved view.Position, err error) {
	err = s.locked(ctx, at.Stream, func(tx *Tx, stored view.Position) error {
		moved = stored
		switch {
		case stored.TopicID != at.TopicID, stored.Generation != at.Generation:
			return view.ErrFenced
		case to < 0, to > stored.Next:
			return fmt.Errorf("%w: from %d to %d", view.ErrNotBack, stored.Next, to)
		}
		failpoint.Reach("pgstore rewind locked")
		if err := undo(ctx, tx); err != nil {
			return err
		}
		failpoint.Reach("pgstore rewind undone")
		moved.Generation++
		moved.Next, moved.Epoch, moved.Cause = to, -1, cause
		s.update(tx, moved)
		return nil
	})
	failpoint.Reach("pgstore rewind moved")
	return moved, err
}

// locked runs do in a transaction that holds the stream's position row, and commits it when do returns nil.
//
// Whoever waited for the lock while a swap gave the name to another row finds none: the one that it waited for has another
// name by then, and the new one is younger than the statement. A second statement sees it.
func (s Store) locked(ctx context.Context, stream view.Stream, do func(*Tx, view.Position) error) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return Sort(err)
	}
	defer conn.Release() // a transaction that is still open by then is ended with its connection
	tx := &Tx{conn: conn}
	stored, err := tx.begin(ctx, stream)
	if errors.Is(err, pgx.ErrNoRows) {
		err = conn.QueryRow(ctx, lockRow, stream.Projection, stream.Topic, stream.Partition).Scan(fields(&stored)...)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		err = view.ErrPositionGone
	}
	if err == nil {
		err = do(tx, stored)
	}
	if err == nil {
		err = tx.commit(ctx)
	}
	if err != nil {
		tx.rollback(ctx)
	}
	return Sort(err)
}

// lockRow locks a position row and returns it.
const lockRow = `select ` + columns + ` from leadlog.position where projection = $1 and topic = $2 and partition = $3 for update`

// update moves the position with the commit.
func (s Store) update(tx *Tx, p view.Position) {
	tx.Later(nil, `update leadlog.position set generation = $4, next_offset = $5, leader_epoch = $6, pace = $7,
		topic_id = $8, hold = $9, cause = $10, updated_at = now()
		where projection = $1 and topic = $2 and partition = $3`,
		p.Projection, p.Topic, p.Partition, p.Generation, p.Next, p.Epoch, p.Pace, [16]byte(p.TopicID), p.Hold, p.Cause)
}

func fields(p *view.Position) []any {
	return []any{&p.TopicID, &p.Generation, &p.Next, &p.Epoch, &p.Pace, &p.Hold, &p.Target, &p.Version, &p.Cause}
}

// Positions implements view.Store.
func (s Store) Positions(ctx context.Context, projection, topic string) ([]view.Position, error) {
	rows, err := s.pool.Query(ctx, `select partition, `+columns+` from leadlog.position
		where projection = $1 and topic = $2 order by partition`, projection, topic)
	if err != nil {
		return nil, Sort(err)
	}
	positions, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (view.Position, error) {
		p := view.Position{Stream: view.Stream{Projection: projection, Topic: topic}}
		err := row.Scan(append([]any{&p.Partition}, fields(&p)...)...)
		return p, err
	})
	return positions, Sort(err)
}

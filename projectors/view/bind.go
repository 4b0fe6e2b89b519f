package view

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/google/uuid"

	"leadlog/events"
)

// View is a projection bound to its store: what the runner drives, without knowing what kind of store it is.
type View interface {
	Name() string
	// Reach is how far back an empty view starts: 0 is the log's start.
	Reach() time.Duration
	// Retention is how long rows are kept after their events: 0 is for ever.
	Retention() time.Duration

	Claim(ctx context.Context, s Stream) (Position, error)
	Create(ctx context.Context, first Position) error
	Version(ctx context.Context) (int, error)
	HasRows(ctx context.Context, partition int32) (bool, error)
	Apply(ctx context.Context, at Position, to Mark, batch []events.Event) (Position, error)
	Rewind(ctx context.Context, at Position, to int64, cause string) (p Position, removed int64, err error)
	Hold(ctx context.Context, s Stream, hold bool) (Position, error)
	Skip(ctx context.Context, at Position, hole Hole) (Position, error)
	Adopt(ctx context.Context, at Position, topicID uuid.UUID, cause string) (Position, error)
	Keep(ctx context.Context, live []int32) error

	Rows(ctx context.Context, partition int32, from, to int64) iter.Seq2[Row, error]
	// Derived returns nil for a view that folds in place.
	Derived() Derived

	Positions(ctx context.Context, topic string) ([]Position, error)
	Holes(ctx context.Context, topic string) ([]Hole, error)
	Alarm(ctx context.Context, s Stream, reason string) error
	Alarms(ctx context.Context, topic string) (map[int32]Stopped, error)
}

// Bind makes a view of a store and a projection. reach is how far back it starts when it is empty; 0 is the log's start.
func Bind[T any](store Store[T], projection Projection[T], reach time.Duration) View {
	return bound[T]{Store: store, projection: projection, reach: reach}
}

type bound[T any] struct {
	Store[T]
	projection Projection[T]
	reach      time.Duration
}

func (b bound[T]) Name() string         { return b.projection.Name() }
func (b bound[T]) Reach() time.Duration { return b.reach }

func (b bound[T]) Retention() time.Duration {
	if e, ok := b.projection.(Expiring); ok {
		return e.Retention()
	}
	return 0
}

func (b bound[T]) Version(ctx context.Context) (int, error) { return b.projection.Version(ctx) }

func (b bound[T]) Derived() Derived {
	d, _ := b.projection.(Derived)
	return d
}

func (b bound[T]) Rows(ctx context.Context, partition int32, from, to int64) iter.Seq2[Row, error] {
	return b.projection.Rows(ctx, partition, from, to)
}

func (b bound[T]) HasRows(ctx context.Context, partition int32) (bool, error) {
	return b.projection.HasRows(ctx, partition)
}

func (b bound[T]) Apply(ctx context.Context, at Position, to Mark, batch []events.Event) (Position, error) {
	if p, ok := b.projection.(Preparer); ok {
		if err := p.Prepare(ctx, at, batch); err != nil {
			return at, fmt.Errorf("prepare %s: %w", at.Stream, err)
		}
	}
	next, err := b.Commit(ctx, at, to, func(ctx context.Context, tx T) error {
		if len(batch) == 0 { // all of it was poison: the position moves alone
			return nil
		}
		return b.projection.Apply(ctx, tx, at, batch)
	})
	if err != nil {
		return at, fmt.Errorf("apply offsets %d to %d of %s: %w", at.Next, to.Next-1, at.Stream, err)
	}
	return next, nil
}

func (b bound[T]) Rewind(ctx context.Context, at Position, to int64, cause string) (p Position, removed int64, err error) {
	p, err = b.Store.Rewind(ctx, at, to, cause, func(ctx context.Context, tx T) error {
		removed, err = b.projection.Undo(ctx, tx, at, to)
		return err
	})
	if err != nil {
		return at, 0, fmt.Errorf("rewind %s to %d: %w", at.Stream, to, err)
	}
	return p, removed, nil
}

func (b bound[T]) Skip(ctx context.Context, at Position, hole Hole) (Position, error) {
	p, err := b.Store.Skip(ctx, at, hole, func(ctx context.Context, tx T) error {
		if p, ok := b.projection.(Passer[T]); ok {
			return p.Pass(ctx, tx, at, hole)
		}
		_, err := b.projection.Undo(ctx, tx, at, hole.From)
		return err
	})
	if err != nil {
		return at, fmt.Errorf("skip %s from %d to %d: %w", at.Stream, hole.From, hole.To, err)
	}
	return p, nil
}

func (b bound[T]) Keep(ctx context.Context, live []int32) error {
	if k, ok := b.projection.(Keeper); ok {
		return k.Keep(ctx, live)
	}
	return nil
}

func (b bound[T]) Positions(ctx context.Context, topic string) ([]Position, error) {
	return b.Store.Positions(ctx, b.Name(), topic)
}

func (b bound[T]) Holes(ctx context.Context, topic string) ([]Hole, error) {
	return b.Store.Holes(ctx, Base(b.Name()), topic)
}

func (b bound[T]) Alarms(ctx context.Context, topic string) (map[int32]Stopped, error) {
	return b.Store.Alarms(ctx, b.Name(), topic)
}

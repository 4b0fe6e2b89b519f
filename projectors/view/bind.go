package view

import (
	"context"
	"fmt"
	"time"

	"leadlog/events"
)

// View is a projection bound to its store: what the runner drives, without knowing what kind of store it is.
type View interface {
	Name() string
	// Reach is how far back an empty view starts: 0 is the log's start.
	Reach() time.Duration

	Claim(ctx context.Context, s Stream) (Position, error)
	Create(ctx context.Context, s Stream, at Mark) error
	HasRows(ctx context.Context, partition int32) (bool, error)
	Apply(ctx context.Context, at Position, to Mark, batch []events.Event) (Position, error)
	Rewind(ctx context.Context, at Position, to int64) (p Position, removed int64, err error)
	Keep(ctx context.Context, live []int32) error

	Positions(ctx context.Context, topic string) ([]Position, error)
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

func (b bound[T]) HasRows(ctx context.Context, partition int32) (bool, error) {
	return b.projection.HasRows(ctx, partition)
}

func (b bound[T]) Apply(ctx context.Context, at Position, to Mark, batch []events.Event) (Position, error) {
	if p, ok := b.projection.(Preparer); ok {
		if err := p.Prepare(ctx, batch); err != nil {
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

func (b bound[T]) Rewind(ctx context.Context, at Position, to int64) (p Position, removed int64, err error) {
	p, err = b.Store.Rewind(ctx, at, to, func(ctx context.Context, tx T) error {
		removed, err = b.projection.Undo(ctx, tx, at.Partition, to)
		return err
	})
	if err != nil {
		return at, 0, fmt.Errorf("rewind %s to %d: %w", at.Stream, to, err)
	}
	return p, removed, nil
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

func (b bound[T]) Alarms(ctx context.Context, topic string) (map[int32]Stopped, error) {
	return b.Store.Alarms(ctx, b.Name(), topic)
}

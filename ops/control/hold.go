package control

import (
	"context"
	"errors"
	"fmt"

	"leadlog/projectors/view"
)

// Held is one partition of a view that was to be paused or resumed.
type Held struct {
	Partition int32
	Position  int64 // where the view stands
	Changed   bool  // it was not so before
}

// Pause stops partitions of a view from being applied: at once, since the position itself is held, and until Resume, over every
// restart. What is paused already stays so. ErrHeld says that a rewind is under way, which has to be finished first.
func (s *System) Pause(ctx context.Context, name string, of Partitions, reason string) ([]Held, error) {
	return s.hold(ctx, Change{Verb: "pause", View: name, Reason: reason}, of, true)
}

// Resume takes a pause back.
func (s *System) Resume(ctx context.Context, name string, of Partitions, reason string) ([]Held, error) {
	return s.hold(ctx, Change{Verb: "resume", View: name, Reason: reason}, of, false)
}

func (s *System) hold(ctx context.Context, c Change, of Partitions, hold bool) ([]Held, error) {
	o, err := s.openView(ctx, c.View)
	if err != nil {
		return nil, err
	}
	positions, err := o.picked(of)
	if err != nil {
		return nil, err
	}
	held, changes := make([]Held, len(positions)), false
	for i, at := range positions {
		if rewinding(at) {
			return nil, underWay(at)
		}
		held[i] = Held{Partition: at.Partition, Position: at.Next, Changed: at.Hold != hold}
		changes = changes || held[i].Changed
	}
	if !changes {
		return held, nil // nothing to write down
	}
	return held, s.record(ctx, c, func(ctx context.Context) (map[string]any, error) {
		var done []int32
		err := o.holdAll(ctx, positions, held, hold, func(partition int32) { done = append(done, partition) })
		return map[string]any{"partitions": done}, err
	})
}

// holdAll changes what has to be changed. One that fails ends it: the same call again does the rest.
func (o *opened) holdAll(ctx context.Context, positions []view.Position, held []Held, hold bool, done func(int32)) error {
	for i, at := range positions {
		if !held[i].Changed {
			continue
		}
		now, err := o.Hold(ctx, at.Stream, hold)
		if errors.Is(err, view.ErrHeld) {
			return underWay(now)
		}
		if err != nil {
			return fmt.Errorf("%s, which is not done yet, nor are those behind it: %w", at.Stream, withCause(ctx, err))
		}
		held[i].Position = now.Next
		done(at.Partition)
	}
	return nil
}

package control

import (
	"context"
	"errors"
	"fmt"

	"leadlog/events"
	"leadlog/projectors/view"
)

// Held is one partition of a view that was to be paused or resumed.
type Held struct {
	Partition int32
	Position  int64 // where the view stands
	Changed   bool  // it was not so before
	Tried     bool  // it was stopped with an alarm, or had one, and the projectors look at it again
	noticed   bool  // it runs, and a notice stands beside it that something was refused: that goes
}

func (h *Held) changes() bool { return h.Changed || h.Tried || h.noticed }

// Pause stops partitions of a view from being applied: at once, since the position itself is held, and until Resume, over every
// restart. What is paused already stays so. ErrHeld says that a rewind is under way, which has to be finished first.
func (s *System) Pause(ctx context.Context, name string, of Partitions, reason string) ([]Held, error) {
	return s.hold(ctx, Change{Verb: "pause", View: name, Reason: reason}, of, true)
}

// Resume takes a pause back, and has the projectors try again what is stopped: its cause may be mended.
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
	alarms, err := o.Alarms(ctx, events.Topic)
	if err != nil {
		return nil, withCause(ctx, err)
	}
	held, changes := make([]Held, len(positions)), false
	for i, at := range positions {
		if rewinding(at) {
			return nil, underWay(at)
		}
		alarm, alarmed := alarms[at.Partition]
		held[i] = Held{
			Partition: at.Partition, Position: at.Next, Changed: at.Hold != hold,
			Tried: alarmed && !hold && alarm.Stops(), noticed: alarmed && !hold && !alarm.Stops(),
		}
		changes = changes || held[i].changes()
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
		if !held[i].changes() {
			continue
		}
		now, err := at, error(nil)
		if held[i].Changed {
			now, err = o.Hold(ctx, at.Stream, hold)
		}
		if held[i].Tried && err == nil {
			now, err = o.again(ctx, now)
		}
		if held[i].noticed && err == nil { // its worker runs: a rewind would take away what it applies meanwhile
			err = o.Alarm(ctx, at.Stream, "")
		}
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

// again has a stopped worker try again: a rewind to where it stands takes nothing away, and is what the worker notices. A position
// that was claimed since it was read needs none: whoever claimed it tries already.
func (o *opened) again(ctx context.Context, at view.Position) (view.Position, error) {
	moved, _, err := o.Rewind(ctx, at, at.Next, at.Cause)
	if errors.Is(err, view.ErrFenced) {
		return at, nil
	}
	return moved, err
}

package mongostore

import (
	"context"
	"fmt"

	"leadlog/projectors/failpoint"
	"leadlog/projectors/view"
)

// Rewind implements view.Store in three steps, each of which leaves a state that whoever comes next can go on from:
//
//	hold    {hold, target, generation+1}: from here on no worker moves this position
//	undo    removes what older generations wrote at or past the target
//	live    {next_offset: target}, and the hold is over, unless it was a pause before
//
// A process that dies in between leaves the hold with its target. Calling Rewind with that position and its target goes on
// from there, and so does repeating the call that was interrupted. Two may finish the same rewind at once, an operator's
// tool and the worker that found the hold: undo removes old generations alone, so the later of the two takes nothing away
// that was applied since.
func (s Store) Rewind(
	ctx context.Context, at view.Position, to int64, cause string, undo func(context.Context, Tx) error,
) (view.Position, error) {
	held, err := s.hold(ctx, at, to, cause)
	if err != nil {
		return held, err
	}
	failpoint.Reach("mongostore rewind held")
	if err := undo(ctx, Tx{DB: s.db, Generation: held.Generation, Next: held.Next}); err != nil {
		return held, err
	}
	failpoint.Reach("mongostore rewind undone")
	live := held
	live.Hold, live.Paused, live.Target = held.Paused, false, view.NoTarget
	live.Next, live.Epoch = to, -1
	won, err := s.swap(ctx, held, live)
	failpoint.Reach("mongostore rewind live")
	if err == nil && !won {
		// Nothing but its end leads out of a hold with a target: somebody else has finished it, unless all is gone.
		_, err = s.read(ctx, at.Stream)
	}
	return live, err
}

// hold begins a rewind, or finds the one that is under way. It asks for the generation alone: traffic moves the next offset
// meanwhile, and must never refuse a rewind.
func (s Store) hold(ctx context.Context, at view.Position, to int64, cause string) (view.Position, error) {
	for {
		stored, err := s.read(ctx, at.Stream)
		switch {
		case err != nil:
			return stored, err
		case stored.TopicID != at.TopicID:
			return stored, view.ErrFenced
		case rewinding(stored) && stored.Target == to && stored.Generation-at.Generation <= 1 && stored.Generation >= at.Generation:
			return stored, nil // begun by this call before it was interrupted (one generation on), or found by the caller
		case stored.Generation != at.Generation:
			return stored, view.ErrFenced
		case rewinding(stored):
			return stored, view.ErrHeld
		case to < 0, to > stored.Next:
			return stored, fmt.Errorf("%w: from %d to %d", view.ErrNotBack, stored.Next, to)
		}
		held := stored
		held.Generation++
		held.Hold, held.Paused, held.Target, held.Cause = true, stored.Hold, to, cause
		if won, err := s.swap(ctx, stored, held); won || err != nil {
			return held, err
		} // an apply moved it meanwhile: look again
	}
}

// rewinding says whether a hold is that of a rewind or a swap under way, and not a pause.
func rewinding(p view.Position) bool { return p.Hold && p.Target != view.NoTarget }

package control

import (
	"context"
	"fmt"
	"slices"

	"leadlog/events"
	"leadlog/projectors/view"
)

// checkMoves holds every move against what is stored now.
func (s *System) checkMoves(ctx context.Context, run *rewindRun, moves []move) error {
	live, err := s.topicID(ctx)
	if err != nil {
		return err
	}
	log, err := s.bounds(ctx, events.Topic)
	if err != nil {
		return err
	}
	begun := slices.ContainsFunc(moves, func(m move) bool { return run.began(run.positions[m.At.Partition]) })
	for _, m := range moves {
		stored, ok := run.positions[m.At.Partition]
		switch {
		case !ok:
			return fmt.Errorf("%w: %s has no position any more", ErrPlanStale, m.At.Stream)
		case stored.TopicID != live:
			return fmt.Errorf("%w: %s is of topic %s, and the live one is %s", ErrPlanStale, stored.Stream, stored.TopicID, live)
		case m.To < log[m.At.Partition].from:
			return fmt.Errorf("%w: the log of %s starts at %d now", ErrPlanStale, stored.Stream, log[m.At.Partition].from)
		}
		step := &rewindStep{planned: m.At, at: stored, RewoundPartition: RewoundPartition{
			Partition: stored.Partition, State: NotYet, From: stored.Next, To: m.To, Removed: Unknown, Paused: stored.Hold && !rewinding(stored) || stored.Paused,
		}}
		if err := run.checkStep(step, begun); err != nil {
			return err
		}
		run.steps = append(run.steps, step)
	}
	return nil
}

// began says whether a position was last moved, or is being moved, by this plan.
func (r *rewindRun) began(at view.Position) bool { return at.Cause == r.plan.String() }

// checkStep says whether a step can be taken, or is done. A plan that was begun has to be finished even when projectors were
// started again meanwhile, and have claimed what it has not come to: then only what moved a position by hand refuses it.
func (r *rewindRun) checkStep(step *rewindStep, begun bool) error {
	stored, planned := step.at, step.planned
	if r.began(stored) {
		step.From = max(planned.Next, stored.Next)
		if !rewinding(stored) {
			step.From, step.State = planned.Next, Rewound
		}
		return nil
	}
	if rewinding(stored) {
		return underWay(stored)
	}
	if begun {
		return onlyClaimed(stored, planned)
	}
	return unchanged(stored, planned)
}

// unchanged says what else than traffic has changed a position since it was planned.
func unchanged(stored, planned view.Position) error {
	if err := onlyClaimed(stored, planned); err != nil {
		return err
	}
	switch {
	case stored.Generation != planned.Generation:
		return fmt.Errorf("%w: %s was claimed or rewound since: its generation is %d, and was %d", ErrPlanStale, stored.Stream, stored.Generation, planned.Generation)
	case stored.Hold != planned.Hold:
		return fmt.Errorf("%w: %s was paused or resumed since", ErrPlanStale, stored.Stream)
	}
	return nil
}

// onlyClaimed says what else than traffic and claims has changed a position since it was planned.
func onlyClaimed(stored, planned view.Position) error {
	switch {
	case stored.TopicID != planned.TopicID:
		return fmt.Errorf("%w: %s is of another topic since", ErrPlanStale, stored.Stream)
	case stored.Version != planned.Version:
		return fmt.Errorf("%w: %s is of version %d now, and was of %d", ErrPlanStale, stored.Stream, stored.Version, planned.Version)
	case stored.Cause != planned.Cause:
		return fmt.Errorf("%w: %s was moved since, by %s", ErrPlanStale, stored.Stream, stored.Cause)
	case stored.Next < planned.Next:
		return fmt.Errorf("%w: %s is at %d, and was at %d", ErrPlanStale, stored.Stream, stored.Next, planned.Next)
	}
	return nil
}

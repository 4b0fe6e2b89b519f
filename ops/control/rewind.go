package control

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"leadlog/events"
	"leadlog/projectors/view"
)

const (
	verbRewind = "rewind"
	// untilSeen is how long it takes at most until projectors see that a position has moved, and have claimed it.
	untilSeen = 1500 * time.Millisecond
)

// ErrRebuildInstead is returned for a rewind that a rebuild does better: without rows missing meanwhile.
var ErrRebuildInstead = view.ErrRebuildInstead

// RewindRequest is what somebody wants to be rewound.
type RewindRequest struct {
	View       string
	Target     RewindTarget
	Partitions Partitions
	Exact      bool // count by reading the log, and compare, however long that takes
}

// RewindPlan is what a rewind would do.
type RewindPlan struct {
	ID         uuid.UUID
	View       string
	Target     RewindTarget
	Partitions []RewindPartition
	InPlace    bool // the view folds again in place: no row goes, and none is missing
	Compared   int  // how many events the samples were looked for in
	Differing  int  // how many rows of those will differ
	Samples    []Sample
	Speed      view.Speed // of removing rows and of applying events again
	// PaceKnown and RemovalKnown say whether each speed was ever measured; else it is assumed.
	PaceKnown, RemovalKnown bool
	Missing                 time.Duration
}

// Events is how many events would be applied again in all partitions.
func (p RewindPlan) Events() (all Count) {
	for _, part := range p.Partitions {
		all = all.plus(part.Events)
	}
	return all
}

// Removed is how many rows would go from all partitions.
func (p RewindPlan) Removed() (all Count) {
	for _, part := range p.Partitions {
		all = all.plus(part.RowsOut)
	}
	return all
}

// RewindPartition is what a rewind would do in one partition.
type RewindPartition struct {
	At       view.Position
	To       int64
	Nothing  string    // why there is nothing to do, or empty
	Time     time.Time // of the first record to be applied again; zero when there is none
	Events   Count
	RowsOut  Count
	RowsBack Count

	again span // of the log: less than up to the position where the log was cut off below it
}

// Count is a number, or about that many.
type Count struct {
	N     int64
	About bool
}

func (c Count) plus(d Count) Count { return Count{c.N + d.N, c.About || d.About} }

// rewindBody is a plan as it is kept.
type rewindBody struct {
	Target     RewindTarget `json:"target"`
	Partitions []int32      `json:"partitions"` // that were asked for; none means all
	Moves      []move       `json:"moves"`
}

// move is where one position goes.
type move struct {
	At view.Position `json:"at"`
	To int64         `json:"to"`
}

// PlanRewind finds out what a rewind would do, and keeps it as a plan. It changes nothing.
func (s *System) PlanRewind(ctx context.Context, r RewindRequest) (RewindPlan, error) {
	o, err := s.openView(ctx, r.View)
	if err != nil {
		return RewindPlan{}, err
	}
	positions, err := s.movable(ctx, o, r.Partitions)
	if err != nil {
		return RewindPlan{}, err
	}
	log, err := s.bounds(ctx, events.Topic)
	if err != nil {
		return RewindPlan{}, err
	}
	aimed, err := s.aims(ctx, r.Target, positions, log)
	if err != nil {
		return RewindPlan{}, err
	}
	plan := RewindPlan{View: r.View, Target: r.Target, InPlace: o.Derived() == nil}
	body := rewindBody{Target: r.Target, Partitions: r.Partitions.Numbers}
	for _, at := range positions {
		to := aimed[at.Partition]
		plan.Partitions = append(plan.Partitions, RewindPartition{
			At: at, To: to.to, Nothing: to.nothing, again: span{to.to, min(at.Next, log[at.Partition].to)},
		})
		if to.nothing == "" {
			body.Moves = append(body.Moves, move{at, to.to})
		}
	}
	if len(body.Moves) == 0 {
		return plan, fmt.Errorf("%w of %s: %s", ErrNothingToRewind, r.View, plan.Partitions[0].Nothing)
	}
	if err := s.fill(ctx, o, &plan, r.Exact); err != nil {
		return plan, err
	}
	plan.ID, err = s.keepPlan(ctx, verbRewind, r.View, body)
	return plan, err
}

// movable returns the positions that are meant, if they are of the live topic and no rewind is under way.
func (s *System) movable(ctx context.Context, o *opened, of Partitions) ([]view.Position, error) {
	positions, err := o.picked(of)
	if err != nil {
		return nil, err
	}
	live, err := s.topicID(ctx)
	if err != nil {
		return nil, err
	}
	if err := sameTopic(positions, live); err != nil {
		return nil, err
	}
	for _, at := range positions {
		if rewinding(at) {
			return nil, underWay(at)
		}
	}
	return positions, nil
}

// fill finds out what a plan would cost, and refuses one that a rebuild does better.
func (s *System) fill(ctx context.Context, o *opened, plan *RewindPlan, exact bool) error {
	if err := s.look(ctx, o, plan, exact); err != nil {
		return err
	}
	now := time.Now()
	for _, p := range plan.Partitions {
		if err := view.RefuseTooOld(o.View, p.Time, now); err != nil {
			return err
		}
		if err := view.RefuseTooMany(o.View, p.At.Partition, p.RowsOut.N); err != nil {
			return err
		}
	}
	if exact {
		if err := s.countBack(ctx, o, plan); err != nil {
			return err
		}
	}
	return s.estimate(ctx, o, plan)
}

// dateTargets finds the time of the first record that each partition would apply again.
func (s *System) dateTargets(ctx context.Context, plan *RewindPlan) error {
	again := make(spans)
	for i := range plan.Partitions { // not their copies: others write to other fields of them meanwhile
		p := &plan.Partitions[i]
		again[p.At.Partition] = p.again
	}
	first, err := s.first(ctx, events.Topic, again)
	if err != nil {
		return err
	}
	for i := range plan.Partitions {
		p := &plan.Partitions[i]
		if r := first[p.At.Partition]; r != nil && p.Nothing == "" {
			p.Time = r.Timestamp.UTC()
		}
	}
	return nil
}

package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"leadlog/projectors/failpoint"
	"leadlog/projectors/view"
)

// rewindAtOnce bounds how many partitions are rewound at a time: each holds a connection, and deletes as fast as it can.
const rewindAtOnce = 3

// ErrPlanDisagrees is returned when what is given beside a plan is not what the plan is about. Nothing was changed.
var ErrPlanDisagrees = errors.New("what is given beside --plan does not agree with it")

// RewindOrder executes a plan. What is given beside the plan has to agree with it.
type RewindOrder struct {
	Plan       uuid.UUID
	Reason     string
	View       string        // or empty
	Target     *RewindTarget // or nil
	Partitions Partitions    // or empty
}

// RewindState is how far one partition has come.
type RewindState string

// The states.
const (
	Rewound  RewindState = "rewound"
	HalfDone RewindState = "half done" // held with its target: whoever finds it finishes it
	NotYet   RewindState = "not yet"
)

// RewoundPartition is one partition of a plan that is executed.
type RewoundPartition struct {
	Partition int32
	State     RewindState
	From, To  int64
	Removed   int64 // rows; Unknown when another process removed them, or nobody was left to hear how many
	Paused    bool  // nothing is applied again before `ops resume`
}

// RewindResult is how far a plan has come.
type RewindResult struct {
	View       string
	Partitions []RewoundPartition
}

// RewindProgress is told after each partition.
type RewindProgress struct {
	Done, Of int
	Removed  int64
}

// Rewind executes a plan. All of it is checked before anything is changed; then each partition is rewound by itself. Whatever
// interrupts it, the same call finishes it: a partition whose position names the plan as its cause is done. The result says
// how far each partition has come, beside an error too.
func (s *System) Rewind(ctx context.Context, order RewindOrder, tell func(RewindProgress)) (*RewindResult, error) {
	var body rewindBody
	name, err := s.usePlan(ctx, order.Plan, verbRewind, &body)
	if err != nil {
		return nil, err
	}
	if err := order.agrees(name, body); err != nil {
		return nil, err
	}
	o, err := s.openView(ctx, name)
	if err != nil {
		return nil, err
	}
	run := &rewindRun{opened: o, plan: order.Plan, tell: tell}
	if err := s.checkMoves(ctx, run, body.Moves); err != nil {
		return nil, s.overtaken(ctx, order.Plan, err)
	}
	failpoint.Reach("rewind checked")
	earlier := s.rewoundBefore(ctx, order.Plan)
	change := Change{Verb: verbRewind, View: name, Plan: order.Plan, Reason: order.Reason}
	err = s.record(ctx, change, func(ctx context.Context) (map[string]any, error) {
		failpoint.Reach("rewind begun")
		began := time.Now()
		err := run.all(ctx)
		failpoint.Reach("rewind done")
		return map[string]any{
			"target": body.Target.String(), "partitions": run.entries(earlier),
			"removed_rows": run.progress.Removed, "removing_seconds": time.Since(began).Seconds(), // for the next plan: see estimate
		}, err
	})
	return &RewindResult{View: name, Partitions: run.parts()}, err
}

func (r RewindOrder) agrees(name string, body rewindBody) error {
	asked := slices.Sorted(slices.Values(r.Partitions.Numbers))
	switch {
	case r.View != "" && r.View != name:
		return fmt.Errorf("%w: it is about %s, not about %s", ErrPlanDisagrees, name, r.View)
	case r.Target != nil && !r.Target.same(body.Target):
		return fmt.Errorf("%w: its target is %s, not %s", ErrPlanDisagrees, body.Target, r.Target)
	case len(asked) > 0 && !slices.Equal(asked, slices.Sorted(slices.Values(body.Partitions))):
		return fmt.Errorf("%w: it is not about %s alone", ErrPlanDisagrees, partitionList(asked))
	}
	return nil
}

// rewindRun is a plan that is being executed.
type rewindRun struct {
	*opened
	plan  uuid.UUID
	tell  func(RewindProgress)
	steps []*rewindStep

	mu       sync.Mutex
	progress RewindProgress
}

// rewindStep is one partition of it.
type rewindStep struct {
	RewoundPartition
	planned view.Position
	at      view.Position // as stored
}

// all takes every step that is left. One that fails does not keep the others from being tried.
func (r *rewindRun) all(ctx context.Context) error {
	errs := make([]error, len(r.steps))
	r.progress.Of = len(r.steps)
	var group errgroup.Group
	group.SetLimit(rewindAtOnce)
	for i, step := range r.steps {
		group.Go(func() error {
			if step.State != Rewound {
				errs[i] = r.take(ctx, step)
				failpoint.Reach("rewind partition done")
			}
			r.onStep(step)
			return nil
		})
	}
	_ = group.Wait()
	failed := errors.Join(errs...)
	if failed == nil {
		return nil
	}
	r.lookAgain(ctx)
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted: %w", context.Cause(ctx)) // what each driver says of that adds nothing
	}
	return failed
}

// take rewinds one partition. When it finds itself fenced, somebody has claimed the partition, or has executed the same plan.
func (r *rewindRun) take(ctx context.Context, step *rewindStep) error {
	for ctx.Err() == nil {
		to := step.To
		if rewinding(step.at) {
			to = step.at.Target
		}
		_, removed, err := r.View.Rewind(ctx, step.at, to, r.plan.String())
		if err == nil {
			step.State, step.Removed = Rewound, removed
			return nil
		}
		if !errors.Is(err, view.ErrFenced) {
			return err
		}
		now, err := r.position(ctx, step.at)
		switch {
		case err != nil:
			return err
		case r.began(now) && !rewinding(now):
			step.State = Rewound
			return nil
		case !r.began(now):
			if err := onlyClaimed(now, step.planned); err != nil {
				return err
			}
		}
		step.at = now
	}
	return ctx.Err()
}

// position reads one position again.
func (r *rewindRun) position(ctx context.Context, of view.Position) (view.Position, error) {
	positions, err := r.Positions(ctx, of.Topic)
	if err != nil {
		return of, err
	}
	for _, at := range positions {
		if at.Partition == of.Partition {
			return at, nil
		}
	}
	return of, fmt.Errorf("%s: %w", of.Stream, view.ErrPositionGone)
}

func (r *rewindRun) onStep(step *rewindStep) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if step.State != Rewound {
		return
	}
	r.progress.Done++
	r.progress.Removed += max(step.Removed, 0)
	if r.tell != nil {
		r.tell(r.progress)
	}
}

// lookAgain asks the store how far each step has come: a call that failed may have done its work.
func (r *rewindRun) lookAgain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
	defer cancel()
	for _, step := range r.steps {
		now, err := r.position(ctx, step.at)
		switch {
		case err != nil || !r.began(now):
		case rewinding(now):
			step.State = HalfDone
		default:
			step.State = Rewound
		}
	}
}

func (r *rewindRun) parts() []RewoundPartition {
	parts := make([]RewoundPartition, len(r.steps))
	for i, step := range r.steps {
		parts[i] = step.RewoundPartition
	}
	return parts
}

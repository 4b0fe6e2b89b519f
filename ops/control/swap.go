package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"leadlog/events"
	"leadlog/projectors/catalog"
	"leadlog/projectors/failpoint"
	"leadlog/projectors/view"
)

const (
	// nearEnough is how many events of a partition the new version may still lack when the active one is held up for it.
	nearEnough = 1000
	// catchUpWithin bounds how long the active version is held up.
	catchUpWithin = 5 * time.Second
	// swapAgain is how long after a swap that had to wait for readers the next one is tried.
	swapAgain = 500 * time.Millisecond
)

// Swapped says what a swap did.
type Swapped struct {
	View     string
	From, To int
	Held     time.Duration // how long nothing was applied
	Already  bool          // it had been done before
}

// SwapIn makes the version that a rebuild has built the active one. While somebody reads the view for long, it waits and
// tries again, and delays no other reader by more than a moment. Interrupted anywhere, it can be executed again.
//
// asked is the view that was named beside the plan, if any: it must be the plan's.
func (s *System) SwapIn(ctx context.Context, asked string, id uuid.UUID, reason string, progress func(Rebuilding)) (Swapped, error) {
	var plan rebuildPlan
	name, err := s.usePlan(ctx, id, "rebuild", &plan)
	if err == nil {
		err = agree(asked, name)
	}
	if err != nil {
		return Swapped{}, err
	}
	e, err := s.versioned(name)
	if err != nil {
		return Swapped{}, err
	}
	swapped := Swapped{View: name, From: plan.From, To: plan.To}
	err = s.alone(ctx, name, func() error {
		if err := s.fits(ctx, e, id, plan, &swapped); err != nil {
			return s.overtaken(ctx, id, err)
		}
		if err := s.sameLog(ctx, e); err != nil {
			return err
		}
		return s.record(ctx, Change{Verb: "rebuild", View: name, Plan: id, Reason: reason}, func(ctx context.Context) (map[string]any, error) {
			detail := map[string]any{"from_version": plan.From, "to_version": plan.To}
			if swapped.Already {
				return detail, nil
			}
			swapped.Held, err = s.swap(ctx, e, view.Swap{Topic: events.Topic, From: plan.From, To: plan.To, Cause: id.String()}, progress)
			detail["held_seconds"] = swapped.Held.Seconds()
			return detail, err
		})
	})
	if errors.Is(err, view.ErrFenced) {
		err = fmt.Errorf("%w: %w", ErrPlanStale, err)
	}
	return swapped, err
}

// fits compares the plan with the version that is active now.
func (s *System) fits(ctx context.Context, e catalog.Entry, id uuid.UUID, plan rebuildPlan, swapped *Swapped) error {
	v, err := s.open(ctx, e)
	if err != nil {
		return err
	}
	positions, err := v.Positions(ctx, events.Topic)
	if err != nil {
		return withCause(ctx, err)
	}
	done := len(positions) > 0
	for _, at := range positions {
		done = done && at.Version == plan.To && at.Target == view.NoTarget
		mine := at.Target == view.SwapTarget && at.Cause == id.String()
		switch {
		case at.Version != plan.From && at.Version != plan.To:
			return fmt.Errorf("%w: version %d of %s is active, not %d", ErrPlanStale, at.Version, e.Name, plan.From)
		case at.Target == view.SwapTarget && !mine:
			return fmt.Errorf("another swap is under way: ops rebuild %s --execute --plan %s --reason TEXT finishes it", e.Name, at.Cause)
		}
	}
	swapped.Already = done
	return nil
}

// swap tries until it is done, or cannot be.
func (s *System) swap(ctx context.Context, e catalog.Entry, swap view.Swap, progress func(Rebuilding)) (held time.Duration, err error) {
	tables, err := e.Versions.Tables(ctx, s.stores)
	if err != nil {
		return 0, err
	}
	for {
		held, err = s.trySwap(ctx, e, tables, swap, progress)
		again := errors.Is(err, view.ErrReaders) || errors.Is(err, view.ErrBehind) || errors.Is(err, view.ErrStoreDown)
		if !again || ctx.Err() != nil {
			return held, withCause(ctx, err)
		}
		progress(Rebuilding{Phase: Swapping, Waits: err.Error()})
		select {
		case <-time.After(swapAgain):
		case <-ctx.Done():
		}
	}
}

func (s *System) trySwap(
	ctx context.Context, e catalog.Entry, tables view.Tables, swap view.Swap, progress func(Rebuilding),
) (held time.Duration, err error) {
	begun, err := tables.Begun(ctx, swap)
	if err != nil {
		return 0, err
	}
	if begun { // the new version has all it needs, and must not be opened any more
		failpoint.Reach("swap finish")
		return 0, tables.Swap(ctx, swap)
	}
	f, err := s.startFeed(ctx, e, swap.To)
	if err != nil {
		return 0, err
	}
	defer f.stop() //nolint:errcheck // what failed shows in what was waited for
	if err := s.approach(ctx, e, f, progress); err != nil {
		return 0, err
	}
	failpoint.Reach("swap approached")
	began := time.Now()
	swap.CatchUp = func(ctx context.Context, live map[int32]view.Position) error {
		defer f.stop() //nolint:errcheck // see above
		ctx, cancel := context.WithTimeoutCause(ctx, catchUpWithin, fmt.Errorf("%w: not caught up within %s", view.ErrBehind, catchUpWithin))
		defer cancel()
		upTo := make(map[int32]int64, len(live))
		for partition, at := range live {
			upTo[partition] = at.Next
		}
		failpoint.Reach("swap catching up")
		if err := f.reach(ctx, upTo, func(map[int32]view.Position) {}); err != nil {
			return err
		}
		return f.respectsHoles(ctx)
	}
	err = tables.Swap(ctx, swap)
	failpoint.Reach("swap done")
	return time.Since(began), err
}

// approach waits until little is left for the moment in which the active version stands still.
func (s *System) approach(ctx context.Context, e catalog.Entry, f *feed, progress func(Rebuilding)) error {
	active, err := s.open(ctx, e)
	if err != nil {
		return err
	}
	positions, err := active.Positions(ctx, events.Topic)
	if err != nil {
		return withCause(ctx, err)
	}
	upTo, began := make(map[int32]int64, len(positions)), time.Now()
	for _, at := range positions {
		upTo[at.Partition] = max(at.Next-nearEnough, 0)
	}
	return f.reach(ctx, upTo, func(now map[int32]view.Position) {
		p := Rebuilding{Phase: Building, Took: time.Since(began)}
		for partition, to := range upTo {
			p.Done += min(now[partition].Next, to)
			p.All += to
		}
		progress(p)
	})
}

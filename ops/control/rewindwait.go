package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"leadlog/events"
)

const (
	// awaitTick is how often a wait looks at the positions, and membersTick how often at the group.
	awaitTick   = 200 * time.Millisecond
	membersTick = 5 * time.Second
	// alarmAfter is how long an alarm from before may still stand: projectors see within a second that a position has moved.
	alarmAfter = 5 * time.Second
)

// Errors of a wait. What was done stays done.
var (
	// ErrNobodyFills is returned when no process is in the view's group.
	ErrNobodyFills = errors.New("nobody fills this view")
	// ErrStoppedMeanwhile is returned when a partition that is waited for is stopped with an alarm.
	ErrStoppedMeanwhile = errors.New("stopped")
)

// AwaitRewound waits until the projectors have applied again what a rewind took back. Partitions that are paused are left
// out. tell is called now and then with how many offsets of all there are that have been applied again.
func (s *System) AwaitRewound(ctx context.Context, r *RewindResult, tell func(done, all int64)) error {
	o, err := s.openView(ctx, r.View)
	if err != nil {
		return err
	}
	tick := time.NewTicker(awaitTick)
	defer tick.Stop()
	began := time.Now()
	var asked time.Time
	for {
		done, all := o.appliedAgain(r)
		if tell != nil {
			tell(done, all)
		}
		if done >= all {
			return nil
		}
		if time.Since(asked) > membersTick {
			if err := s.filled(ctx, r.View); err != nil {
				return err
			}
			asked = time.Now()
		}
		if time.Since(began) > alarmAfter {
			if err := o.stopped(ctx, r); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		if err := o.read(ctx); err != nil {
			return err
		}
	}
}

// appliedAgain counts the offsets that are to be applied again, and those that are.
func (o *opened) appliedAgain(r *RewindResult) (done, all int64) {
	for _, p := range r.Partitions {
		if p.Paused || p.State != Rewound {
			continue
		}
		all += p.From - p.To
		done += max(min(o.positions[p.Partition].Next, p.From)-p.To, 0)
	}
	return done, all
}

// filled returns ErrNobodyFills when no process is in the view's group.
func (s *System) filled(ctx context.Context, name string) error {
	members, err := s.members(ctx)
	if err != nil || members[name] > 0 {
		return err
	}
	return fmt.Errorf("%w: start `projectors %s`", ErrNobodyFills, name)
}

// stopped returns the alarm of a partition that is waited for.
func (o *opened) stopped(ctx context.Context, r *RewindResult) error {
	alarms, err := o.Alarms(ctx, events.Topic)
	if err != nil {
		return withCause(ctx, err)
	}
	for _, p := range r.Partitions {
		if alarm, ok := alarms[p.Partition]; ok && o.positions[p.Partition].Next < p.From {
			return fmt.Errorf("partition %d of %s is %w: %s", p.Partition, r.View, ErrStoppedMeanwhile, alarm.Reason)
		}
	}
	return nil
}

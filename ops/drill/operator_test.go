package drill_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"leadlog/ops/control"
	"leadlog/projectors/view"
)

// reason is what the ledger has.
const reason = "drill"

// order is a plan that is being executed.
type order struct {
	verb, view string
	plan       uuid.UUID
	skipped    hole // of a skip
}

// refusals are the answers by which an operator's tool says that it has changed nothing.
func refused(err error) bool {
	for _, refusal := range []error{
		control.ErrPlanStale, control.ErrNothingToRewind, control.ErrForwards, control.ErrNoLaterRecord, control.ErrBelowStart,
		control.ErrBackwards, control.ErrPastEnd, control.ErrNothingToDrop, view.ErrHeld,
	} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

// operate runs an operator's tool, and in one of three cases cuts it off in the middle. It says whether that was so.
func (d *drill) operate(what string, do func(context.Context, *control.System) error) (cutOff bool) {
	d.Helper()
	ctx, cancel := context.WithCancelCause(d.Context())
	defer cancel(nil)
	ctx, late := context.WithTimeoutCause(ctx, patience, errors.New("too long"))
	defer late()
	system, c := d.system, &cut{made: cancel}
	c.after.Store(d.random.IntN(2) == 0)
	requests := int64(1 + d.random.IntN(60))
	if d.random.IntN(3) == 0 {
		c.left.Store(requests)
		cfg := d.cfg
		cfg.URLs = d.through(c, cfg.URLs)
		var err error
		system, err = control.Open(cfg)
		d.must(err)
		defer c.end()
		defer system.Close()
	}
	err := do(ctx, system)
	switch {
	case errors.Is(err, control.ErrBusy): // PostgreSQL has yet to notice that somebody was cut off
		d.say("  %s: %v", what, err)
		return true
	case c.was.Load():
		d.say("  %s: cut off at request %d (answered: %v): %v", what, requests, c.after.Load(), err)
		return true
	case err == nil:
		d.say("  %s: done", what)
	case refused(err):
		d.say("  %s: refused: %v", what, err)
	default:
		d.Fatalf("%s: %v", what, err)
	}
	return false
}

// execute executes a plan. What was cut off is finished some time later.
func (d *drill) execute(o order) {
	d.Helper()
	if d.operate("execute "+o.verb+" of "+o.view, func(ctx context.Context, s *control.System) error {
		err := d.carryOut(ctx, s, o)
		if o.verb == "rebuild" && d.dropped[o.view] && errors.Is(err, control.ErrNoPlan) { // it went with the version
			err = fmt.Errorf("%w: %w", control.ErrPlanStale, err)
		}
		return err
	}) {
		d.unfinished = append(d.unfinished, o)
	}
}

func (d *drill) carryOut(ctx context.Context, s *control.System, o order) error {
	var err error
	switch o.verb {
	case "rewind":
		_, err = s.Rewind(ctx, control.RewindOrder{Plan: o.plan, Reason: reason}, nil)
	case "skip":
		_, err = s.Skip(ctx, control.SkipOrder{Plan: o.plan, Reason: reason})
		if err == nil {
			d.holes = append(d.holes, o.skipped)
		}
	case "rebuild":
		_, err = s.SwapIn(ctx, "", o.plan, reason, func(control.Rebuilding) {})
	case "drop":
		_, err = s.Drop(ctx, "", o.plan, reason)
	}
	return err
}

// finishOne takes up a plan that was cut off.
func (d *drill) finishOne() {
	d.Helper()
	if len(d.unfinished) == 0 {
		return
	}
	o := d.unfinished[0]
	d.unfinished = d.unfinished[1:]
	d.say("finish the %s of %s", o.verb, o.view)
	d.execute(o)
}

// finishAll takes up all plans that were cut off, until none is left.
func (d *drill) finishAll() {
	d.Helper()
	for len(d.unfinished) > 0 {
		d.finishOne()
	}
}

func (d *drill) pause() {
	d.Helper()
	name, of := d.pickView(), d.pickPartitions()
	d.say("pause %s %v", name, of.Numbers)
	var held []control.Held
	if !d.operate("pause", func(ctx context.Context, s *control.System) (err error) {
		held, err = s.Pause(ctx, name, of, reason)
		return err
	}) {
		d.standsStill(name, held)
	}
}

// standsStill sees that what is paused is not applied, whatever comes. It may go back, once, to where a Kafka tool has sent it:
// a worker that had seen that before the pause came finishes the rewind, as every rewind leaves a pause as it is.
func (d *drill) standsStill(name string, held []control.Held) {
	d.Helper()
	if len(held) == 0 {
		return
	}
	before := make(map[int32]int64)
	for _, at := range d.positions(name) {
		before[at.Partition] = at.Next
	}
	d.append(5)
	d.within(200*time.Millisecond, func() (bool, string) {
		for _, h := range held {
			now := d.position(name, h.Partition).Next
			if sent, is := d.resets[spot{name, h.Partition}]; is && now == sent && now < before[h.Partition] {
				before[h.Partition] = now
				delete(d.resets, spot{name, h.Partition})
			}
			if now != before[h.Partition] {
				d.Fatalf("%s/%d is paused at %d, and went on to %d", name, h.Partition, before[h.Partition], now)
			}
		}
		return false, ""
	})
}

func (d *drill) resume() {
	d.Helper()
	name, of := d.pickView(), d.pickPartitions()
	d.say("resume %s %v", name, of.Numbers)
	d.operate("resume", func(ctx context.Context, s *control.System) error {
		_, err := s.Resume(ctx, name, of, reason)
		return err
	})
}

// pickPartitions is one, or all.
func (d *drill) pickPartitions() control.Partitions {
	if d.random.IntN(2) == 0 {
		return control.Partitions{}
	}
	return control.Partitions{Numbers: []int32{d.pickPartition()}}
}

func (d *drill) rewind() {
	d.Helper()
	of := d.pickPartitions()
	d.rewindView(d.pickView(), of, d.pickTarget(len(of.Numbers) == 0))
}

func (d *drill) rewindView(name string, of control.Partitions, target control.RewindTarget) {
	d.Helper()
	d.say("rewind %s %v %s", name, of.Numbers, target)
	plan := order{verb: "rewind", view: name}
	if d.operate("plan", func(ctx context.Context, s *control.System) error {
		made, err := s.PlanRewind(ctx, control.RewindRequest{View: name, Target: target, Partitions: of})
		plan.plan = made.ID
		return err
	}) || plan.plan == uuid.Nil {
		return
	}
	if d.random.IntN(3) == 0 {
		d.append(3)
	}
	d.execute(plan)
}

// pickTarget picks where to, of one partition or of all, some of which are empty.
func (d *drill) pickTarget(everywhere bool) control.RewindTarget {
	kind := d.random.IntN(5)
	if everywhere {
		kind = 2 + d.random.IntN(3)
	}
	switch kind {
	case 0:
		return control.RewindTarget{Kind: control.ToOffset, Number: d.random.Int64N(8)}
	case 1:
		return control.RewindTarget{Kind: control.ShiftBy, Number: -d.random.Int64N(6)}
	case 2:
		return control.RewindTarget{Kind: control.ByDuration, Back: time.Duration(d.random.Int64N(int64(100 * time.Hour)))}
	case 3:
		return control.RewindTarget{Kind: control.ToTime, Time: d.clock.Add(-time.Duration(d.random.Int64N(int64(30 * time.Hour))))}
	}
	return control.RewindTarget{Kind: control.ToEarliest}
}

// skip has a view that is paused pass over its next record, which it may have had before.
func (d *drill) skip() {
	d.Helper()
	name, partition := []string{"leads", "audit", "dedup"}[d.random.IntN(3)], d.pickPartition()
	of := control.Partitions{Numbers: []int32{partition}}
	d.say("skip the next record of %s/%d", name, partition)
	d.operate("pause", func(ctx context.Context, s *control.System) error {
		_, err := s.Pause(ctx, name, of, reason)
		return err
	})
	if d.random.IntN(2) == 0 {
		d.rewindView(name, of, control.RewindTarget{Kind: control.ToOffset, Number: d.random.Int64N(d.position(name, partition).Next + 1)})
	} else {
		d.append(3)
	}
	next := d.position(name, partition).Next
	if end := int64(len(d.log[partition])); next >= end || d.log[partition][next].tombstone {
		return // refused, as other tests see
	}
	plan := order{verb: "skip", view: name, skipped: hole{name, partition, next, next + 1}}
	if d.operate("plan", func(ctx context.Context, s *control.System) error {
		made, err := s.PlanSkip(ctx, control.SkipRequest{View: name, Partition: partition, To: next + 1})
		plan.plan = made.ID
		if err == nil && made.At.Next != next { // not paused: it has gone on
			plan.plan = uuid.Nil
		}
		return err
	}) || plan.plan == uuid.Nil {
		return
	}
	d.execute(plan)
}

// rebuild builds another version of a view, which a swap may put in its place.
func (d *drill) rebuild() {
	d.Helper()
	name := []string{"leads", "audit"}[d.random.IntN(2)]
	for i, o := range d.unfinished { // until then, nobody knows which version is the one to build
		if o.verb == "rebuild" && o.view == name {
			d.unfinished = append(d.unfinished[:i:i], d.unfinished[i+1:]...)
			d.finishAll()
			d.execute(o)
			return
		}
	}
	d.say("rebuild %s", name)
	d.operate("rebuild", func(ctx context.Context, s *control.System) error {
		built, err := s.Rebuild(ctx, name, func(control.Rebuilding) {})
		if err == nil && built.Plan == uuid.Nil {
			d.Fatalf("the new version of %s is not as the log says: %+v", name, built.Verified)
		}
		if err == nil {
			d.pending[name] = built.Plan
		}
		return err
	})
	if d.random.IntN(2) == 0 {
		d.swapView(name)
	}
}

func (d *drill) swap() {
	d.Helper()
	d.swapView([]string{"leads", "audit"}[d.random.IntN(2)])
}

func (d *drill) swapView(name string) {
	d.Helper()
	plan, there := d.pending[name]
	if !there {
		return
	}
	delete(d.pending, name)
	d.say("swap %s", name)
	d.execute(order{verb: "rebuild", view: name, plan: plan})
}

// drop removes a version that nobody reads, be it old or new.
func (d *drill) drop() {
	d.Helper()
	name := []string{"leads", "audit"}[d.random.IntN(2)]
	d.say("drop a version of %s", name)
	plan := order{verb: "drop", view: name}
	if d.operate("plan", func(ctx context.Context, s *control.System) error {
		versions, err := s.Versions(ctx, name)
		if err != nil || len(versions) == 0 {
			return err
		}
		made, err := s.PlanDrop(ctx, name, versions[d.random.IntN(len(versions))].Number)
		plan.plan = made.Plan
		return err
	}) || plan.plan == uuid.Nil {
		return
	}
	d.dropped[name] = true
	d.execute(plan)
}

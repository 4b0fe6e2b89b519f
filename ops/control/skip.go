package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/projectors/view"
)

const (
	verbSkip = "skip"
	// maxPassed is how many of the records that a skip passes over are shown.
	maxPassed = 20
)

// Errors about skips. Nothing was changed.
var (
	// ErrWhichView is returned when no view is named, and not exactly one is stopped there.
	ErrWhichView = errors.New("which view?")
	// ErrBackwards is returned for a skip that does not lead forwards.
	ErrBackwards = errors.New("this does not lead forwards")
	// ErrErasure is returned for a skip over a tombstone: what it erases would stay in the view.
	ErrErasure = errors.New("a tombstone is never skipped")
	// ErrPastEnd is returned for a skip that leads past the log's end.
	ErrPastEnd = errors.New("the log ends before that")
)

// SkipRequest is what somebody wants a view to pass over.
type SkipRequest struct {
	View      string // empty: the one that is stopped there
	Topic     string // empty: the one that views are made of
	Partition int32
	To        int64 // the first offset that is applied again
}

// SkipPlan is what a skip would do.
type SkipPlan struct {
	ID     uuid.UUID
	At     view.Position
	To     int64
	Alarm  *view.Stopped // why the view is stopped there, if it is
	Passed []Passed      // the first maxPassed of them
	More   int64         // offsets behind those
}

// Passed is a record that a view would never have anything of.
type Passed struct {
	Offset int64
	Key    string
	Time   time.Time
	Phone  string
	Poison string // why it can't be decoded
}

// PlanSkip finds out what a skip would pass over, and keeps it as a plan. It changes nothing.
func (s *System) PlanSkip(ctx context.Context, r SkipRequest) (SkipPlan, error) {
	of := Partitions{Topic: r.Topic, Numbers: []int32{r.Partition}}
	if err := of.check(); err != nil {
		return SkipPlan{}, err
	}
	if r.View == "" {
		var err error
		if r.View, err = s.stoppedAt(ctx, r.Partition); err != nil {
			return SkipPlan{}, err
		}
	}
	o, err := s.openView(ctx, r.View)
	if err != nil {
		return SkipPlan{}, err
	}
	positions, err := s.movable(ctx, o, of)
	if err != nil {
		return SkipPlan{}, err
	}
	plan := SkipPlan{At: positions[0], To: r.To}
	log, err := s.bounds(ctx, events.Topic)
	if err != nil {
		return plan, err
	}
	if err := plan.check(log[r.Partition].to); err != nil {
		return plan, err
	}
	if err := s.describe(ctx, o, &plan, log[r.Partition].from); err != nil {
		return plan, err
	}
	plan.ID, err = s.keepPlan(ctx, verbSkip, r.View, move{plan.At, r.To})
	return plan, err
}

// stoppedAt returns the one view that is stopped at a partition.
func (s *System) stoppedAt(ctx context.Context, partition int32) (string, error) {
	var stopped, silent []string
	for _, p := range s.progresses(ctx) {
		if alarm, there := p.alarms[partition]; there && alarm.Stops() {
			stopped = append(stopped, p.entry.Name)
		}
		if p.err != nil {
			silent = append(silent, p.entry.Name)
		}
	}
	switch {
	case len(silent) > 0:
		return "", fmt.Errorf("%w %s can't be asked: name it", ErrWhichView, strings.Join(silent, ", "))
	case len(stopped) == 0:
		return "", fmt.Errorf("%w None is stopped at partition %d: name it", ErrWhichView, partition)
	case len(stopped) > 1:
		return "", fmt.Errorf("%w %s are stopped at partition %d: name one", ErrWhichView, strings.Join(stopped, ", "), partition)
	}
	return stopped[0], nil
}

func (plan SkipPlan) check(end int64) error {
	switch {
	case plan.To <= plan.At.Next:
		return fmt.Errorf("%w: %s is at offset %d already, and --to-offset is %d; to go back: ops rewind %s --topic %s:%d --to-offset %d",
			ErrBackwards, plan.At.Stream, plan.At.Next, plan.To, plan.At.Projection, plan.At.Topic, plan.At.Partition, plan.To)
	case plan.To > end:
		return fmt.Errorf("%w: partition %d ends at %d, and --to-offset is %d", ErrPastEnd, plan.At.Partition, end, plan.To)
	}
	return nil
}

// describe reads what would be passed over, as far as the log still has it, and why the view is stopped there.
func (s *System) describe(ctx context.Context, o *opened, plan *SkipPlan, start int64) error {
	alarms, err := o.Alarms(ctx, events.Topic)
	if err != nil {
		return withCause(ctx, err)
	}
	if alarm, there := alarms[plan.At.Partition]; there && alarm.Stops() {
		plan.Alarm = &alarm
	}
	whole, tombstone := span{max(plan.At.Next, start), plan.To}, Unknown
	err = s.scan(ctx, events.Topic, spans{plan.At.Partition: whole}, func(r *kgo.Record) onward {
		switch {
		case r.Value == nil:
			tombstone = r.Offset
			return enough
		case len(plan.Passed) < maxPassed:
			plan.Passed = append(plan.Passed, passed(r))
		case plan.More == 0:
			plan.More = plan.To - r.Offset
		}
		return more
	})
	if err == nil && tombstone != Unknown {
		err = erasing(plan, tombstone)
	}
	return err
}

// erasing says what to do instead of passing over a tombstone.
func erasing(plan *SkipPlan, at int64) error {
	of := fmt.Sprintf("%s --topic %s:%d", plan.At.Projection, plan.At.Topic, plan.At.Partition)
	if at == plan.At.Next {
		return fmt.Errorf("%w: the view stands at one, offset %d, and what it erases would stay there. Mend what refuses it, then: ops resume %s",
			ErrErasure, at, of)
	}
	return fmt.Errorf("%w: offset %d is one, and what it erases would stay in the view. Skip to before it: ops skip %s --to-offset %d",
		ErrErasure, at, of, at)
}

func passed(r *kgo.Record) Passed {
	p := Passed{Offset: r.Offset, Key: string(r.Key), Time: r.Timestamp.UTC()}
	record := broker.FromKafka(r)
	e, err := events.Decode(&record)
	if err != nil {
		p.Poison = err.Error()
		return p
	}
	p.Phone = e.Phone
	return p
}

// SkipOrder executes a plan. What is given beside it has to agree with it.
type SkipOrder struct {
	Plan   uuid.UUID
	Reason string       // names the hole
	View   string       // or empty
	Given  *SkipRequest // or nil
}

// Skip executes a plan, and returns the position behind the hole.
func (s *System) Skip(ctx context.Context, order SkipOrder) (view.Position, error) {
	var body move
	name, err := s.usePlan(ctx, order.Plan, verbSkip, &body)
	if err != nil {
		return view.Position{}, err
	}
	if order.View != "" && order.View != name ||
		order.Given != nil && (order.Given.Partition != body.At.Partition || order.Given.To != body.To) {
		return view.Position{}, fmt.Errorf("%w: it skips %s to offset %d", ErrPlanDisagrees, body.At.Stream, body.To)
	}
	o, err := s.openView(ctx, name)
	if err != nil {
		return view.Position{}, err
	}
	stored, done, err := s.checkHole(ctx, o, order.Plan, body)
	if err != nil {
		return stored, s.overtaken(ctx, order.Plan, err)
	}
	hole := view.Hole{
		Partition: body.At.Partition, From: body.At.Next, To: body.To, Cause: order.Plan.String(), Reason: order.Reason,
	}
	change := Change{Verb: verbSkip, View: name, Plan: order.Plan, Reason: order.Reason}
	err = s.record(ctx, change, func(ctx context.Context) (map[string]any, error) {
		detail := map[string]any{"partition": hole.Partition, "from": hole.From, "to": hole.To}
		if done {
			return detail, nil
		}
		moved, err := o.Skip(ctx, stored, hole)
		switch {
		case errors.Is(err, view.ErrFenced), errors.Is(err, view.ErrNotForward):
			return detail, fmt.Errorf("%w: %w", ErrPlanStale, err)
		case err != nil:
			return detail, withCause(ctx, err)
		}
		stored = moved
		return detail, nil
	})
	return stored, err
}

// checkHole holds a plan against what is stored now, and says whether it is done already.
func (s *System) checkHole(ctx context.Context, o *opened, plan uuid.UUID, body move) (stored view.Position, done bool, err error) {
	stored, ok := o.positions[body.At.Partition]
	if !ok {
		return stored, false, fmt.Errorf("%w: %s has no position any more", ErrPlanStale, body.At.Stream)
	}
	if slices.ContainsFunc(o.holes, func(h view.Hole) bool { return h.Cause == plan.String() }) {
		return stored, true, nil // the position may have been moved since, by a rewind or a swap
	}
	if rewinding(stored) {
		return stored, false, underWay(stored)
	}
	live, err := s.topicID(ctx)
	if err != nil {
		return stored, false, err
	}
	if stored.TopicID != live {
		return stored, false, fmt.Errorf("%w: %s is of topic %s, and the live one is %s", ErrPlanStale, stored.Stream, stored.TopicID, live)
	}
	if err := unchanged(stored, body.At); err != nil {
		return stored, false, err
	}
	if stored.Next != body.At.Next {
		return stored, false, fmt.Errorf("%w: %s has gone on to %d by itself", ErrPlanStale, stored.Stream, stored.Next)
	}
	return stored, false, nil
}

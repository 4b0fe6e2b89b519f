package control

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/projectors/failpoint"
	"leadlog/projectors/view"
)

const (
	verbAdopt = "adopt"
	// adoptRows is how many rows of each partition are looked for in the other log.
	adoptRows = 5
	// adoptReach bounds how far below the position they are looked for.
	adoptReach = 65_536
)

// AdoptPlan is what an adoption has checked and would change. Without an ID it was not kept: there is nothing to adopt, or
// what was found refuses it.
type AdoptPlan struct {
	ID         uuid.UUID
	Live       uuid.UUID // the topic's id
	Contract   []broker.Report
	Partitions []AdoptPartition // whose position is of another topic
}

// AdoptPartition is one position of another topic, held against the live one.
type AdoptPartition struct {
	At       view.Position
	From, To int64  // the live log
	Compared int    // rows below the position whose records are in the live log, at the same offset and with the same key
	Wrong    string // why the live log is not this view's, or empty
}

// Refused says whether something speaks against adopting the live topic.
func (p *AdoptPlan) Refused() bool {
	for _, part := range p.Partitions {
		if part.Wrong != "" {
			return true
		}
	}
	return ContractErr(p.Contract) != nil
}

// adoptBody is a plan as it is kept.
type adoptBody struct {
	Live  uuid.UUID       `json:"live"`
	Views []string        `json:"views"`
	At    []view.Position `json:"at"`
}

// PlanAdopt looks whether the live topic is the one that views were made of, under another id: that of a cluster that was
// restored. No view named means all. It changes nothing.
func (s *System) PlanAdopt(ctx context.Context, names ...string) (AdoptPlan, error) {
	var plan AdoptPlan
	var err error
	if plan.Live, err = s.topicID(ctx); err != nil {
		return plan, err
	}
	if plan.Contract, err = s.CheckTopics(ctx); err != nil {
		return plan, err
	}
	log, err := s.bounds(ctx, events.Topic)
	if err != nil {
		return plan, err
	}
	if len(names) == 0 {
		for _, e := range s.Entries() {
			names = append(names, e.Name)
		}
	}
	body := adoptBody{Live: plan.Live, Views: names}
	for _, name := range names {
		parts, err := s.otherTopics(ctx, name, plan.Live, log)
		if err != nil {
			return plan, err
		}
		for _, p := range parts {
			plan.Partitions, body.At = append(plan.Partitions, p), append(body.At, p.At)
		}
	}
	if len(plan.Partitions) == 0 || plan.Refused() {
		return plan, nil
	}
	plan.ID, err = s.keepPlan(ctx, verbAdopt, strings.Join(names, " "), body)
	return plan, err
}

// otherTopics returns the partitions of a view whose positions are of another topic, compared with the live log.
func (s *System) otherTopics(ctx context.Context, name string, live uuid.UUID, log spans) ([]AdoptPartition, error) {
	o, err := s.openView(ctx, name)
	if err != nil {
		return nil, err
	}
	var parts []AdoptPartition
	for _, partition := range numbers(o.positions) {
		at := o.positions[partition]
		if at.TopicID == live {
			continue
		}
		if rewinding(at) {
			return nil, underWay(at)
		}
		p := AdoptPartition{At: at, From: log[partition].from, To: log[partition].to}
		switch {
		case p.To < at.Next:
			p.Wrong = fmt.Sprintf("the log ends at %d, below the position: acknowledged events are missing", p.To)
		case p.From > at.Next:
			p.Wrong = fmt.Sprintf("the log starts at %d, above the position", p.From)
		}
		parts = append(parts, p)
	}
	return parts, s.compareKeys(ctx, o, parts)
}

// compareKeys looks for the last rows of each partition in the live log. A view that folds in place remembers no offsets.
func (s *System) compareKeys(ctx context.Context, o *opened, parts []AdoptPartition) error {
	if o.Derived() == nil {
		return nil
	}
	rows, compared, stretch := make(map[int32]map[int64]uuid.UUID), make(map[int32]int), make(spans)
	for _, p := range parts {
		if p.Wrong != "" {
			continue
		}
		last, err := o.lastRows(ctx, p.At)
		if err != nil {
			return err
		}
		if len(last) > 0 {
			rows[p.At.Partition] = keysOf(last)
			stretch[p.At.Partition] = span{max(last[0].Offset, p.From), p.At.Next}
		}
	}
	err := s.scan(ctx, events.Topic, stretch, func(r *kgo.Record) onward {
		if want := rows[r.Partition]; want[r.Offset].String() == string(r.Key) {
			delete(want, r.Offset)
			compared[r.Partition]++
		}
		return more
	})
	for i, p := range parts {
		parts[i].Compared = compared[p.At.Partition]
		if left := rows[p.At.Partition]; len(left) > 0 {
			parts[i].Wrong = fmt.Sprintf("of the view's last rows, that of offset %d is another record in this log, or none", slices.Min(slices.Collect(maps.Keys(left))))
		}
	}
	return err
}

// lastRows returns the last few rows below a position, in order. Far below it there may be more; what is near says enough.
func (o *opened) lastRows(ctx context.Context, at view.Position) (last []view.Row, err error) {
	for reach := int64(64); len(last) < adoptRows && reach <= adoptReach; reach *= 32 {
		last = nil
		for row, err := range o.Rows(ctx, at.Partition, max(at.Next-reach, 0), at.Next) {
			if err != nil {
				return nil, fmt.Errorf("rows of %s: %w", at.Stream, withCause(ctx, err))
			}
			last = append(last, row)
		}
		if reach >= at.Next {
			break
		}
	}
	return last[max(len(last)-adoptRows, 0):], nil
}

func keysOf(rows []view.Row) map[int64]uuid.UUID {
	keys := make(map[int64]uuid.UUID, len(rows))
	for _, row := range rows {
		keys[row.Offset] = row.RecordID
	}
	return keys
}

// AdoptOrder executes a plan. What is given beside it has to agree with it.
type AdoptOrder struct {
	Plan   uuid.UUID
	Reason string
	Views  []string // or none
}

// Adopt executes a plan, and returns the positions as they are now. Whatever interrupts it, the same call finishes it.
func (s *System) Adopt(ctx context.Context, order AdoptOrder) ([]view.Position, error) {
	var body adoptBody
	names, err := s.usePlan(ctx, order.Plan, verbAdopt, &body)
	if err != nil {
		return nil, err
	}
	if given := strings.Join(order.Views, " "); given != "" && given != names {
		return nil, fmt.Errorf("%w: it is about %s", ErrPlanDisagrees, names)
	}
	live, err := s.topicID(ctx)
	if err != nil {
		return nil, err
	}
	if live != body.Live {
		return nil, fmt.Errorf("%w: the live topic is %s, and was %s", ErrPlanStale, live, body.Live)
	}
	views := make(map[string]*opened)
	for _, name := range body.Views {
		if views[name], err = s.openView(ctx, name); err != nil {
			return nil, err
		}
	}
	left, err := stillToAdopt(views, body, order.Plan)
	if err != nil {
		return nil, s.overtaken(ctx, order.Plan, err)
	}
	var adopted []view.Position
	change := Change{Verb: verbAdopt, View: names, Plan: order.Plan, Reason: order.Reason}
	err = s.record(ctx, change, func(ctx context.Context) (map[string]any, error) {
		var err error
		adopted, err = adoptAll(ctx, views, left, live, order.Plan)
		return map[string]any{"topic_id": live.String(), "positions": len(body.At)}, err
	})
	return adopted, err
}

// stillToAdopt holds the plan against what is stored now, and leaves out what is done already.
func stillToAdopt(views map[string]*opened, body adoptBody, plan uuid.UUID) ([]view.Position, error) {
	var left []view.Position
	for _, planned := range body.At {
		stored, ok := views[planned.Projection].positions[planned.Partition]
		if ok && stored.Cause == plan.String() {
			continue
		}
		if !ok {
			return nil, fmt.Errorf("%w: %s has no position any more", ErrPlanStale, planned.Stream)
		}
		if rewinding(stored) {
			return nil, underWay(stored)
		}
		if err := unchanged(stored, planned); err != nil { // nobody claims a position of another topic
			return nil, err
		}
		left = append(left, stored)
	}
	return left, nil
}

func adoptAll(ctx context.Context, views map[string]*opened, left []view.Position, live, plan uuid.UUID) ([]view.Position, error) {
	var adopted []view.Position
	for _, at := range left {
		now, err := views[at.Projection].Adopt(ctx, at, live, plan.String())
		if errors.Is(err, view.ErrFenced) {
			return adopted, fmt.Errorf("%s: %w: %w", at.Stream, ErrPlanStale, err)
		}
		if err != nil {
			return adopted, fmt.Errorf("%s, which is not adopted yet: %w", at.Stream, withCause(ctx, err))
		}
		failpoint.Reach("adopt partition done")
		adopted = append(adopted, now)
	}
	return adopted, nil
}

package cli

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"leadlog/ops/control"
	"leadlog/ops/flags"
)

type skipVerb struct {
	asking
	planned
	shown
	private
	partitionsOf

	View     string `arg:"" optional:"" help:"leads, audit or dedup; may be left out when one view is stopped there."`
	ToOffset *int64 `noenv:"" placeholder:"N" help:"The first offset that is applied again."`
}

// Help implements kong.HelpProvider.
func (skipVerb) Help() string {
	return `The only way past a record that stops a view: the view never has anything of the records in between. They are a hole, which the reason names, and which rewinds, rebuilds and verifications know. Other views are not touched, and the records stay in the log. Without --execute it only shows what would be passed over.

Examples:

  ops skip --topic phone-submitted:3 --to-offset 43

  ops skip leads --topic phone-submitted:3 --to-offset 43

  ops skip --execute --plan 0191d5a0-0000-7000-8000-000000000001 --reason "record 42 is from the load test"`
}

// Run shows what a skip would pass over, or does it.
func (v *skipVerb) Run(ctx context.Context, p *process) error {
	plan, err := v.check()
	if err != nil {
		return err
	}
	given, err := v.given()
	if err != nil {
		return err
	}
	if plan == uuid.Nil && given == nil {
		return flags.Usagef("which records? ops skip --topic phone-submitted:3 --to-offset N: all from the view's position to before N")
	}
	return v.with(ctx, p, func(ctx context.Context, system *control.System) error {
		if plan == uuid.Nil {
			return misused(v.dryRun(ctx, p, system, *given))
		}
		at, err := system.Skip(ctx, control.SkipOrder{Plan: plan, Reason: v.Reason, View: v.View, Given: given})
		if err != nil {
			return misused(err)
		}
		s := sheet{columns: []string{"view", "partition", "outcome", "store_offset"}}
		s.add(at.Projection, at.Partition, "skipped", at.Next)
		p.note("the projectors go on within a second or two, and the alarm goes: ops status")
		return v.shown.show(p.stdout, s)
	})
}

// given is what the flags say, or nil when none is given.
func (v *skipVerb) given() (*control.SkipRequest, error) {
	of, err := v.partitions()
	switch {
	case err != nil:
		return nil, err
	case v.Topic == "" && v.ToOffset == nil:
		return nil, nil
	case len(of.Numbers) != 1:
		return nil, flags.Usagef("--topic must name one partition, such as phone-submitted:3")
	case v.ToOffset == nil:
		return nil, flags.Usagef("--to-offset is missing: the first offset that is applied again")
	}
	return &control.SkipRequest{View: v.View, Topic: of.Topic, Partition: of.Numbers[0], To: *v.ToOffset}, nil
}

func (v *skipVerb) dryRun(ctx context.Context, p *process, system *control.System, r control.SkipRequest) error {
	plan, err := system.PlanSkip(ctx, r)
	if err != nil {
		return err
	}
	v.planned.show(p, "skip", plan.ID, v.shown)
	id := plan.ID.String()
	head := sheet{kind: "skip", columns: []string{"plan", "view", "partition", "store_offset", "target", "stopped_since", "why"}}
	if plan.Alarm != nil {
		head.add(id, plan.At.Projection, plan.At.Partition, plan.At.Next, plan.To, plan.Alarm.Since, oneLine(plan.Alarm.Reason))
	} else {
		head.add(id, plan.At.Projection, plan.At.Partition, plan.At.Next, plan.To, nil, nil)
	}
	if v.Output == "table" {
		head.columns, head.rows[0] = head.columns[1:], head.rows[0][1:]
	}
	if err := v.shown.show(p.stdout, head, v.passedSheet(plan)); err != nil {
		return err
	}
	if plan.More > 0 {
		p.note("and up to %d more records behind these", plan.More)
	}
	if plan.Alarm == nil {
		p.note("this view is not stopped there: are these really records that it must never have?")
	}
	return nil
}

// passedSheet is the records that would be passed over.
func (v *skipVerb) passedSheet(plan control.SkipPlan) sheet {
	s := sheet{kind: "record", columns: []string{"offset", "time", "record_key", "phone", "note"}}
	for _, r := range plan.Passed {
		var note any
		if r.Poison != "" {
			note = fmt.Sprintf("can't be decoded: %s", oneLine(r.Poison))
		}
		s.add(r.Offset, r.Time, v.unlessID([]byte(r.Key)), blank(v.phone(r.Phone)), note)
	}
	return s
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"leadlog/ops/control"
	"leadlog/ops/flags"
)

type rewindVerb struct {
	waiting
	planned
	shown
	private
	rewindTarget
	partitionsOf

	View   string `arg:"" optional:"" help:"leads, audit or dedup."`
	Exact  bool   `noenv:"" help:"Read the log and count, instead of telling from offsets and indexes, and compare without haste; that may take long."`
	NoWait bool   `noenv:"" help:"Don't wait until the projectors have applied everything again."`
}

// Help implements kong.HelpProvider.
func (rewindVerb) Help() string {
	return `Takes a view back to an earlier place in the log, while everything runs; the projectors then apply from there again. Without --execute it only shows what it would do: how many events are applied again, how many rows go and come back, some rows that will differ and why, and for how long rows will be missing. dedup folds again in place: nothing is missing meanwhile.

A plan holds for an hour. It is refused when its partitions were claimed, paused, rewound or skipped meanwhile; traffic never refuses it. Interrupted anywhere, by Ctrl-C, --timeout or a crash, the same command finishes it.

Examples:

  ops rewind leads --by-duration PT1H

  ops rewind leads --to-datetime 2026-11-23T10:00:00+03:30 --topic phone-submitted:3,7

  ops rewind audit --topic phone-submitted:3 --to-offset 41000 --exact

  ops rewind --execute --plan 0191d5a0-0000-7000-8000-000000000001 --reason "wrong campaigns since the deploy of 10:00"`
}

// Run shows what a rewind would do, or does it.
func (v *rewindVerb) Run(ctx context.Context, p *process) error {
	plan, err := v.check()
	if err != nil {
		return err
	}
	target, err := v.aim()
	if err != nil {
		return err
	}
	of, err := v.partitions()
	if err != nil {
		return err
	}
	if plan == uuid.Nil {
		switch {
		case v.View == "":
			return flags.Usagef("which view? ops rewind leads, audit or dedup")
		case target == nil:
			return flags.Usagef("to where? Give one of --to-datetime, --by-duration, --shift-by, --to-offset, --to-earliest")
		}
	}
	if target != nil && target.Kind == control.ToOffset && len(of.Numbers) == 0 && plan == uuid.Nil {
		return flags.Usagef("--to-offset means another record in each partition: name them with --topic phone-submitted:3")
	}
	return v.with(ctx, p, plan != uuid.Nil || v.Exact, func(ctx context.Context, system *control.System) error {
		if plan == uuid.Nil {
			return misused(v.dryRun(ctx, p, system, control.RewindRequest{View: v.View, Target: *target, Partitions: of, Exact: v.Exact}))
		}
		order := control.RewindOrder{Plan: plan, Reason: v.Reason, View: v.View, Target: target, Partitions: of}
		return misused(v.execute(ctx, p, system, order))
	})
}

func (v *rewindVerb) dryRun(ctx context.Context, p *process, system *control.System, r control.RewindRequest) error {
	plan, err := system.PlanRewind(ctx, r)
	if err != nil {
		return err
	}
	v.planned.show(p, "rewind", plan.ID, v.shown)
	if err := v.shown.show(p.stdout, v.partSheet(plan), v.sampleSheet(plan), v.totalSheet(plan)); err != nil {
		return err
	}
	for _, line := range costOf(plan) {
		p.note("%s", line)
	}
	return nil
}

// costOf says in words what a plan means for whoever reads the view.
func costOf(plan control.RewindPlan) []string {
	if plan.InPlace {
		return []string{plan.View + " folds again in place: no row goes, and nothing is missing meanwhile"}
	}
	source := func(known bool) string {
		if known {
			return "as measured last"
		}
		return "assumed, since nothing was measured yet"
	}
	lines := []string{fmt.Sprintf("rows will be missing for about %s (removing %s rows at %.0f a second: %s; applying %s events at %.0f events a second: %s)",
		span(plan.Missing), about(plan.Removed()), plan.Speed.Remove, source(plan.RemovalKnown),
		about(plan.Events()), plan.Speed.Apply, source(plan.PaceKnown))}
	if plan.Compared == 0 {
		return append(lines, "no time was left to look for rows that will differ")
	}
	return append(lines, fmt.Sprintf("compared %d events with the view: %d rows will differ", plan.Compared, plan.Differing))
}

// partSheet is what would be done in each partition. A table says "about" where programs get a column.
func (v *rewindVerb) partSheet(plan control.RewindPlan) sheet {
	if v.Output == "table" {
		s := sheet{columns: []string{"partition", "store_offset", "target", "target_time", "events", "rows_out", "rows_back", "note"}}
		for _, part := range plan.Partitions {
			s.add(part.At.Partition, part.At.Next, part.To, moment(part.Time), about(part.Events), about(part.RowsOut), about(part.RowsBack), blank(part.Nothing))
		}
		return s
	}
	s := sheet{kind: "partition", columns: []string{
		"plan", "view", "partition", "generation", "store_offset", "target", "target_time", "events", "rows_out", "rows_back", "exact", "note",
	}}
	for _, part := range plan.Partitions {
		exact := !part.Events.About && !part.RowsOut.About && !part.RowsBack.About
		s.add(plan.ID.String(), plan.View, part.At.Partition, part.At.Generation, part.At.Next, part.To, moment(part.Time),
			part.Events.N, part.RowsOut.N, part.RowsBack.N, exact, blank(part.Nothing))
	}
	return s
}

func (v *rewindVerb) sampleSheet(plan control.RewindPlan) sheet {
	s := sheet{kind: "sample", columns: []string{"partition", "offset", "time", "record_id", "phone", "row", "why"}}
	for _, row := range plan.Samples {
		s.add(row.Partition, row.Offset, moment(row.Time), row.RecordID.String(), v.phone(row.Phone), string(row.What), row.Why)
	}
	return s
}

// totalSheet is for programs: people read the notes.
func (v *rewindVerb) totalSheet(plan control.RewindPlan) sheet {
	s := sheet{kind: "total", columns: []string{"plan", "view", "events", "missing", "removing", "removing_measured", "pace", "pace_measured", "compared", "differing"}}
	if v.Output != "table" {
		s.add(plan.ID.String(), plan.View, plan.Events().N, plan.Missing, plan.Speed.Remove, plan.RemovalKnown, plan.Speed.Apply, plan.PaceKnown, plan.Compared, plan.Differing)
	}
	return s
}

// moment is a cell for a time that may not be known.
func moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

func about(c control.Count) string {
	if c.About {
		return fmt.Sprintf("about %d", c.N)
	}
	return fmt.Sprint(c.N)
}

func (v *rewindVerb) execute(ctx context.Context, p *process, system *control.System, order control.RewindOrder) error {
	m, began := p.meter(), time.Now()
	result, failed := system.Rewind(ctx, order, func(r control.RewindProgress) {
		m.at("rewinding partitions", int64(r.Done), int64(r.Of), time.Since(began))
	})
	m.end()
	if result == nil {
		return failed
	}
	if err := v.shown.show(p.stdout, resultSheet(result)); err != nil {
		return err
	}
	switch {
	case errors.Is(failed, control.ErrPlanStale):
		return failed
	case failed != nil:
		return fmt.Errorf("%w\nwhat each partition has come to stands above; this finishes it: %s", failed, v.again("rewind", order.Plan))
	case v.NoWait:
		return nil
	}
	return v.await(ctx, p, system, result, order.Plan)
}

func resultSheet(result *control.RewindResult) sheet {
	s := sheet{columns: []string{"view", "partition", "state", "from", "to", "rows_removed"}}
	for _, part := range result.Partitions {
		s.add(result.View, part.Partition, string(part.State), part.From, part.To, known(part.Removed))
	}
	return s
}

// await shows how the projectors apply everything again.
func (v *rewindVerb) await(ctx context.Context, p *process, system *control.System, result *control.RewindResult, plan uuid.UUID) error {
	m, began := p.meter(), time.Now()
	var done, all int64
	err := system.AwaitRewound(ctx, result, func(d, a int64) {
		done, all = d, a
		m.at("applied again", done, all, time.Since(began))
	})
	m.end()
	for _, part := range result.Partitions {
		if part.Paused {
			p.note("partition %d is paused: nothing is applied there before `ops resume %s`", part.Partition, result.View)
		}
	}
	switch {
	case errors.Is(err, control.ErrNobodyFills):
		p.note("it is rewound; %s", reason(err))
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%w: it is rewound, and %d of %d events are applied again; the projectors go on by themselves, and this shows how far they are: %s",
			err, done, all, v.again("rewind", plan))
	case err != nil:
		return fmt.Errorf("it is rewound, and %d of %d events are applied again: %w", done, all, err)
	}
	p.note("applied again: %d events in %s", all, span(time.Since(began)))
	return nil
}

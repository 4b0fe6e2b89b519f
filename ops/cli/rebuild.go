package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"leadlog/ops/control"
	"leadlog/ops/flags"
	"leadlog/projectors/dedup"
)

type rebuildVerb struct {
	waiting
	planned
	shown

	View string `arg:"" optional:"" placeholder:"VIEW" help:"leads, audit or dedup."`
}

// Help implements kong.HelpProvider.
func (rebuildVerb) Help() string {
	return `Builds the view a second time from the log, beside the one that everybody reads, verifies it against the log, and prints the plan to swap it in. Nothing that anybody reads is touched before --execute. Interrupt it at any time: the same command goes on from where it was.

With --execute the new version takes the place of the old one, at once: whoever reads meanwhile sees one or the other, whole. The old lead table is kept, frozen, until ops drop removes it; of the audit log in MongoDB the old collection goes. The dedup view has no versions: it is folded again in place, eight days back, and what is printed is the plan of that rewind.

Examples:

  ops rebuild leads

  ops rebuild leads --execute --plan 0191d5a0-0000-7000-8000-000000000001 --reason "wrong campaigns since Monday"

  ops drop leads`
}

// Run builds and verifies, or swaps.
func (v *rebuildVerb) Run(ctx context.Context, p *process) error {
	plan, err := v.check()
	if err != nil {
		return err
	}
	if plan == uuid.Nil && v.View == "" {
		return flags.Usagef("which view? ops rebuild leads, audit or dedup")
	}
	return v.with(ctx, p, true, func(ctx context.Context, system *control.System) error {
		if plan == uuid.Nil {
			return misused(v.build(ctx, p, system))
		}
		return misused(v.swap(ctx, p, system, plan))
	})
}

func (v *rebuildVerb) build(ctx context.Context, p *process, system *control.System) error {
	m := p.meter()
	built, err := system.Rebuild(ctx, v.View, v.progress(m))
	m.end()
	switch {
	case errors.Is(err, control.ErrFoldsInPlace):
		again := rewindVerb{planned: v.planned, shown: v.shown}
		return again.dryRun(ctx, p, system, control.RewindRequest{
			View: v.View, Target: control.RewindTarget{Kind: control.ByDuration, Back: dedup.Reach},
		})
	case ctx.Err() != nil && built.To > 0:
		return fmt.Errorf("interrupted: version %d is built in part, and nobody reads it; the same command goes on, `ops drop %s` removes it: %w",
			built.To, v.View, context.Cause(ctx))
	case err != nil:
		return err
	case built.Plan == uuid.Nil:
		return differences("version %d of %s differs from the log in %d rows, and was not offered for a swap; `ops drop %s` removes it, and then the same command builds it from the start",
			built.To, v.View, built.Verified.Count(), v.View)
	}
	v.planned.show(p, "rebuild "+v.View, built.Plan, v.shown)
	s := sheet{columns: []string{"plan", "view", "active_version", "new_version", "events", "rows", "took", "differences"}}
	s.add(built.Plan.String(), built.View, built.From, built.To, built.Events, built.Verified.Rows, built.Took, built.Verified.Count())
	return v.shown.show(p.stdout, s.turned(v.Output))
}

func (v *rebuildVerb) swap(ctx context.Context, p *process, system *control.System, plan uuid.UUID) error {
	m := p.meter()
	swapped, err := system.SwapIn(ctx, v.View, plan, v.Reason, v.progress(m))
	m.end()
	switch {
	case ctx.Err() != nil && swapped.To > 0:
		return fmt.Errorf("interrupted: whether the swap was made, `ops status` tells; this finishes it: %s: %w",
			v.again("rebuild", plan), context.Cause(ctx))
	case err != nil:
		return err
	}
	s := sheet{columns: []string{"view", "old_version", "active_version", "outcome", "held"}}
	outcome := "swapped"
	if swapped.Already {
		outcome = "had been swapped"
	}
	s.add(swapped.View, swapped.From, swapped.To, outcome, swapped.Held)
	return v.shown.show(p.stdout, s)
}

// progress shows how far it is.
func (v *rebuildVerb) progress(m *meter) func(control.Rebuilding) {
	return func(r control.Rebuilding) {
		if r.Waits != "" {
			m.tell("waiting, and trying again: " + oneLine(r.Waits))
			return
		}
		m.at(string(r.Phase), r.Done, r.All, r.Took)
	}
}

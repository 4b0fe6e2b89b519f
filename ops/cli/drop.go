package cli

import (
	"context"

	"github.com/google/uuid"

	"leadlog/ops/control"
	"leadlog/ops/flags"
)

type dropVerb struct {
	waiting
	planned
	shown

	View    string `arg:"" optional:"" placeholder:"VIEW" help:"leads or audit."`
	Version int    `noenv:"" help:"Which one, where there are several beside the active one."`
}

// Help implements kong.HelpProvider.
func (dropVerb) Help() string {
	return `Removes a version of a view that nobody reads: the one that ops rebuild has replaced, or one that was built in part and is not wanted any more. The active version is never dropped.

Examples:

  ops drop leads

  ops drop leads --execute --plan 0191d5a0-0000-7000-8000-000000000001 --reason "version 2 has been good for a week"`
}

// Run shows which version would go, or removes it.
func (v *dropVerb) Run(ctx context.Context, p *process) error {
	plan, err := v.check()
	if err != nil {
		return err
	}
	if plan == uuid.Nil && v.View == "" {
		return flags.Usagef("of which view? ops drop leads, or ops drop audit")
	}
	return v.with(ctx, p, plan != uuid.Nil, func(ctx context.Context, system *control.System) error {
		outcome := "would be dropped"
		var of control.Dropping
		if plan == uuid.Nil {
			if of, err = system.PlanDrop(ctx, v.View, v.Version); err != nil {
				return misused(err)
			}
			v.planned.show(p, "drop "+v.View, of.Plan, v.shown)
		} else {
			if of, err = system.Drop(ctx, v.View, plan, v.Reason); err != nil {
				return misused(err)
			}
			outcome = "dropped"
		}
		s := sheet{columns: []string{"plan", "view", "version", "where", "bytes", "outcome"}}
		s.add(of.Plan.String(), of.View, of.Number, blank(of.Where), known(of.Bytes), outcome)
		return v.shown.show(p.stdout, s)
	})
}

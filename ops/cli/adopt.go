package cli

import (
	"context"

	"github.com/google/uuid"

	"leadlog/ops/control"
)

type adoptVerb struct {
	asking
	planned
	shown

	Views []string `arg:"" optional:"" name:"view" help:"leads, audit or dedup; all when none is named."`
}

// Help implements kong.HelpProvider.
func (adoptVerb) Help() string {
	return `After a cluster was restored, its topic has another id, and every view stops: the same offsets could mean other events. This looks whether they mean the same: each partition must reach to the view's position, the topic must keep its contract, and the records of the last rows of the view must be at the same offsets with the same keys. Exit code 3 when something speaks against it. Without --execute it only shows what it has checked.

Examples:

  ops adopt

  ops adopt leads

  ops adopt --execute --plan 0191d5a0-0000-7000-8000-000000000001 --reason "restored from the mirror of 10:00"`
}

// Run shows what was checked, or adopts.
func (v *adoptVerb) Run(ctx context.Context, p *process) error {
	plan, err := v.check()
	if err != nil {
		return err
	}
	return v.with(ctx, p, func(ctx context.Context, system *control.System) error {
		if plan == uuid.Nil {
			return misused(v.dryRun(ctx, p, system))
		}
		adopted, err := system.Adopt(ctx, control.AdoptOrder{Plan: plan, Reason: v.Reason, Views: v.Views})
		if err != nil {
			return misused(err)
		}
		s := sheet{columns: []string{"view", "partition", "outcome", "store_offset", "topic_id"}}
		for _, at := range adopted {
			s.add(at.Projection, at.Partition, "adopted", at.Next, at.TopicID.String())
		}
		if len(adopted) == 0 {
			p.note("it was done already")
		}
		p.note("projectors that were running when the topic was made anew have to be started again: ops status")
		return v.shown.show(p.stdout, s)
	})
}

func (v *adoptVerb) dryRun(ctx context.Context, p *process, system *control.System) error {
	plan, err := system.PlanAdopt(ctx, v.Views...)
	if err != nil {
		return err
	}
	if len(plan.Partitions) == 0 {
		p.note("nothing to adopt: every position is of the live topic, %s", plan.Live)
		return nil
	}
	if plan.ID != uuid.Nil {
		v.planned.show(p, "adopt", plan.ID, v.shown)
	}
	if err := v.shown.show(p.stdout, v.checkedSheet(plan)); err != nil {
		return err
	}
	if err := control.ContractErr(plan.Contract); err != nil {
		return differences("the live topic breaks its contract, and was not offered for adoption: %s", reason(err))
	}
	if plan.Refused() {
		return differences("the live topic is not the one that these views were made of: restore another one, or build the views again")
	}
	return nil
}

func (v *adoptVerb) checkedSheet(plan control.AdoptPlan) sheet {
	s := sheet{columns: []string{"plan", "view", "partition", "stored_topic", "live_topic", "store_offset", "log_start", "log_end", "rows_compared", "finding"}}
	var id any
	if plan.ID != uuid.Nil {
		id = plan.ID.String()
	}
	for _, part := range plan.Partitions {
		finding := "ok"
		if part.Wrong != "" {
			finding = part.Wrong
		}
		s.add(id, part.At.Projection, part.At.Partition, part.At.TopicID.String(), plan.Live.String(), part.At.Next, part.From, part.To, part.Compared, finding)
	}
	if v.Output == "table" {
		s.columns = s.columns[1:]
		for i := range s.rows {
			s.rows[i] = s.rows[i][1:]
		}
	}
	return s
}

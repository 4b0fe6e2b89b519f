package cli

import (
	"context"

	"leadlog/ops/control"
)

// holding is the flags of pause and resume.
type holding struct {
	asking
	shown
	partitionsOf

	View   string `arg:"" help:"leads, audit or dedup."`
	Reason string `noenv:"" placeholder:"TEXT" help:"Why, for the ledger."`
}

type pauseVerb struct{ holding }

// Help implements kong.HelpProvider.
func (pauseVerb) Help() string {
	return `Stops a view, or some of its partitions, from being applied: at once, since it is the position in the store that is held. Nothing is lost: the events wait in the log. A pause stays over every restart, until ops resume. Pausing what is paused already does nothing.

Examples:

  ops pause leads --reason "looking into the wrong campaigns"

  ops pause audit --topic phone-submitted:3,7`
}

// Run pauses.
func (v *pauseVerb) Run(ctx context.Context, p *process) error {
	return v.hold(ctx, p, (*control.System).Pause, "paused", "was paused already",
		"from now on nothing is applied there, over restarts too; it goes on with: ops resume "+v.View)
}

type resumeVerb struct{ holding }

// Help implements kong.HelpProvider.
func (resumeVerb) Help() string {
	return `Takes a pause back. The projectors see it within a second, and go on where the view stands. A partition that is stopped is tried again, once its cause is mended; an alarm about something refused is taken back. Resuming anything else does nothing.

Examples:

  ops resume leads

  ops resume audit --topic phone-submitted:3,7 --reason "fixed"`
}

// Run resumes.
func (v *resumeVerb) Run(ctx context.Context, p *process) error {
	return v.hold(ctx, p, (*control.System).Resume, "resumed", "was not paused", "the projectors go on within a second: ops lag")
}

// hold does one of the two, and shows what became of each partition.
func (v *holding) hold(
	ctx context.Context, p *process, do func(*control.System, context.Context, string, control.Partitions, string) ([]control.Held, error),
	changed, same, then string,
) error {
	of, err := v.partitions()
	if err != nil {
		return err
	}
	return v.with(ctx, p, func(ctx context.Context, system *control.System) error {
		held, err := do(system, ctx, v.View, of, v.Reason)
		if err != nil {
			return misused(err)
		}
		s, changes := sheet{columns: []string{"view", "partition", "outcome", "store_offset"}}, false
		for _, h := range held {
			outcome := same
			switch {
			case h.Tried:
				outcome, changes = "tried again", true
			case h.Changed:
				outcome, changes = changed, true
			}
			s.add(v.View, h.Partition, outcome, h.Position)
		}
		if changes {
			p.note("%s", then)
		} else {
			p.note("nothing to do: every partition %s", same)
		}
		return v.show(p.stdout, s)
	})
}

package cli

import (
	"context"

	"leadlog/ops/control"
)

type initVerb struct {
	asking
	shown
}

// Help implements kong.HelpProvider.
func (initVerb) Help() string {
	return `Makes the topics as their contract says, and in each store that is given the tables and indexes of its views, or brings them up to date. It can be run again at any time, and by two at once. A topic that exists is left as it is; when it breaks the contract, the exit code is 3.

Examples:

  KAFKA_BROKERS=k1:9092,k2:9092,k3:9092 DATABASE_URL=postgres://leadlog@db/leadlog REDIS_URL=redis://cache/0 ops init

  ops init --kafka-brokers=localhost:9092 --dev`
}

// Run makes what is not there, and shows what is.
func (v *initVerb) Run(ctx context.Context, p *process) error {
	return v.with(ctx, p, func(ctx context.Context, system *control.System) error {
		made := sheet{columns: []string{"what", "outcome", "detail"}}
		reports, failed := system.Init(ctx, func(m control.Made) { made.add(m.What, string(m.Outcome), blank(m.Detail)) })
		for _, r := range reports {
			made.add("contract of "+r.Topic, contractOf(r), blank(waivedOf(r)))
		}
		if err := v.show(p.stdout, made); err != nil {
			return err
		}
		if failed != nil {
			return failed
		}
		return brokenContract(reports)
	})
}

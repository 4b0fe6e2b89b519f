package cli

import (
	"context"

	"leadlog/ops/control"
)

type lagVerb struct {
	asking
	shown
}

// Help implements kong.HelpProvider.
func (lagVerb) Help() string {
	return `CURRENT-OFFSET is what Kafka's own tools see: a mirror of the position, at most a second old. STORE-OFFSET is the position itself, and LAG counts from it. TIME-LAG is the age of the oldest event that is not applied; in JSON and CSV it is in seconds.

Examples:

  ops lag

  ops lag -o json | jq 'select(.lag > 0)'`
}

// Run shows the lag of each partition.
func (v *lagVerb) Run(ctx context.Context, p *process) error {
	return v.with(ctx, p, func(ctx context.Context, system *control.System) error {
		rows, failed := system.Lag(ctx)
		if failed != nil && rows == nil {
			return failed
		}
		s := sheet{columns: []string{
			"group", "topic", "partition", "current_offset", "log_end_offset", "lag", "store_offset", "time_lag",
		}}
		for _, r := range rows {
			s.add(r.Group, r.Topic, r.Partition, known(r.Committed), r.LogEnd, known(r.Lag), known(r.Store), known(r.TimeLag))
		}
		if err := v.show(p.stdout, s); err != nil {
			return err
		}
		if failed != nil {
			return differences("%s", reason(failed))
		}
		return nil
	})
}

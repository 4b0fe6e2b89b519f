package cli

import (
	"context"

	"leadlog/events/broker"
	"leadlog/ops/control"
)

type topicVerbs struct {
	Check topicCheckVerb `cmd:"" help:"Hold the contract against the live topics."`
}

type topicCheckVerb struct {
	asking
	shown
}

// Help implements kong.HelpProvider.
func (topicCheckVerb) Help() string {
	return `Every rule that an acknowledgement stands on, as the brokers have it now. A rule that is broken makes it exit 3, and keeps the edge and the projectors from working. With --dev, or DEV=1, the rules that one broker can't keep are waived.

Examples:

  ops topic check

  KAFKA_BROKERS=k1:9092 ops topic check -o json | jq 'select(.verdict == "broken")'`
}

// Run shows a row for each rule of each topic.
func (v *topicCheckVerb) Run(ctx context.Context, p *process) error {
	return v.with(ctx, p, func(ctx context.Context, system *control.System) error {
		reports, err := system.CheckTopics(ctx)
		if err != nil {
			return err
		}
		if err := v.show(p.stdout, ruleSheet(reports)); err != nil {
			return err
		}
		return brokenContract(reports)
	})
}

func ruleSheet(reports []broker.Report) sheet {
	s := sheet{columns: []string{"topic", "rule", "want", "got", "verdict", "why"}}
	for _, report := range reports {
		for _, f := range report.Findings {
			s.add(f.Topic, f.Rule, f.Want, f.Got, string(f.Verdict), f.Why)
		}
	}
	return s
}

// brokenContract is the error of a topic that breaks its contract.
func brokenContract(reports []broker.Report) error {
	if err := control.ContractErr(reports); err != nil {
		return differences("the contract is broken: %s", err)
	}
	return nil
}

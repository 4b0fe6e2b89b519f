package control

import (
	"context"
	"errors"

	"leadlog/events/broker"
)

// CheckTopics holds the contract against the live topics. A topic that is not there is a finding, and broken.
func (s *System) CheckTopics(ctx context.Context) ([]broker.Report, error) {
	if err := s.needKafka(); err != nil {
		return nil, err
	}
	var reports []broker.Report
	for _, spec := range broker.Contract() {
		report, err := broker.Check(ctx, s.client, spec, s.cfg.Dev)
		switch {
		case errors.Is(err, broker.ErrNoTopic):
			report = missingTopic(spec)
		case err != nil:
			return nil, s.kafkaError(ctx, "check topic "+spec.Topic, err)
		}
		reports = append(reports, report)
	}
	return reports, nil
}

func missingTopic(spec broker.Spec) broker.Report {
	return broker.Report{Topic: spec.Topic, Findings: []broker.Finding{{
		Topic: spec.Topic, Rule: "topic", Want: "exists", Got: "missing", Verdict: broker.Broken,
		Why: "create it with `ops init`",
	}}}
}

// isMissing says whether a report is about a topic that is not there.
func isMissing(r broker.Report) bool { return r.TopicID == [16]byte{} }

// ContractErr returns what is broken in reports, as one error that names each rule; nil when nothing is.
func ContractErr(reports []broker.Report) error {
	var broken []error
	for _, r := range reports {
		broken = append(broken, r.Err())
	}
	return errors.Join(broken...)
}

package kafkalog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"leadlog/events/broker"
	"leadlog/ops/telemetry"
)

const (
	checkEvery   = 5 * time.Second
	checkTimeout = 4 * time.Second
)

// seen is what the last check found, so that changes are logged, and not states.
type seen struct {
	summary string
	waived  bool
	topicID [16]byte
}

// watch holds the contract against the live topic every 5 s until ctx ends.
func (l *Log) watch(ctx context.Context) {
	ticker := time.NewTicker(checkEvery)
	defer ticker.Stop()
	for {
		l.check(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (l *Log) check(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	report, err := broker.Check(asking, l.client, l.spec, l.cfg.Dev)
	if err == nil {
		err = l.warm(asking)
	}
	switch {
	case ctx.Err() != nil: // the edge ends
	case errors.Is(err, broker.ErrNoTopic):
		l.breaks(err)
		l.report(telemetry.NotReady, "no topic", err.Error())
	case err != nil:
		// Appends go on: the brokers may answer them, and what was last known of the contract still counts.
		l.report(telemetry.NotReady, "no answer", fmt.Sprintf("KAFKA_BROKERS: %v", err))
	default:
		l.judge(report)
	}
}

// warm fetches the producer id, so that the first lead does not wait for it. kgo keeps a definite refusal of it for the
// client's life, and fails every record with it.
func (l *Log) warm(ctx context.Context) error {
	if _, _, err := l.client.ProducerID(ctx); err != nil {
		return fmt.Errorf("get a producer id (after granting WRITE on topic %s, restart): %w", l.cfg.Topic, err)
	}
	return nil
}

// judge turns a report into health, and into whether anything may be appended. Rules that pass by themselves (leaders,
// replicas in sync) stop no append: while they are broken the brokers don't ack, and the outcome tells.
func (l *Log) judge(report broker.Report) {
	l.meet(report)
	l.breaks(lasting(report))
	if err := report.Err(); err != nil {
		l.report(telemetry.NotReady, rules(report.With(broker.Broken)), err.Error())
		return
	}
	if alarms := report.With(broker.Alarm); len(alarms) > 0 {
		l.report(telemetry.Degraded, rules(alarms), alarms[0].String())
		return
	}
	l.report(telemetry.Healthy, "", "")
}

// lasting returns the broken rules that make an ack promise too much, as one error; nil when there is none.
func lasting(report broker.Report) error {
	var broken []error
	for _, f := range report.With(broker.Broken) {
		if !f.Passing {
			broken = append(broken, errors.New(f.String()))
		}
	}
	return errors.Join(broken...)
}

// meet says once what is waived, and takes a topic that was made anew for what it is: kgo refuses to append to another
// topic of the same name until it is told to forget the old one.
func (l *Log) meet(report broker.Report) {
	if waived := report.With(broker.Waived); len(waived) > 0 && !l.seen.waived {
		l.cfg.Log.Warn("NOT replicated: DEV=1 waives rules that keep leads safe, never use it for real ones", "waived", rules(waived))
		l.seen.waived = true
	}
	if old := l.seen.topicID; old != [16]byte{} && old != report.TopicID {
		l.cfg.Log.Error("kafka: the topic was deleted and made anew, its leads are gone from the log", "topic", l.cfg.Topic)
		l.client.PurgeTopicsFromProducing(l.cfg.Topic)
	}
	l.seen.topicID = report.TopicID
}

func (l *Log) breaks(why error) {
	if why == nil {
		l.broken.Store(nil)
		return
	}
	why = fmt.Errorf("%w: %w", ErrNotReady, why)
	l.broken.Store(&why)
}

// report sets the health part, and logs one line when the summary is not what it was.
func (l *Log) report(status telemetry.Status, summary, detail string) {
	l.cfg.Health.Set(PartName, status, detail)
	key := string(status) + ": " + summary
	if key == l.seen.summary {
		return
	}
	l.seen.summary = key
	switch status {
	case telemetry.Healthy:
		l.cfg.Log.Info("kafka: ready, the topic keeps its contract", "topic", l.cfg.Topic)
	case telemetry.Degraded:
		l.cfg.Log.Warn("kafka: ready, but look at the topic", "topic", l.cfg.Topic, "why", detail)
	default:
		l.cfg.Log.Error("kafka: not ready", "topic", l.cfg.Topic, "why", detail)
	}
}

func rules(findings []broker.Finding) string {
	names := make([]string, len(findings))
	for i, f := range findings {
		names[i] = f.Rule
	}
	return strings.Join(names, ", ")
}

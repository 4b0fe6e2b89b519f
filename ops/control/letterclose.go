package control

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
)

// CloseLetter closes a dead letter, by its key or its number, of a record that will never be applied: the projectors close
// those that are. The record stays in the log; should a view come by again, it is parked again.
func (s *System) CloseLetter(ctx context.Context, keyOrNumber, reason string) (Letter, error) {
	l, err := s.Letter(ctx, keyOrNumber)
	if err != nil {
		return l, err
	}
	client, err := s.newClient(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.RecordDeliveryTimeout(retryKafka))
	if err != nil {
		return l, err
	}
	defer client.Close()
	return l, s.record(ctx, Change{Verb: "dlq close", View: l.Projection, Reason: reason}, func(ctx context.Context) (map[string]any, error) {
		tombstone := &kgo.Record{Topic: events.DeadLetterTopic, Partition: l.dlqPartition, Key: []byte(l.Key)}
		if err := client.ProduceSync(ctx, tombstone).FirstErr(); err != nil {
			return nil, s.kafkaError(ctx, "close the dead letter", err)
		}
		return map[string]any{"letter": l.Key}, nil
	})
}

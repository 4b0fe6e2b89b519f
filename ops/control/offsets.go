package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"leadlog/events/broker"
)

// span is a stretch of a partition: from its first offset to the one behind its last.
type span struct{ from, to int64 }

func (s span) empty() bool { return s.from >= s.to }

// spans are stretches by partition.
type spans map[int32]span

// bounds returns all that a topic holds now.
func (s *System) bounds(ctx context.Context, topic string) (spans, error) {
	if err := s.needKafka(); err != nil {
		return nil, err
	}
	starts, err := s.admin.ListStartOffsets(ctx, topic)
	if err != nil {
		return nil, s.kafkaError(ctx, "first offsets of "+topic, err)
	}
	ends, err := s.admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, s.kafkaError(ctx, "last offsets of "+topic, err)
	}
	from, err := s.offsetsOf(ctx, starts, topic)
	if err != nil {
		return nil, err
	}
	to, err := s.offsetsOf(ctx, ends, topic)
	if err != nil {
		return nil, err
	}
	all := make(spans, len(to))
	for p := range to {
		all[p] = span{from[p], to[p]}
	}
	return all, nil
}

// since narrows spans to the records stamped at a time or later.
func (s *System) since(ctx context.Context, topic string, all spans, t time.Time) (spans, error) {
	listed, err := s.admin.ListOffsetsAfterMilli(ctx, t.UnixMilli(), topic)
	if err != nil {
		return nil, s.kafkaError(ctx, "offsets of "+topic+" by time", err)
	}
	from, err := s.offsetsOf(ctx, listed, topic)
	if err != nil {
		return nil, err
	}
	later := make(spans, len(all))
	for p, whole := range all {
		later[p] = span{max(whole.from, from[p]), whole.to}
	}
	return later, nil
}

// offsetsOf returns one offset for each partition. A topic that is not there is an error.
func (s *System) offsetsOf(ctx context.Context, listed kadm.ListedOffsets, topic string) (map[int32]int64, error) {
	offsets := make(map[int32]int64, len(listed[topic]))
	for p, o := range listed[topic] {
		if errors.Is(o.Err, kerr.UnknownTopicOrPartition) {
			return nil, s.kafkaError(ctx, "topic "+topic, broker.ErrNoTopic)
		}
		if o.Err != nil {
			return nil, s.kafkaError(ctx, fmt.Sprintf("offsets of %s, partition %d", topic, p), o.Err)
		}
		offsets[p] = o.Offset
	}
	return offsets, nil
}

package broker

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
)

// FromKafka returns a record as the pure code knows it. The bytes are shared, not copied.
func FromKafka(r *kgo.Record) events.Record {
	headers := make([]events.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = events.Header{Key: h.Key, Value: h.Value}
	}
	return events.Record{
		Key: r.Key, Value: r.Value, Headers: headers,
		Partition: r.Partition, Offset: r.Offset, Epoch: r.LeaderEpoch, Time: r.Timestamp,
	}
}

// ToKafka returns a record to append to a topic, with its partition set: use it with kgo.ManualPartitioner.
func ToKafka(topic string, r *events.Record) *kgo.Record {
	headers := make([]kgo.RecordHeader, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = kgo.RecordHeader{Key: h.Key, Value: h.Value}
	}
	return &kgo.Record{Topic: topic, Partition: r.Partition, Key: r.Key, Value: r.Value, Headers: headers}
}

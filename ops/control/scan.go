package control

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// visit is what a scan does with a record, and answers how to go on.
type visit func(*kgo.Record) onward

type onward int

const (
	more          onward = iota
	nextPartition        // nothing more of this partition
	enough               // nothing more at all
)

// firstBytes is how much of a partition is fetched when one record of it is wanted.
const firstBytes = 16 << 10

// scan reads spans of a topic, each partition in offset order, until all are read or the visitor has enough. It never
// waits for records to come: a span ends at an offset that has been written. (The last record of a log is never compacted
// away, since nothing after it can have its key.)
func (s *System) scan(ctx context.Context, topic string, wanted spans, do visit, opts ...kgo.Opt) error {
	left := make(spans, len(wanted))
	from := make(map[int32]kgo.Offset, len(wanted))
	for p, w := range wanted {
		if !w.empty() {
			left[p], from[p] = w, kgo.NewOffset().At(w.from)
		}
	}
	if len(left) == 0 {
		return nil
	}
	client, err := s.newClient(append([]kgo.Opt{
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()), // an offset that is not there is an error, never another one
		kgo.FetchMaxWait(250 * time.Millisecond),
	}, opts...)...)
	if err != nil {
		return err
	}
	defer client.CloseAllowingRebalance()
	for len(left) > 0 {
		fetches := client.PollRecords(ctx, 10_000)
		if ctx.Err() != nil {
			return s.kafkaError(ctx, "read "+topic, ctx.Err())
		}
		var failed error
		fetches.EachPartition(func(f kgo.FetchTopicPartition) {
			if f.Err != nil && !kerr.IsRetriable(f.Err) {
				failed = f.Err
			}
			left.visit(f.Partition, f.Records, do)
			if _, reading := left[f.Partition]; !reading {
				client.PauseFetchPartitions(map[string][]int32{topic: {f.Partition}})
			}
		})
		if failed != nil {
			return s.kafkaError(ctx, "read "+topic, failed)
		}
	}
	return nil
}

// visit shows what was fetched of a partition, and takes off what need not be read any more.
func (left spans) visit(partition int32, records []*kgo.Record, do visit) {
	for _, r := range records {
		want, reading := left[partition]
		if !reading {
			return
		}
		next := nextPartition
		if r.Offset < want.to {
			next = do(r)
		}
		switch {
		case next == enough:
			clear(left)
		case next == nextPartition, r.Offset+1 >= want.to:
			delete(left, partition)
		}
	}
}

// first returns the first record of each span that holds one.
func (s *System) first(ctx context.Context, topic string, wanted spans) (map[int32]*kgo.Record, error) {
	found := make(map[int32]*kgo.Record, len(wanted))
	err := s.scan(ctx, topic, wanted, func(r *kgo.Record) onward {
		found[r.Partition] = r
		return nextPartition
	}, kgo.FetchMaxPartitionBytes(firstBytes))
	return found, err
}

// at returns the record at one offset of the main topic, or nil when it is gone: compacted away behind a tombstone.
func (s *System) at(ctx context.Context, topic string, partition int32, offset int64) (*kgo.Record, error) {
	found, err := s.first(ctx, topic, spans{partition: {offset, offset + 1}})
	return found[partition], err
}

package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"golang.org/x/sync/errgroup"

	"leadlog/events"
	"leadlog/projectors/runner"
)

// Unknown stands for an offset or a lag that nobody has.
const Unknown int64 = -1

// PartitionLag is how far one view is in one partition. An offset that there is none of is Unknown.
type PartitionLag struct {
	Group     string
	Topic     string
	Partition int32
	Committed int64         // the mirror of the position, for everybody's lag tools
	LogEnd    int64         // where the next record will be
	Lag       int64         // records between the store's offset and the log's end
	Store     int64         // the position: the first offset that the view has not applied
	TimeLag   time.Duration // age of the oldest record that is not applied; 0 when there is none, Unknown without a position
}

// Lag returns how far each view is in each partition, in the order of the catalog and of partitions. The lag counts from
// the store's offset: it decides, and the committed one only repeats it.
//
// A store that does not answer leaves its view's rows Unknown, and the error names it; the rows are good all the same.
func (s *System) Lag(ctx context.Context) ([]PartitionLag, error) {
	topic, err := s.bounds(ctx, events.Topic)
	if err != nil {
		return nil, err
	}
	views := s.progresses(ctx)
	rows, errs := make([][]PartitionLag, len(views)), make([]error, len(views))
	var group errgroup.Group
	for i, p := range views {
		group.Go(func() error {
			rows[i], errs[i] = s.lagOf(ctx, topic, p)
			return nil
		})
	}
	_ = group.Wait()
	var all []PartitionLag
	for i, p := range views {
		all = append(all, rows[i]...)
		if errs[i] != nil {
			errs[i] = fmt.Errorf("%s: %w", p.entry.Name, errs[i])
		}
	}
	return all, errors.Join(errs...)
}

func (s *System) lagOf(ctx context.Context, topic spans, p progress) ([]PartitionLag, error) {
	group := runner.Group(p.entry.Name)
	committed, err := s.admin.FetchOffsetsForTopics(ctx, group, events.Topic)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) { // nobody has ever joined it
		return nil, s.kafkaError(ctx, "offsets of group "+group, err)
	}
	var waits map[int32]time.Time
	if p.err == nil {
		if waits, err = s.waits(ctx, topic, p); err != nil {
			return nil, err
		}
	}
	rows := make([]PartitionLag, 0, len(topic))
	for partition := range int32(len(topic)) {
		row := PartitionLag{
			Group: group, Topic: events.Topic, Partition: partition, LogEnd: topic[partition].to,
			Committed: committedAt(committed, partition), Lag: Unknown, Store: Unknown, TimeLag: time.Duration(Unknown),
		}
		if at, ok := p.positions[partition]; ok {
			row.Store, row.Lag, row.TimeLag = at.Next, max(row.LogEnd-at.Next, 0), ageOf(waits, partition)
		}
		rows = append(rows, row)
	}
	return rows, p.err
}

func committedAt(committed kadm.OffsetResponses, partition int32) int64 {
	if o, ok := committed.Lookup(events.Topic, partition); ok && o.Err == nil && o.At >= 0 {
		return o.At
	}
	return Unknown
}

// ageOf is how long something has been waiting in a partition. Clocks differ: it is never below 0.
func ageOf(waits map[int32]time.Time, partition int32) time.Duration {
	if since, waiting := waits[partition]; waiting {
		return max(time.Since(since), 0)
	}
	return 0
}

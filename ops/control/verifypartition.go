package control

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/projectors/view"
)

const (
	// readBytes is how much of a partition is fetched at once when all of it is wanted.
	readBytes = 8 << 20
	// tellEvery is after how many records, or rows, it is looked whether progress is to be shown.
	tellEvery = 4096
)

// partitionCheck compares one partition of a view with the log.
type partitionCheck struct {
	*viewCheck
	partition int32
	span
	forgets bool      // openers whose windows are long over
	stage   Stage     // that records are counted for
	oldest  time.Time // rows before it may be there or not

	logged, stored, openers sums
	events, rows            int64
}

// partition compares one partition: sums first, and rows where they differ. When T has stepped back too far, it begins
// again and remembers every opener.
func (c *viewCheck) partition(ctx context.Context, partition int32) error {
	p := &partitionCheck{viewCheck: c, partition: partition, span: c.bounds[partition], forgets: true, stage: Reading}
	erased, err := p.sum(ctx)
	if errors.Is(err, errSteppedBack) {
		p.forgets = false
		p.note("partition %d: T goes back by more than a day; every opener is kept in memory", partition)
		erased, err = p.sum(ctx)
	}
	if err != nil {
		return fmt.Errorf("partition %d: %w", partition, err)
	}
	c.mu.Lock()
	c.verified.Events += p.events
	c.verified.Rows += p.rows
	c.openers[partition] = p.openers
	c.mu.Unlock()
	buckets, err := p.withForgotten(ctx, p.logged.differing(p.stored), erased)
	if err == nil && len(buckets) > 0 {
		err = p.compareRows(ctx, buckets, erased)
	}
	if err != nil {
		return fmt.Errorf("partition %d: %w", partition, err)
	}
	return nil
}

// forgetAtOnce is how many erased records the view is asked for in one round trip.
const forgetAtOnce = 1000

// withForgotten adds the buckets in which the view holds records that it should have forgotten. Sums can't show them: when
// the log was read, a record counted before its tombstone came.
func (p *partitionCheck) withForgotten(ctx context.Context, buckets []int64, erased map[uuid.UUID]int64) ([]int64, error) {
	for records := range slices.Chunk(slices.Collect(maps.Keys(erased)), forgetAtOnce) {
		for row, err := range p.derived.Held(ctx, records) {
			if err != nil {
				return nil, err
			}
			if row.Partition == p.partition && row.Offset < erased[row.RecordID] {
				buckets = append(buckets, bucketOf(row.Offset))
			}
		}
	}
	slices.Sort(buckets)
	return slices.Compact(buckets), nil
}

func (c *viewCheck) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.verified.Notes = append(c.verified.Notes, fmt.Sprintf(format, args...))
}

// sum reads the log and the view at the same time, and adds both up by buckets. It returns the tombstones that it met.
func (p *partitionCheck) sum(ctx context.Context) (map[uuid.UUID]int64, error) {
	p.logged, p.stored, p.openers = newSums(p.to), newSums(p.to), newSums(p.to)
	p.events, p.rows, p.oldest = 0, 0, p.oldestKept()
	f := newFold(p.forgets, make(map[uuid.UUID]int64))
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.sumRows(ctx) })
	group.Go(func() error {
		hash := hasher{seeds: p.seeds}
		return p.foldLog(ctx, f, p.to, func(row *view.Row, _ *events.Event) error {
			a, b := hash.of(row.RecordID, row.Offset, row.Text)
			p.logged.add(row.Offset, a, b)
			return nil
		})
	})
	return f.erased, group.Wait()
}

// sumRows adds up what the view holds.
func (p *partitionCheck) sumRows(ctx context.Context) error {
	hash := hasher{seeds: p.seeds}
	for row, err := range p.view.Rows(ctx, p.partition, math.MinInt64, p.to) {
		if err != nil {
			return err
		}
		p.rows++
		if !row.Time.Before(p.oldest) {
			a, b := hash.of(row.RecordID, row.Offset, row.Text)
			p.stored.add(row.Offset, a, b)
		}
		if row.Opener && !row.Time.Before(p.what.expired) {
			a, b := hash.of(row.RecordID, row.Offset, "")
			p.openers.add(row.Offset, a, b)
		}
	}
	return nil
}

// foldLog reads the log from its start, judges each event, and shows the rows that the view must hold.
func (p *partitionCheck) foldLog(ctx context.Context, f *fold, to int64, show func(*view.Row, *events.Event) error) error {
	holes := p.holes[p.partition]
	var failed error
	var read int64
	err := p.scan(ctx, p.what.topic(), spans{p.partition: {p.from, to}}, func(r *kgo.Record) onward {
		if read++; read%tellEvery == 0 {
			p.tell(p.stage, tellEvery)
		}
		if inHole(holes, r.Offset) && r.Value != nil { // a tombstone erases, wherever it stands
			return more
		}
		if failed = p.step(f, r, show); failed != nil {
			return enough
		}
		return more
	}, kgo.FetchMaxPartitionBytes(readBytes))
	p.events = read
	if failed != nil {
		return failed
	}
	return err
}

// step judges one record. What can't be decoded is in no view.
func (p *partitionCheck) step(f *fold, r *kgo.Record, show func(*view.Row, *events.Event) error) error {
	plain := broker.FromKafka(r)
	e, err := events.Decode(&plain)
	if err != nil {
		return nil //nolint:nilerr // poison: a dead letter, and no row
	}
	if e.Tombstone {
		f.bury(e.RecordID, e.Offset)
		return nil
	}
	duplicate, err := f.judge(&e)
	if err != nil || e.Time.Before(p.oldest) || f.gone(&e) {
		return err
	}
	row, holds := p.derived.Derive(&e, duplicate)
	if !holds {
		return nil
	}
	return show(&row, &e)
}

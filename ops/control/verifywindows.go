package control

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/projectors/dedup"
	"leadlog/projectors/view"
)

// closing is how near to its end, or past it, a window is passed over: clocks differ, and keys go by Redis's.
const closing = time.Minute

// openWindow is a window that is open now, and the key dedup:phone:{phone} must say so.
type openWindow struct {
	partition int32
	offset    int64
	opened    int64 // T in Unix ms
	event     uuid.UUID
	record    uuid.UUID
}

// value is what the key must hold.
func (w openWindow) value() string { return fmt.Sprintf("o|%s|%d", w.event, w.opened) }

// windowCheck compares dedup with the log. Its view has no rows of the past: only windows that are open now.
type windowCheck struct {
	*viewCheck
	client *redis.Client
	began  time.Time

	open map[string]openWindow // by phone
	// unsure are the phones whose window depends on what was before the fold began: it is never more than 24 hours since
	// they were last seen. With the T of when that was.
	unsure map[uint64]int64
}

// verifyWindows compares the windows that are open.
func (s *System) verifyWindows(ctx context.Context, v view.View, what Verification) Verified {
	c := &windowCheck{viewCheck: s.newCheck(v, what), began: time.Now(), open: make(map[string]openWindow), unsure: make(map[uint64]int64)}
	err := fmt.Errorf("view %s folds in place, and nothing is known of how", v.Name())
	if c.name == dedup.Name {
		err = c.run(ctx)
	}
	if err != nil {
		c.verified.Err = withCause(ctx, err)
	}
	c.verified.Took = time.Since(c.began)
	slices.SortStableFunc(c.verified.Differences, byPlace)
	c.verified.Differences = c.verified.Differences[:min(len(c.verified.Differences), what.Limit)]
	return c.verified
}

func (c *windowCheck) run(ctx context.Context) error {
	var err error
	if c.client, err = c.stores.Redis(); err != nil {
		return err
	}
	positions, err := c.prepare(ctx)
	if err != nil {
		return err
	}
	young, err := c.since(ctx, c.what.topic(), c.bounds, c.began.Add(-dedup.Reach))
	if err != nil {
		return err
	}
	c.all = young.records()
	c.tell(Reading, 0)
	for _, partition := range slices.Sorted(maps.Keys(young)) {
		if err := c.fold(ctx, partition, young[partition]); err != nil {
			return fmt.Errorf("partition %d: %w", partition, err)
		}
	}
	c.tell(Comparing, 0)
	if err := c.compareKeys(ctx); err != nil {
		return err
	}
	return unmoved(ctx, c.view, c.what.topic(), positions, c.bounds, c.verified.Count() > 0)
}

// fold reads a partition, from the reach of the view on, for the windows that are open.
func (c *windowCheck) fold(ctx context.Context, partition int32, stretch span) error {
	partial := stretch.from > c.start(partition)
	err := c.foldOnce(ctx, partition, stretch, partial, newFold(true, make(map[uuid.UUID]int64)))
	if errors.Is(err, errSteppedBack) {
		c.note("partition %d: T goes back by more than a day; every opener is kept in memory", partition)
		err = c.foldOnce(ctx, partition, stretch, partial, newFold(false, make(map[uuid.UUID]int64)))
	}
	return err
}

func (c *windowCheck) start(partition int32) int64 { return c.bounds[partition].from }

func (c *windowCheck) foldOnce(ctx context.Context, partition int32, stretch span, partial bool, f *fold) error {
	holes := c.holes[partition]
	var first, read int64
	var failed error
	err := c.scan(ctx, c.what.topic(), spans{partition: stretch}, func(r *kgo.Record) onward {
		if read++; read%tellEvery == 0 {
			c.tell(Reading, tellEvery)
		}
		if inHole(holes, r.Offset) && r.Value != nil {
			return more
		}
		plain := broker.FromKafka(r)
		e, err := events.Decode(&plain)
		switch {
		case err != nil:
			return more // poison
		case e.Tombstone:
			f.bury(e.RecordID, e.Offset)
			return more
		case partial:
			first = orTime(first, e.Time)
			c.doubt(&e, first)
		}
		if failed = c.judge(f, &e); failed != nil {
			return enough
		}
		return more
	}, kgo.FetchMaxPartitionBytes(readBytes))
	if failed != nil {
		return failed
	}
	c.verified.Events += read
	maps.DeleteFunc(c.open, func(_ string, w openWindow) bool { return f.erased[w.record] > w.offset })
	return err
}

func orTime(ms int64, t time.Time) int64 {
	if ms == 0 {
		return t.UnixMilli()
	}
	return ms
}

// doubt notes a phone that was seen within 24 h of the first event that was read, or of its own last one that is in doubt:
// what came before that may have opened its window.
func (c *windowCheck) doubt(e *events.Event, first int64) {
	key, t, day := phoneKey(e.Phone), e.Time.UnixMilli(), events.WindowLength.Milliseconds()
	last, doubted := c.unsure[key]
	switch {
	case t < first+day, doubted && t < last+day:
		c.unsure[key] = t
	case doubted:
		delete(c.unsure, key)
	}
}

// judge notes the window of an opener when it is open now.
func (c *windowCheck) judge(f *fold, e *events.Event) error {
	duplicate, err := f.judge(e)
	if err != nil || duplicate {
		return err
	}
	if e.Time.Add(events.WindowLength).Before(c.began) {
		delete(c.open, e.Phone) // T went back: the last opener counts
		return nil
	}
	c.open[strings.Clone(e.Phone)] = openWindow{e.Partition, e.Offset, e.Time.UnixMilli(), e.EventID, e.RecordID}
	return nil
}

// isClosing says whether a window ends about now, or has just ended.
func (c *windowCheck) isClosing(opened int64) bool {
	end := time.UnixMilli(opened).Add(events.WindowLength)
	return end.Before(time.Now().Add(closing)) && end.After(c.began.Add(-closing))
}

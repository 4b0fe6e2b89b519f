package control

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"leadlog/events"
	"leadlog/projectors/audit"
	"leadlog/projectors/view"
)

// viewCheck compares one view with the log, up to one fixed end in each partition.
type viewCheck struct {
	*System
	view    view.View
	derived view.Derived
	what    Verification
	name    string // of the projection, without a draft's version
	seeds   seeds

	bounds spans
	holes  map[int32][]view.Hole

	mu       sync.Mutex
	verified Verified
	openers  map[int32]sums     // of the rows whose events opened windows, and are young enough to be in every view
	twice    map[uuid.UUID]bool // record keys that were used twice
	done     int64              // records, of all that there are to read
	all      int64
	told     time.Time
}

func (s *System) newCheck(v view.View, what Verification) *viewCheck {
	return &viewCheck{
		System: s, view: v, derived: v.Derived(), what: what, name: view.Base(v.Name()), seeds: what.seeds,
		verified: Verified{View: v.Name(), Lowest: make(map[int32]int64)}, openers: make(map[int32]sums),
	}
}

// read says whether the view was compared to its end.
func (c *viewCheck) read() bool { return c != nil && c.verified.Err == nil }

func (c *viewCheck) run(ctx context.Context) Verified {
	began := time.Now()
	if err := c.compare(ctx); err != nil {
		c.verified.Err = withCause(ctx, err)
	}
	c.verified.Took = time.Since(began)
	slices.SortStableFunc(c.verified.Differences, byPlace)
	c.verified.Differences = c.verified.Differences[:min(len(c.verified.Differences), c.what.Limit)]
	return c.verified
}

func (c *viewCheck) compare(ctx context.Context) error {
	positions, err := c.prepare(ctx)
	if err != nil {
		return err
	}
	if err := c.beyond(ctx); err != nil {
		return err
	}
	c.all = c.bounds.records()
	c.tell(Reading, 0)
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, partition := range slices.Sorted(maps.Keys(c.bounds)) {
		group.Go(func() error { return c.partition(inner, partition) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := c.tellTwice(ctx); err != nil {
		return err
	}
	return unmoved(ctx, c.view, c.what.topic(), positions, c.bounds, c.verified.Count() > 0)
}

// prepare reads the positions before anything else: what is below them is final, but for what is erased, expires, or is
// rewound.
func (c *viewCheck) prepare(ctx context.Context) ([]view.Position, error) {
	positions, err := c.view.Positions(ctx, c.what.topic())
	if err != nil {
		return nil, err
	}
	if c.bounds, err = c.stretches(ctx, c.what, positions); err != nil {
		return nil, err
	}
	if c.holes, err = holesOf(ctx, c.view, c.what.topic()); err != nil {
		return nil, err
	}
	c.verified.Partitions = len(c.bounds)
	c.verified.Notes, err = heldNotes(ctx, c.view, c.what.topic(), positions, c.bounds)
	return positions, err
}

// tell counts records that were read, and says so now and then.
func (c *viewCheck) tell(stage Stage, read int64) {
	c.mu.Lock()
	c.done += read
	quiet := read != 0 && time.Since(c.told) < progressEvery
	if !quiet {
		c.told = time.Now()
	}
	done, all := c.done, c.all
	c.mu.Unlock()
	if !quiet {
		c.what.Progress(VerifyProgress{View: c.view.Name(), Stage: stage, Done: done, All: all})
	}
}

// oldestKept is the T from which on rows are compared: audit keeps what is 90 days old no longer, and what is before that may
// be there or not.
func (c *viewCheck) oldestKept() (t time.Time) {
	if c.name == audit.Name {
		t = expiring()
	}
	return t
}

// expiring is the T of what audit may forget within the next hour.
func expiring() time.Time { return time.Now().Add(time.Hour - auditRetention) }

// records is how many records spans hold at most.
func (left spans) records() (n int64) {
	for _, stretch := range left {
		n += max(stretch.to-stretch.from, 0)
	}
	return n
}

func holesOf(ctx context.Context, v view.View, topic string) (map[int32][]view.Hole, error) {
	listed, err := v.Holes(ctx, topic)
	if err != nil {
		return nil, err
	}
	holes := make(map[int32][]view.Hole)
	for _, h := range listed {
		holes[h.Partition] = append(holes[h.Partition], h)
	}
	return holes, nil
}

// inHole says whether an offset was passed over. The view has nothing of what is there, and nothing of its doing.
func inHole(holes []view.Hole, offset int64) bool {
	return slices.ContainsFunc(holes, func(h view.Hole) bool { return h.Holds(offset) })
}

// heldNotes says which partitions do not go on: they are compared up to where they stand.
func heldNotes(ctx context.Context, v view.View, topic string, positions []view.Position, bounds spans) ([]string, error) {
	alarms, err := v.Alarms(ctx, topic)
	if err != nil {
		return nil, err
	}
	var notes []string
	for _, p := range positions {
		if _, asked := bounds[p.Partition]; !asked {
			continue
		}
		if p.Hold {
			notes = append(notes, fmt.Sprintf("partition %d is paused: verified up to its position %d", p.Partition, p.Next))
		}
		if alarm, ok := alarms[p.Partition]; ok && alarm.Stops() {
			notes = append(notes, fmt.Sprintf("partition %d is stopped: verified up to its position %d", p.Partition, p.Next))
		}
	}
	return notes, nil
}

// unmoved returns ErrRewoundMeanwhile when rows may have gone that were compared: a position is back behind the end, or was
// moved by hand and there are differences. Claims alone move nothing.
func unmoved(ctx context.Context, v view.View, topic string, before []view.Position, bounds spans, differs bool) error {
	positions, err := v.Positions(ctx, topic)
	if err != nil {
		return err
	}
	now := byPartition(positions)
	for _, was := range before {
		if _, asked := bounds[was.Partition]; !asked {
			continue
		}
		is, there := now[was.Partition]
		if !there || is.Generation != was.Generation && (is.Next < was.Next || differs && (is.Cause != was.Cause || rewinding(is))) {
			return fmt.Errorf("partition %d %w", was.Partition, ErrRewoundMeanwhile)
		}
	}
	return nil
}

// stretches returns from where to where each partition is compared: from the log's start to the view's position. An error
// names the partition that can't be.
func (s *System) stretches(ctx context.Context, what Verification, positions []view.Position) (spans, error) {
	all, err := s.bounds(ctx, what.topic())
	if err != nil {
		return nil, err
	}
	topics, err := s.admin.ListTopics(ctx, what.topic())
	if err != nil {
		return nil, s.kafkaError(ctx, "topic "+what.topic(), err)
	}
	for _, partition := range what.Partitions.Numbers {
		if _, ok := all[partition]; !ok {
			return nil, fmt.Errorf("topic %s has no partition %d: its partitions are 0 to %d", what.topic(), partition, len(all)-1)
		}
	}
	at := byPartition(positions)
	wanted := make(spans)
	for partition, whole := range all {
		if !what.Partitions.has(partition) || partition >= events.Partitions && whole.empty() {
			continue
		}
		p, ok := at[partition]
		if !ok {
			return nil, fmt.Errorf("partition %d %w", partition, ErrNoPosition)
		}
		if err := fits(p, whole, uuid.UUID(topics[what.topic()].ID)); err != nil {
			return nil, err
		}
		wanted[partition] = span{whole.from, p.Next}
	}
	return wanted, nil
}

// fits refuses a position up to which nothing can be compared.
func fits(p view.Position, log span, live uuid.UUID) error {
	switch {
	case rewinding(p):
		return underWay(p)
	case p.Next > log.to:
		return fmt.Errorf("partition %d: the position %d is past the log's end %d", p.Partition, p.Next, log.to)
	}
	return sameTopic([]view.Position{p}, live)
}

func byPartition(positions []view.Position) map[int32]view.Position {
	at := make(map[int32]view.Position, len(positions))
	for _, p := range positions {
		at[p.Partition] = p
	}
	return at
}

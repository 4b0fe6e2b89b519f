package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/ops/telemetry"
	"leadlog/projectors/catalog"
	"leadlog/projectors/runner"
	"leadlog/projectors/view"
)

// feedConnections bounds what a feed may hold open to PostgreSQL: workers, months, and the swap beside them.
const feedConnections = 16

// feedEvery is how often a feed's positions are read.
const feedEvery = 100 * time.Millisecond

// errNoProgress is returned when a version that is being built stands still for a reason that no waiting mends.
var errNoProgress = errors.New("the new version can't be built")

// feed fills a version that nobody reads, in this process, until it is stopped. What it has done stays.
type feed struct {
	view   view.View
	stores *catalog.Stores
	cancel context.CancelFunc
	ended  chan error
}

func (s *System) startFeed(ctx context.Context, e catalog.Entry, version int) (*feed, error) {
	f := &feed{
		stores: &catalog.Stores{URLs: s.cfg.URLs, Application: clientID, Connections: feedConnections},
		ended:  make(chan error, 1),
	}
	var err error
	if f.view, err = e.Versions.Open(ctx, f.stores, version); err != nil {
		f.stores.Close()
		return nil, fmt.Errorf("make version %d of %s: %w", version, e.Name, withCause(ctx, err))
	}
	if err := f.forgive(ctx); err != nil {
		f.stores.Close()
		return nil, withCause(ctx, err)
	}
	r, err := runner.New(runner.Config{
		View: f.view, Broker: broker.Config{Brokers: s.cfg.Brokers, Dev: s.cfg.Dev},
		Health: telemetry.NewHealth(), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		f.stores.Close()
		return nil, err
	}
	ctx, f.cancel = context.WithCancel(ctx)
	go func() { f.ended <- r.Feed(ctx) }()
	return f, nil
}

// forgive takes back the alarms of an earlier feed of this version: what stopped it may be mended, or skipped, and whatever is
// not stops this one too.
func (f *feed) forgive(ctx context.Context) error {
	alarms, err := f.view.Alarms(ctx, events.Topic)
	if err != nil {
		return err
	}
	for partition := range alarms {
		stream := view.Stream{Projection: f.view.Name(), Topic: events.Topic, Partition: partition}
		if err := f.view.Alarm(ctx, stream, ""); err != nil {
			return err
		}
	}
	return nil
}

// stop ends the feed, and returns when nothing writes any more. It may be called again.
func (f *feed) stop() error {
	if f == nil || f.cancel == nil {
		return nil
	}
	f.cancel()
	f.cancel = nil
	err := <-f.ended
	f.stores.Close()
	return err
}

// positions returns how far the feed is, and fails when a partition of it is stopped.
func (f *feed) positions(ctx context.Context) (map[int32]view.Position, error) {
	alarms, err := f.view.Alarms(ctx, events.Topic)
	if err != nil {
		return nil, err
	}
	for partition, stopped := range alarms {
		return nil, fmt.Errorf("%w: partition %d: %s", errNoProgress, partition, stopped.Reason)
	}
	listed, err := f.view.Positions(ctx, events.Topic)
	if err != nil {
		return nil, err
	}
	positions := make(map[int32]view.Position, len(listed))
	for _, at := range listed {
		positions[at.Partition] = at
	}
	return positions, nil
}

// reach waits until the feed has come to every one of some offsets. seen is called with each look at the positions.
func (f *feed) reach(ctx context.Context, upTo map[int32]int64, seen func(map[int32]view.Position)) error {
	tick := time.NewTicker(feedEvery)
	defer tick.Stop()
	for {
		positions, err := f.positions(ctx)
		switch {
		case errors.Is(err, view.ErrStoreDown) && ctx.Err() == nil: // it will be back, and the feed waits too
		case err != nil:
			return withCause(ctx, err)
		default:
			seen(positions)
			if there(positions, upTo) {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// respectsHoles refuses a version that has rows in a hole: it came past there before somebody skipped it. Of the active
// version nobody can skip anything meanwhile: its positions are locked, or held.
func (f *feed) respectsHoles(ctx context.Context) error {
	holes, err := f.view.Holes(ctx, events.Topic)
	if err != nil {
		return err
	}
	for _, h := range holes {
		rows, _, err := f.view.Derived().Count(ctx, h.Partition, h.From, h.To, 1)
		if err != nil {
			return err
		}
		if rows > 0 {
			return fmt.Errorf("%w: offsets %d to %d of partition %d were skipped after it was built; rebuild once more",
				ErrPlanStale, h.From, h.To-1, h.Partition)
		}
	}
	return nil
}

// passOver takes a version that is being built back to before every hole in which it has rows, so that it comes past there
// once more, and leaves them out.
func (f *feed) passOver(ctx context.Context) error {
	holes, err := f.view.Holes(ctx, events.Topic)
	if err != nil {
		return err
	}
	for _, h := range holes {
		rows, _, err := f.view.Derived().Count(ctx, h.Partition, h.From, h.To, 1)
		if err == nil && rows > 0 {
			err = f.backTo(ctx, h)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// backTo rewinds one partition to the beginning of a hole, however often its worker claims it meanwhile.
func (f *feed) backTo(ctx context.Context, h view.Hole) error {
	for {
		positions, err := f.positions(ctx)
		if err != nil {
			return err
		}
		at, begun := positions[h.Partition]
		if !begun || at.Next <= h.From {
			return nil
		}
		if _, _, err = f.view.Rewind(ctx, at, h.From, h.Cause); !errors.Is(err, view.ErrFenced) {
			return err
		}
	}
}

func there(positions map[int32]view.Position, upTo map[int32]int64) bool {
	for partition, next := range upTo {
		if at, begun := positions[partition]; !begun || at.Next < next {
			return false
		}
	}
	return true
}

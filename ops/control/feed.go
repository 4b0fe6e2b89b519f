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

func there(positions map[int32]view.Position, upTo map[int32]int64) bool {
	for partition, next := range upTo {
		if at, begun := positions[partition]; !begun || at.Next < next {
			return false
		}
	}
	return true
}

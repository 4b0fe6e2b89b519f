package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"leadlog/events"
	"leadlog/projectors/catalog"
	"leadlog/projectors/view"
)

// askTimeout is how long one store may take to say how far it is. A store that is away must not make the others wait.
const askTimeout = 3 * time.Second

// progress is what a view's store says of it.
type progress struct {
	entry     catalog.Entry
	positions map[int32]view.Position
	alarms    map[int32]view.Stopped
	holes     []view.Hole
	others    []view.Version // only where asked for
	err       error          // why the store did not say
}

// progresses asks every store that is given, all at once.
func (s *System) progresses(ctx context.Context) []progress {
	entries := s.Entries()
	all := make([]progress, len(entries))
	var group errgroup.Group
	for i, e := range entries {
		group.Go(func() error {
			all[i] = s.progress(ctx, e)
			return nil
		})
	}
	_ = group.Wait() // a store that is away is a finding
	return all
}

func (s *System) progress(ctx context.Context, e catalog.Entry) progress {
	ctx, cancel := context.WithTimeoutCause(ctx, askTimeout, fmt.Errorf("no answer within %s", askTimeout))
	defer cancel()
	p := progress{entry: e}
	v, err := s.open(ctx, e)
	if err != nil {
		p.err = err
		return p
	}
	positions, err := v.Positions(ctx, events.Topic)
	if err == nil {
		p.alarms, err = v.Alarms(ctx, events.Topic)
	}
	if err == nil {
		p.holes, err = v.Holes(ctx, events.Topic)
	}
	if err != nil {
		p.err = withCause(ctx, err)
		return p
	}
	p.positions = make(map[int32]view.Position, len(positions))
	for _, at := range positions {
		p.positions[at.Partition] = at
	}
	return p
}

// others lists the versions of a view that nobody reads. A store that does not say so has said worse before.
func (s *System) others(ctx context.Context, p progress) []view.Version {
	if p.err != nil || p.entry.Versions == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	tables, err := p.entry.Versions.Tables(ctx, s.stores)
	if err != nil {
		return nil
	}
	others, err := tables.Others(ctx)
	if err != nil {
		return nil
	}
	return others
}

// withCause adds what ended a context to a driver's error, which at best says that something did.
func withCause(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	switch {
	case cause == nil, errors.Is(err, cause):
		return err
	case err == ctx.Err(): //nolint:errorlint // the bare one says nothing that the cause does not
		return cause
	}
	return fmt.Errorf("%w: %w", cause, err)
}

// waits returns, by partition, when the oldest event that a view has not applied was appended. Partitions that the view
// has applied to their ends are left out. A view without a position begins at the log's start.
func (s *System) waits(ctx context.Context, topic spans, p progress) (map[int32]time.Time, error) {
	behind := make(spans)
	for partition, whole := range topic {
		from := whole.from
		if at, ok := p.positions[partition]; ok {
			from = max(from, at.Next)
		}
		behind[partition] = span{from, whole.to}
	}
	oldest, err := s.first(ctx, events.Topic, behind)
	if err != nil {
		return nil, err
	}
	times := make(map[int32]time.Time, len(oldest))
	for partition, r := range oldest {
		times[partition] = r.Timestamp
	}
	return times, nil
}

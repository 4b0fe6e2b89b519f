package control

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"leadlog/events"
)

const (
	// fresh is how young a record is that may be on its way through the projectors right now.
	fresh = 2 * time.Second
	// freshWait is how long a trace waits for such a record: several times what a lone event takes.
	freshWait = 300 * time.Millisecond
	freshTick = 5 * time.Millisecond
)

// judge fills in what each view has of a record. Its error is Kafka's: a store that does not answer is a finding.
func (s *System) judge(ctx context.Context, shelves []shelf, r *Record) error {
	views := s.askAll(ctx, shelves, r)
	if time.Since(r.Time) < fresh {
		views = s.awaitFresh(ctx, shelves, views, r)
	}
	r.settle(views, nil)
	if !r.has(HasMissing) {
		return nil
	}
	// Something is not where it should be. That is looked into only now, since it takes reading the log.
	parked, err := s.parkedBy(ctx, r)
	if err != nil {
		return err
	}
	if err := s.findTombstone(ctx, r); err != nil {
		return err
	}
	r.settle(views, parked)
	return nil
}

// askAll asks every view about a record, all at once.
func (s *System) askAll(ctx context.Context, shelves []shelf, r *Record) []asked {
	views := make([]asked, len(shelves))
	var group errgroup.Group
	for i, shelf := range shelves {
		group.Go(func() error {
			views[i] = shelf.ask(ctx, r)
			return nil
		})
	}
	_ = group.Wait() // a view that is away is a finding
	return views
}

func (sh shelf) ask(ctx context.Context, r *Record) asked {
	a := asked{shelf: sh, err: sh.progress.err}
	if a.err != nil {
		return a
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if a.opinion, a.err = sh.holds(ctx, r); a.err != nil {
		a.err = withCause(ctx, a.err)
	}
	return a
}

// awaitFresh asks again and again about a record that was appended a moment ago, until no view is still to come to it, or
// for freshWait.
func (s *System) awaitFresh(ctx context.Context, shelves []shelf, views []asked, r *Record) []asked {
	ctx, cancel := context.WithTimeout(ctx, freshWait)
	defer cancel()
	tick := time.NewTicker(freshTick)
	defer tick.Stop()
	for {
		if r.settle(views, nil); !r.has(HasPending) {
			return views
		}
		select {
		case <-ctx.Done():
			return views
		case <-tick.C:
		}
		if next := s.askAll(ctx, s.again(ctx, shelves), r); ctx.Err() == nil {
			views = next
		}
	}
}

// settle says what each view has, by what they answered. A verdict is the first view's that can tell.
func (r *Record) settle(views []asked, parked map[string]bool) {
	r.Verdict = ""
	for _, a := range views {
		if r.Verdict == "" && a.err == nil {
			r.Verdict = a.verdict
		}
	}
	r.Views = make([]Holding, len(views))
	for i := range views {
		r.Views[i] = views[i].holding(r, parked)
	}
}

func (r *Record) has(what Has) bool {
	return slices.ContainsFunc(r.Views, func(h Holding) bool { return h.Has == what })
}

// parkedBy returns the views that have parked a record.
func (s *System) parkedBy(ctx context.Context, r *Record) (map[string]bool, error) {
	letters, err := s.Letters(ctx, "")
	if err != nil {
		return nil, err
	}
	parked := make(map[string]bool)
	for _, l := range letters {
		if l.Key == letterKey(l.Projection, r) {
			parked[l.Projection] = true
		}
	}
	return parked, nil
}

// findTombstone reads the rest of a record's partition for the tombstone that erases it.
func (s *System) findTombstone(ctx context.Context, r *Record) error {
	if r.Tombstone != Unknown || r.RecordID == uuid.Nil {
		return nil
	}
	bounds, err := s.bounds(ctx, events.Topic)
	if err != nil {
		return err
	}
	all := bounds[r.Partition]
	key := r.RecordID.String()
	return s.scan(ctx, events.Topic, spans{r.Partition: {max(all.from, r.Offset+1), all.to}}, func(k *kgo.Record) onward {
		if k.Value != nil || string(k.Key) != key {
			return more
		}
		r.Log, r.Tombstone = Erased, k.Offset
		return enough
	})
}

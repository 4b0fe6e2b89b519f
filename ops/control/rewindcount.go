package control

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"leadlog/events"
	"leadlog/projectors/view"
)

const (
	// countWithin is how long it is counted as far as that is good; see view.CountRows.
	countWithin = 500 * time.Millisecond
	// countAtOnce bounds how many partitions are counted at a time.
	countAtOnce = 4
	// foldBatch is how many events are folded at a time where all of a span is.
	foldBatch = 5_000
)

// count fills in how many events each partition would apply again, and how many rows would go. Nothing is read from the log
// for it: offsets between two tombstoned records count as events, so it is "about".
func (s *System) count(ctx context.Context, o *opened, plan *RewindPlan, exact bool) error {
	quick, cancel := context.WithTimeout(ctx, countWithin)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(countAtOnce)
	for i := range plan.Partitions {
		p := &plan.Partitions[i]
		if p.Nothing != "" {
			continue
		}
		p.Events = Count{p.again.to - p.again.from - o.inHoles(p.At.Partition, p.again), true}
		if plan.InPlace {
			continue
		}
		group.Go(func() (err error) {
			p.RowsOut, err = countRows(ctx, quick, o, p, exact)
			p.RowsBack = p.RowsOut
			p.RowsBack.About = true
			return err
		})
	}
	return group.Wait()
}

// countRows counts the rows that would go.
func countRows(ctx, quick context.Context, o *opened, p *RewindPartition, exact bool) (Count, error) {
	rows, about, err := view.CountRows(ctx, quick, o.Derived(), view.Stretch{Partition: p.At.Partition, From: p.To, To: p.At.Next}, exact)
	if err != nil {
		return Count{}, fmt.Errorf("count the rows of %s: %w", p.At.Stream, withCause(ctx, err))
	}
	return Count{rows, about}, nil
}

// countBack reads all that would be applied again, and counts events and rows. Twice: a record is known to be erased only
// when its tombstone has been seen.
func (s *System) countBack(ctx context.Context, o *opened, plan *RewindPlan) error {
	again, folders := make(spans), make(map[int32]*folder)
	for i := range plan.Partitions {
		p := &plan.Partitions[i]
		if p.Nothing == "" {
			p.Events, p.RowsBack = Count{}, Count{}
			again[p.At.Partition] = p.again
			folders[p.At.Partition] = newFolder(o, p)
		}
	}
	err := s.scan(ctx, events.Topic, again, func(r *kgo.Record) onward {
		f := folders[r.Partition]
		if !o.passes(r) {
			f.of.Events.N++
		}
		f.note(r)
		return more
	})
	if err != nil || plan.InPlace {
		return err
	}
	var failed error
	err = s.scan(ctx, events.Topic, again, func(r *kgo.Record) onward {
		f := folders[r.Partition]
		if f.add(r); len(f.batch) >= foldBatch || r.Offset+1 == f.of.again.to {
			failed = f.count(ctx)
		}
		if failed != nil {
			return enough
		}
		return more
	})
	for _, f := range folders { // what is left where the last offset is a gap
		if err == nil && failed == nil {
			failed = f.count(ctx)
		}
	}
	if err == nil {
		err = failed
	}
	return err
}

// folder folds a span of one partition as the view would, if it stood at the beginning of the span.
type folder struct {
	view   *opened
	of     *RewindPartition
	erased map[uuid.UUID]int64 // tombstones: the offset of each record's last one
	window events.Window
	batch  []events.Event
	poison map[int64]bool
}

func newFolder(o *opened, of *RewindPartition) *folder {
	return &folder{view: o, of: of, erased: make(map[uuid.UUID]int64), window: make(events.Window), poison: make(map[int64]bool)}
}

// note remembers a tombstone: a view is a fold of the records that have no later one.
func (f *folder) note(r *kgo.Record) {
	if r.Value != nil {
		return
	}
	if e, ok := f.decode(r); ok {
		f.erased[e.RecordID] = e.Offset
	}
}

// add takes a record that leaves a row, perhaps, into the batch.
func (f *folder) add(r *kgo.Record) {
	e, ok := f.decode(r)
	if !ok || e.Tombstone {
		return
	}
	if by, erased := f.erased[e.RecordID]; !erased || by < e.Offset {
		f.batch = append(f.batch, e)
	}
}

func (f *folder) count(ctx context.Context) error {
	verdicts, err := f.fold(ctx)
	for _, v := range verdicts {
		if _, row := f.view.Derived().Derive(v.event, v.duplicate); row {
			f.of.RowsBack.N++
		}
	}
	f.batch = f.batch[:0]
	return err
}

// verdict is an event and whether it is a duplicate.
type verdict struct {
	event     *events.Event
	duplicate bool
}

// fold judges the batch. The window begins with the openers that the view holds below the span.
func (f *folder) fold(ctx context.Context) ([]verdict, error) {
	var unknown []string
	for _, phone := range events.Phones(f.batch) {
		if _, known := f.window[phone]; !known {
			unknown = append(unknown, phone)
		}
	}
	if len(unknown) > 0 {
		openers, err := f.view.Derived().Openers(ctx, f.of.At.Partition, f.of.To, unknown)
		if err != nil {
			return nil, fmt.Errorf("openers of %s below %d: %w", f.of.At.Stream, f.of.To, withCause(ctx, err))
		}
		for phone, opener := range openers {
			f.window[phone] = opener
		}
	}
	verdicts := make([]verdict, len(f.batch))
	for i := range f.batch {
		verdicts[i] = verdict{&f.batch[i], f.window.Judge(&f.batch[i])}
	}
	return verdicts, nil
}

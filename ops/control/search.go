package control

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"leadlog/events"
)

// clockSlack is how far the clock of an edge, which is in the ids that it mints, may be ahead of the brokers'.
const clockSlack = 10 * time.Minute

// progressEvery is how often Query.Progress is called.
const progressEvery = 2 * time.Second

// place is where a record is in the topic.
type place struct {
	partition int32
	offset    int64
}

// search finds the records that a trace is about.
type search struct {
	*System
	query   Query
	shelves []shelf

	bounds spans
	read   int64
	from   time.Time

	mu         sync.Mutex
	seen       []sighting
	away       map[string]error // views that could not be asked
	found      map[place]*Record
	tombstones map[uuid.UUID]*Record
}

// run asks the views where the records are, reads them there, and reads what no view has applied yet. Only when that finds
// nothing is the log looked through.
func (f *search) run(ctx context.Context) error {
	f.askViews(ctx)
	var err error
	if f.bounds, err = f.System.bounds(ctx, events.Topic); err != nil {
		return err
	}
	for _, seen := range f.seen {
		if err := f.check(ctx, seen); err != nil {
			return err
		}
	}
	if len(f.found) > 0 && f.unique() {
		return nil
	}
	if err := f.look(ctx, f.unapplied()); err != nil || len(f.found)+len(f.tombstones) > 0 {
		return err
	}
	back, err := f.back(ctx)
	if err != nil {
		return err
	}
	return f.look(ctx, back)
}

// unique says whether there is only one record to be found: a receipt with a time in it is its record's key.
func (f *search) unique() bool { return f.query.ID.Version() == 7 }

// askViews asks every view at once. One that does not answer is no index.
func (f *search) askViews(ctx context.Context) {
	var group errgroup.Group
	for _, shelf := range f.shelves {
		if shelf.err != nil {
			f.away[shelf.entry.Name] = shelf.err
			continue
		}
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, askTimeout)
			defer cancel()
			seen, err := shelf.find(ctx, f.query)
			f.mu.Lock()
			defer f.mu.Unlock()
			f.seen = append(f.seen, seen...)
			if err != nil {
				f.away[shelf.entry.Name] = err
			}
			return nil
		})
	}
	_ = group.Wait() // it returns none
}

// check proves by the log what a view says of a record.
func (f *search) check(ctx context.Context, seen sighting) error {
	at := place{seen.partition, seen.offset}
	if _, done := f.found[at]; done || seen.offset < 0 {
		return nil
	}
	record, err := f.verify(ctx, f.bounds, seen)
	if err == nil {
		f.found[at] = record
	}
	return err
}

// partitions returns those that may hold what is asked for: one for a phone, which may be known from a receipt's records.
func (f *search) partitions() spans {
	phone := f.query.Phone
	for _, seen := range f.seen {
		phone = cmp.Or(phone, seen.phone)
	}
	if phone == "" {
		return maps.Clone(f.bounds)
	}
	p := events.PartitionOf(phone)
	return spans{p: f.bounds[p]}
}

// unapplied returns what some view that answers has not applied yet: there no index can know it.
func (f *search) unapplied() spans {
	tail := f.partitions()
	for partition, all := range tail {
		applied := all.to
		for _, shelf := range f.shelves {
			if at, ok := shelf.positions[partition]; ok {
				applied = min(applied, at.Next)
			}
		}
		tail[partition] = span{max(all.from, applied), all.to}
	}
	return tail
}

// back returns how far back the log is read for what no view knows.
func (f *search) back(ctx context.Context) (spans, error) {
	now := time.Now()
	f.from = now.Add(-DefaultSince)
	if f.query.Since > 0 {
		f.from = now.Add(-f.query.Since)
	}
	if f.unique() {
		minted := time.Unix(f.query.ID.Time().UnixTime()).Add(-clockSlack)
		if f.query.Since == 0 || minted.Before(f.from) {
			f.from = minted
		}
	}
	for _, seen := range f.seen { // a view that knows when, but not where
		if seen.time.Before(f.from) {
			f.from = seen.time
		}
	}
	return f.since(ctx, events.Topic, f.partitions(), f.from)
}

// look reads spans of the log for what is asked for.
func (f *search) look(ctx context.Context, wanted spans) error {
	var all int64
	for _, s := range wanted {
		all += max(s.to-s.from, 0)
	}
	var read int64
	told := time.Now()
	err := f.scan(ctx, events.Topic, wanted, func(r *kgo.Record) onward {
		if read++; f.query.Progress != nil && time.Since(told) > progressEvery {
			told = time.Now()
			f.query.Progress(read, all)
		}
		if !f.matches(r) {
			return more
		}
		record := recordOf(r)
		if r.Value == nil {
			f.tombstones[record.RecordID] = record
			return more
		}
		f.found[place{r.Partition, r.Offset}] = record
		if f.unique() {
			return enough
		}
		return more
	})
	f.read += read
	if err != nil {
		return fmt.Errorf("looked through %d of %d records: %w", read, all, err)
	}
	return nil
}

// matches says whether a record is what is asked for.
func (f *search) matches(r *kgo.Record) bool {
	if f.query.ID == uuid.Nil {
		record := recordOf(r)
		return record.Phone == f.query.Phone
	}
	id := f.query.ID.String()
	if string(r.Key) == id {
		return true
	}
	for _, h := range r.Headers {
		if h.Key == "ce_id" && string(h.Value) == id {
			return true
		}
	}
	return false
}

// result gathers what was found. A tombstone is shown as a record only when what it erases is gone.
func (f *search) result() Trace {
	records := make([]Record, 0, len(f.found))
	for _, r := range f.found {
		if t, ok := f.tombstones[r.RecordID]; ok && t.Offset > r.Offset {
			r.Log, r.Tombstone = Erased, t.Offset
			delete(f.tombstones, r.RecordID)
		}
		records = append(records, *r)
	}
	for _, t := range f.tombstones {
		records = append(records, *t)
	}
	slices.SortFunc(records, func(a, b Record) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	trace := Trace{Records: records, Read: f.read, From: f.from, Away: f.away}
	if over := len(records) - f.query.Limit; over > 0 {
		trace.Records, trace.More = records[over:], true
	}
	return trace
}

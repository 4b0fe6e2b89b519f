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
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/projectors/view"
)

const (
	// sampleEvents is how many events a plan compares with the view, in all partitions together.
	sampleEvents = 24_000
	// sampleRead and sampleWithin bound how long it reads the log for that, and how long all of it takes, unless the plan
	// shall be exact.
	sampleRead   = 400 * time.Millisecond
	sampleWithin = 800 * time.Millisecond
	// maxSamples is how many rows a plan names.
	maxSamples = 10
)

// Sample is a row that would be another one after a rewind.
type Sample struct {
	Partition int32
	Offset    int64
	RecordID  uuid.UUID
	Time      time.Time
	Phone     string
	What      DifferenceKind
	Why       string
}

// piece is the beginning of what one partition would apply again, as far as it was read.
type piece struct {
	folder
	records int64
	// wanted and held are how many rows the log says there are in it, and how many there are; compared says that it was told.
	wanted, held int
	compared     bool
	end          int64 // the offset behind the last one that was read
}

// look finds out since when events would be applied again, counts them, and samples which rows would differ: all at once, since
// each may take most of the two seconds that a plan may.
func (s *System) look(ctx context.Context, o *opened, plan *RewindPlan, exact bool) error {
	var pieces map[int32]*piece
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error { return s.dateTargets(inner, plan) })
	group.Go(func() error { return s.count(inner, o, plan, exact) })
	group.Go(func() (err error) {
		pieces, err = s.sample(inner, o, plan, exact)
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	for _, p := range pieces {
		if p.compared {
			p.extrapolate()
		}
	}
	return nil
}

// sample compares the first events of each partition with what the view holds of them. Unless the plan shall be exact, it
// takes less than a second, and what it has no time for is left out.
func (s *System) sample(ctx context.Context, o *opened, plan *RewindPlan, exact bool) (map[int32]*piece, error) {
	if plan.InPlace {
		return nil, nil
	}
	whole, read := ctx, ctx
	if !exact {
		var cancel, cancelRead context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, sampleWithin)
		defer cancel()
		read, cancelRead = context.WithTimeout(ctx, sampleRead)
		defer cancelRead()
	}
	pieces, err := s.readPieces(ctx, read, o, plan)
	if ctx.Err() != nil { // no time was left to compare anything
		return nil, whole.Err()
	}
	if err != nil {
		return nil, err
	}
	for _, partition := range numbers(pieces) {
		err := pieces[partition].compare(ctx, plan)
		if ctx.Err() != nil {
			return pieces, whole.Err()
		}
		if err != nil {
			return nil, err
		}
	}
	return pieces, nil
}

// readPieces reads the beginning of each span, as far as it comes until read ends.
func (s *System) readPieces(ctx, read context.Context, o *opened, plan *RewindPlan) (map[int32]*piece, error) {
	pieces, again := make(map[int32]*piece), make(spans)
	for i := range plan.Partitions {
		if p := &plan.Partitions[i]; p.Nothing == "" {
			again[p.At.Partition] = p.again
			pieces[p.At.Partition] = &piece{folder: *newFolder(o, p), end: p.To}
		}
	}
	each := int64(sampleEvents / len(pieces))
	err := s.scan(read, events.Topic, again, func(r *kgo.Record) onward {
		p := pieces[r.Partition]
		if p.records == each {
			return nextPartition
		}
		p.take(r)
		return more
	})
	if errors.Is(read.Err(), context.DeadlineExceeded) { // as far as it came
		err = ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	for _, p := range pieces {
		if p.records < each && read.Err() == nil {
			p.end = p.of.At.Next // all was read, but for gaps
		}
		p.batch = slices.DeleteFunc(p.batch, func(e events.Event) bool {
			by, erased := p.erased[e.RecordID]
			return erased && by > e.Offset
		})
	}
	return pieces, nil
}

func (p *piece) take(r *kgo.Record) {
	p.end = r.Offset + 1
	if !p.view.passes(r) {
		p.records++
	}
	p.note(r)
	p.add(r)
}

// complete says whether the piece is all there is.
func (p *piece) complete() bool { return p.end >= p.of.At.Next }

// compare folds the piece, and holds the view's rows against it.
func (p *piece) compare(ctx context.Context, plan *RewindPlan) error {
	verdicts, err := p.fold(ctx)
	if err != nil {
		return err
	}
	want, judged := make(map[int64]view.Row, len(verdicts)), make(map[int64]verdict, len(verdicts))
	for _, v := range verdicts {
		judged[v.event.Offset] = v
		if row, ok := p.view.Derived().Derive(v.event, v.duplicate); ok {
			want[row.Offset] = row
		}
	}
	p.wanted = len(want)
	var found []Sample
	for have, err := range p.view.Rows(ctx, p.of.At.Partition, p.of.To, p.end) {
		if err != nil {
			return fmt.Errorf("rows of %s: %w", p.of.At.Stream, withCause(ctx, err))
		}
		p.held++
		row, ok := want[have.Offset]
		delete(want, have.Offset)
		switch {
		case !ok:
			found = append(found, p.sampleOf(have, RowExtra, p.whyExtra(have, judged)))
		case row.RecordID != have.RecordID || row.Text != have.Text:
			found = append(found, p.sampleOf(row, RowDifferent, "other than the log says: "+strings.Join(differingColumns(&row, &have), ", ")))
		}
	}
	for _, offset := range slices.Sorted(maps.Keys(want)) {
		found = append(found, p.sampleOf(want[offset], RowMissing, p.whyMissing()))
	}
	plan.Compared += int(p.records)
	plan.Differing += len(found)
	plan.Samples = append(plan.Samples, found[:min(len(found), maxSamples-len(plan.Samples))]...)
	p.compared = true
	return nil
}

// extrapolate tells from the piece how many rows will come back.
func (p *piece) extrapolate() {
	switch {
	case p.complete():
		p.of.Events = Count{N: p.records}
		p.of.RowsBack = Count{N: int64(p.wanted)}
	case p.held > 0:
		p.of.RowsBack.N = int64(float64(p.of.RowsOut.N) * float64(p.wanted) / float64(p.held))
	case p.records > 0:
		p.of.RowsBack.N = int64(float64(p.of.Events.N) * float64(p.wanted) / float64(p.records))
	}
}

func (p *piece) sampleOf(row view.Row, what DifferenceKind, why string) Sample {
	return Sample{
		Partition: p.of.At.Partition, Offset: row.Offset, RecordID: row.RecordID, Time: row.Time,
		Phone: phoneIn(row.Text), What: what, Why: why,
	}
}

// whyMissing says what may be behind a row that is not there. Beyond the piece there may be its tombstone.
func (p *piece) whyMissing() string {
	if p.complete() {
		return "not in the view, and comes back"
	}
	return "not in the view: comes back, unless a later tombstone erases it"
}

// whyExtra says why the log has no such row.
func (p *piece) whyExtra(have view.Row, judged map[int64]verdict) string {
	v, ok := judged[have.Offset]
	switch {
	case p.view.inHole(p.of.At.Partition, have.Offset):
		return "in the view, and its record is in a hole"
	case p.poison[have.Offset]:
		return "in the view, and its record can't be decoded"
	case !ok && p.erased[have.RecordID] > have.Offset:
		return "in the view, and its record is erased"
	case !ok:
		return "in the view, and the log has no such record"
	case v.duplicate:
		return "in the view, and its event is a duplicate"
	}
	return "in the view, and the log says otherwise"
}

// decode reads a record as the projectors do; holes and poison are no events to them.
func (f *folder) decode(r *kgo.Record) (events.Event, bool) {
	if f.view.passes(r) {
		return events.Event{}, false
	}
	record := broker.FromKafka(r)
	e, err := events.Decode(&record)
	if err != nil {
		f.poison[r.Offset] = true
	}
	return e, err == nil
}

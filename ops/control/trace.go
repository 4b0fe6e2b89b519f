package control

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"leadlog/events"
	"leadlog/events/broker"
)

// DefaultSince is how far back a trace reads the log for what no view knows and no id dates.
const DefaultSince = 24 * time.Hour

// Query is what a trace looks for: an id, or a phone.
type Query struct {
	// ID is a record key or a receipt.
	ID uuid.UUID
	// Phone is a number as NormalizePhone returns it; used when ID is the zero one.
	Phone string
	// Since is how far back the log is read when no view knows what is asked for. 0 means DefaultSince, or for an id that
	// has a time in it, a little before that time.
	Since time.Duration
	// Limit is the most records that are returned of one phone or receipt, the newest. 0 means 20.
	Limit int
	// Progress is called now and then while the log is read; nil means never.
	Progress func(read, all int64)
}

// Verdict is what the window rule says of a record.
type Verdict string

// The verdicts. A record that no view has judged yet has none.
const (
	Opener    Verdict = "opener"
	Duplicate Verdict = "duplicate"
)

// LogState says whether a record is in the log.
type LogState string

// The states. Only Lost is a reason to worry.
const (
	InLog  LogState = "found"
	Erased LogState = "erased" // a tombstone names it, whether or not compaction has taken it away yet
	Lost   LogState = "lost"   // a view knows the record, and the log has none in its place
)

// Record is one record of the log, and what became of it.
type Record struct {
	Partition int32
	Offset    int64
	Time      time.Time // T: the record's Kafka timestamp
	RecordID  uuid.UUID
	EventID   uuid.UUID // the receipt
	Phone     string    // empty for what can't be decoded
	Log       LogState
	Tombstone int64  // offset of the tombstone that erases it; Unknown when none was looked for or found
	Poison    string // why it can't be decoded; empty for an event
	Verdict   Verdict
	Views     []Holding // in the catalog's order
}

// Well says whether every view has what it should have: the record, or rightly nothing.
func (r *Record) Well() bool {
	for _, h := range r.Views {
		if !h.Has.Well() {
			return false
		}
	}
	return r.Log != Lost
}

// Trace is what became of a submission.
type Trace struct {
	// Records are those that were found, the oldest first.
	Records []Record
	// More says that there are older ones, beyond the limit.
	More bool
	// Read is how many records of the log were looked through, and From since when, if any were.
	Read int64
	From time.Time
	// Away are the views that could not be asked where to look, and why.
	Away map[string]error
}

// Trace finds the records of an id or a phone, proves from the log itself that they are there, and says what each view
// holds of them. The views are asked first, as indexes of the log; what none of them knows is looked for in the log.
//
// A view that does not answer is Unreachable in every record, and no error. A record that was appended a moment ago is
// given freshWait to come through.
func (s *System) Trace(ctx context.Context, q Query) (Trace, error) {
	if err := s.needKafka(); err != nil {
		return Trace{}, err
	}
	q.Limit = orDefault(q.Limit, 20)
	shelves := s.shelves(ctx)
	search := search{System: s, query: q, shelves: shelves, away: make(map[string]error), found: make(map[place]*Record), tombstones: make(map[uuid.UUID]*Record)}
	if err := search.run(ctx); err != nil {
		return Trace{}, err
	}
	trace := search.result()
	var group errgroup.Group
	for i := range trace.Records {
		group.Go(func() error { return s.judge(ctx, shelves, &trace.Records[i]) })
	}
	return trace, group.Wait()
}

// recordOf describes a record of the log.
func recordOf(r *kgo.Record) *Record {
	record := &Record{Partition: r.Partition, Offset: r.Offset, Time: r.Timestamp.UTC(), Log: InLog, Tombstone: Unknown}
	plain := broker.FromKafka(r)
	e, err := events.Decode(&plain)
	switch {
	case err != nil:
		record.Poison = err.Error()
		record.RecordID, _ = uuid.ParseBytes(r.Key) // what it can be found by again; the zero one when it has none
	case e.Tombstone:
		record.RecordID, record.Log, record.Tombstone = e.RecordID, Erased, r.Offset
	default:
		record.RecordID, record.EventID, record.Phone = e.RecordID, e.EventID, e.Phone
	}
	return record
}

// verify reads the record in a place that a view named, and says what the log has there.
func (s *System) verify(ctx context.Context, bounds spans, seen sighting) (*Record, error) {
	claimed := &Record{
		Partition: seen.partition, Offset: seen.offset, Time: seen.time, RecordID: seen.recordID, EventID: seen.eventID,
		Phone: seen.phone, Log: Lost, Tombstone: Unknown,
	}
	if all := bounds[seen.partition]; seen.offset < all.from || seen.offset >= all.to {
		return claimed, nil
	}
	r, err := s.at(ctx, events.Topic, seen.partition, seen.offset)
	if err != nil {
		return nil, fmt.Errorf("read offset %d of partition %d: %w", seen.offset, seen.partition, err)
	}
	if r == nil { // compaction takes away only what a tombstone names
		claimed.Log = Erased
		return claimed, nil
	}
	if live := recordOf(r); live.RecordID == seen.recordID {
		return live, nil
	}
	return claimed, nil
}

func orDefault(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

package audit_test

import (
	"context"
	"fmt"
	"iter"
	"math"
	"testing"
	"time"

	"github.com/google/uuid"

	"leadlog/events"
	"leadlog/projectors/view"
)

const partition = 3

func stream() view.Stream {
	return view.Stream{
		Projection: "audit", Topic: events.Topic, Partition: partition,
		TopicID: uuid.MustParse("0191d5a0-0000-7000-8000-000000000001"),
	}
}

// now is when the tests' events happen, in the precision that the log has.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

func event(offset int64, phone string, t time.Time) events.Event {
	id := uuid.MustParse(fmt.Sprintf("0191d5a0-0000-7000-8000-%012x", offset))
	return events.Event{
		RecordID: id, EventID: id, Partition: partition, Offset: offset, Epoch: 1, Time: t,
		Submission: events.Submission{Phone: phone, IP: "192.0.2.7", UserAgent: "test", Path: "/api/submit"},
	}
}

func tombstone(offset int64, of events.Event) events.Event {
	return events.Event{RecordID: of.RecordID, Partition: partition, Offset: offset, Epoch: 1, Time: of.Time, Tombstone: true}
}

// claim returns the position of the tests' one partition, claimed, the first one at offset 0.
func claim(t testing.TB, v view.View) view.Position {
	t.Helper()
	if err := v.Create(t.Context(), view.Position{Stream: stream(), Mark: view.Mark{Epoch: -1}}); err != nil {
		t.Fatal(err)
	}
	at, err := v.Claim(t.Context(), stream())
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// apply applies a batch that must be taken.
func apply(t testing.TB, v view.View, at view.Position, batch ...events.Event) view.Position {
	t.Helper()
	at, err := v.Apply(t.Context(), at, end(batch), batch)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func end(batch []events.Event) view.Mark {
	last := batch[len(batch)-1]
	return view.Mark{Next: last.Offset + 1, Epoch: last.Epoch}
}

func rowsOf(t testing.TB, p interface {
	Rows(ctx context.Context, partition int32, from, to int64) iter.Seq2[view.Row, error]
}) []view.Row {
	t.Helper()
	var rows []view.Row
	for row, err := range p.Rows(t.Context(), partition, 0, math.MaxInt64) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

package dedup_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"leadlog/events"
	"leadlog/projectors/dedup"
	"leadlog/projectors/redisstore"
	"leadlog/projectors/redisstore/redistest"
	"leadlog/projectors/view"
)

// benchWorkers partitions are folded at once, as when a backlog is worked off.
const benchWorkers = 4

// BenchmarkFold folds a backlog: of now, so that both keys of an opener are written, and of some days ago, when only the
// private one is.
func BenchmarkFold(b *testing.B) {
	for _, age := range []time.Duration{0, 72 * time.Hour} {
		for _, size := range []int{1, 1000, 5000} {
			b.Run(fmt.Sprintf("age=%v/batch=%d", age, size), func(b *testing.B) { benchmarkFold(b, age, size) })
		}
	}
}

func benchmarkFold(b *testing.B, age time.Duration, size int) {
	client := redistest.Real(b)
	v := view.Bind(redisstore.New(client), dedup.New(client), dedup.Reach)
	positions := make([]view.Position, benchWorkers)
	for i := range positions {
		s := view.Stream{Projection: dedup.Name, Topic: events.Topic, TopicID: uuid.New(), Partition: int32(i)}
		if err := v.Create(b.Context(), view.Position{Stream: s, Mark: view.Mark{Epoch: -1}}); err != nil {
			b.Fatal(err)
		}
		var err error
		if positions[i], err = v.Claim(b.Context(), s); err != nil {
			b.Fatal(err)
		}
	}
	folded := 0
	for b.Loop() {
		b.StopTimer()
		batches := make([][]events.Event, benchWorkers)
		for i, at := range positions {
			batches[i] = traffic(at, size, time.Now().Add(-age))
		}
		b.StartTimer()
		var group errgroup.Group
		for i := range positions {
			group.Go(func() (err error) {
				positions[i], err = v.Apply(b.Context(), positions[i], view.Mark{Next: positions[i].Next + int64(size)}, batches[i])
				return err
			})
		}
		if err := group.Wait(); err != nil {
			b.Fatal(err)
		}
		folded += benchWorkers * size
	}
	b.ReportMetric(float64(folded)/b.Elapsed().Seconds(), "events/s")
}

// traffic makes a batch from a position on: a fifth of the events are of the phone that was just there.
func traffic(at view.Position, n int, t time.Time) []events.Event {
	batch := make([]events.Event, n)
	phone := ""
	for i := range batch {
		if i == 0 || rand.IntN(5) > 0 {
			phone = fmt.Sprintf("+989%09d", rand.IntN(1e9))
		}
		id := uuid.Must(uuid.NewV7())
		batch[i] = events.Event{
			RecordID: id, EventID: id, Partition: at.Partition, Offset: at.Next + int64(i), Time: t.Truncate(time.Millisecond),
			Submission: events.Submission{Phone: phone},
		}
	}
	return batch
}

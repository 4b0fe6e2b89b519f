package audit_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"golang.org/x/sync/errgroup"

	"leadlog/events"
	"leadlog/projectors/audit"
	"leadlog/projectors/mongostore"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/view"
)

// What a backlog looks like to the projection: some partitions at once, each in batches.
const (
	benchWorkers = 4
	benchBatch   = 2000
	benchBatches = 10 // a worker
)

func BenchmarkPostgres(b *testing.B) {
	pool := onPostgres(b)
	v := view.Bind(pgstore.New(pool), audit.NewPostgres(pool), 0)
	positions := start(b, v)
	events := 0
	for b.Loop() {
		events += backlog(b, positions, applying(v))
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkMongo compares the projection with a bare loop of unordered InsertMany: the same documents, the same indexes,
// the same number of workers, alternating with it.
func BenchmarkMongo(b *testing.B) {
	ours, bare := onMongo(b), onMongo(b)
	v := view.Bind(mongostore.New(ours), audit.NewMongo(ours), 0)
	positions := start(b, v)
	insert := func(ctx context.Context, _ *view.Position, batch []events.Event) error {
		_, err := bare.Collection("requests").InsertMany(ctx, audit.Documents(batch), options.InsertMany().SetOrdered(false))
		return err
	}
	var took, tookBare time.Duration
	events := 0
	for b.Loop() {
		began := time.Now()
		events += backlog(b, positions, applying(v))
		took += time.Since(began)
		began = time.Now()
		backlog(b, positions, insert)
		tookBare += time.Since(began)
	}
	b.ReportMetric(float64(events)/took.Seconds(), "events/s")
	b.ReportMetric(float64(events)/tookBare.Seconds(), "bare/s")
	b.ReportMetric(tookBare.Seconds()/took.Seconds(), "of-bare")
}

// start claims a position for each worker.
func start(b *testing.B, v view.View) []view.Position {
	b.Helper()
	positions := make([]view.Position, benchWorkers)
	for i := range positions {
		s := view.Stream{Projection: audit.Name, Topic: events.Topic, TopicID: uuid.New(), Partition: int32(i)}
		if err := v.Create(b.Context(), view.Position{Stream: s, Mark: view.Mark{Epoch: -1}}); err != nil {
			b.Fatal(err)
		}
		var err error
		if positions[i], err = v.Claim(b.Context(), s); err != nil {
			b.Fatal(err)
		}
	}
	return positions
}

func applying(v view.View) func(context.Context, *view.Position, []events.Event) error {
	return func(ctx context.Context, at *view.Position, batch []events.Event) (err error) {
		*at, err = v.Apply(ctx, *at, view.Mark{Next: at.Next + int64(len(batch))}, batch)
		return err
	}
}

// backlog hands each worker its batches and returns how many events there were. The batches are made beforehand.
func backlog(b *testing.B, positions []view.Position, do func(context.Context, *view.Position, []events.Event) error) int {
	b.Helper()
	b.StopTimer()
	batches := make([][][]events.Event, len(positions))
	for i, at := range positions {
		batches[i] = traffic(at, benchBatches)
	}
	b.StartTimer()
	group, ctx := errgroup.WithContext(b.Context())
	for i := range positions {
		group.Go(func() error {
			for _, batch := range batches[i] {
				if err := do(ctx, &positions[i], batch); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	return len(positions) * benchBatches * benchBatch
}

// traffic makes batches from a position on: a fifth of the events are of phones that were just there.
func traffic(at view.Position, n int) [][]events.Event {
	batches := make([][]events.Event, n)
	offset, phone := at.Next, ""
	for i := range batches {
		for range benchBatch {
			if phone == "" || rand.IntN(5) > 0 {
				phone = fmt.Sprintf("+989%09d", rand.IntN(1e9))
			}
			id := uuid.Must(uuid.NewV7())
			batches[i] = append(batches[i], events.Event{
				RecordID: id, EventID: id, Partition: at.Partition, Offset: offset, Time: time.Now().Truncate(time.Millisecond),
				Submission: events.Submission{
					Phone: phone, IP: fmt.Sprintf("192.0.2.%d", rand.IntN(256)), Path: "/api/submit", Device: "mobile",
					UserAgent: "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Mobile Safari/537.36",
					Referrer:  "https://www.example.com/", Page: "https://leads.example.com/?utm_source=search",
					Campaign: events.Campaign{Source: "search", Medium: "cpc", Name: "autumn"},
				},
			})
			offset++
		}
	}
	return batches
}

// What verification does with each event, and with each document of either store.
func BenchmarkDerive(b *testing.B) {
	batch := traffic(view.Position{Stream: view.Stream{Partition: 3}}, 1)[0]
	p := audit.NewPostgres(nil)
	b.ReportAllocs()
	for b.Loop() {
		for i := range batch {
			p.Derive(&batch[i], false)
		}
	}
	b.ReportMetric(float64(len(batch)*b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkRows(b *testing.B) {
	for name, open := range map[string]func(*testing.B) view.View{
		"PostgreSQL": func(b *testing.B) view.View {
			pool := onPostgres(b)
			return view.Bind(pgstore.New(pool), audit.NewPostgres(pool), 0)
		},
		"MongoDB": func(b *testing.B) view.View {
			db := onMongo(b)
			return view.Bind(mongostore.New(db), audit.NewMongo(db), 0)
		},
	} {
		b.Run(name, func(b *testing.B) {
			v := open(b)
			positions := start(b, v)[:1]
			want := backlog(b, positions, applying(v))
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				n := 0
				for _, err := range v.Rows(b.Context(), positions[0].Partition, 0, math.MaxInt64) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != want {
					b.Fatalf("%d rows, want %d", n, want)
				}
			}
			b.ReportMetric(float64(want*b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

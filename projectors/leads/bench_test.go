package leads_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/uuid"

	"leadlog/events"
	"leadlog/projectors/leads"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/view"
	"leadlog/projectors/viewtest"
)

// benchRows is how many leads a verification reads in one benchmark.
const benchRows = 100_000

// ordinary is an event as most are: from a phone's browser, with a referrer, every other one from a campaign.
func ordinary(offset int64) events.Event {
	id := uuid.Must(uuid.NewV7())
	e := events.Event{
		RecordID: id, EventID: id, Partition: 3, Offset: offset, Time: time.Now().UTC().Truncate(time.Millisecond),
		Source: "urn:leadlog:edge:bench", Claimed: time.Now().UTC().Truncate(time.Millisecond),
		Submission: events.Submission{
			Phone: fmt.Sprintf("+98912%07d", offset), IP: "192.0.2.7", Path: "/api/submit", Device: "mobile",
			UserAgent: "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Mobile Safari/537.36",
			Referrer:  "https://www.example.com/", Page: "https://leads.example.com/?utm_source=search",
		},
	}
	if offset%2 == 0 {
		e.Campaign = events.Campaign{Source: "search", Medium: "cpc", Name: "autumn"}
	}
	return e
}

func perSecond(b *testing.B, n int) {
	b.Helper()
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// What verification does with each record of the log: decode, judge, derive.
func BenchmarkDecodeJudgeDerive(b *testing.B) {
	records := make([]*events.Record, 1000)
	for i := range records {
		e := ordinary(int64(i))
		r, err := events.Encode(&e)
		if err != nil {
			b.Fatal(err)
		}
		r.Time = e.Time
		records[i] = &r
	}
	p := leads.New(nil, nil)
	for _, step := range []string{"decode", "decode, judge and derive"} {
		b.Run(step, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				window := make(events.Window)
				for _, r := range records {
					e, err := events.Decode(r)
					if err != nil {
						b.Fatal(err)
					}
					if step != "decode" {
						p.Derive(&e, window.Judge(&e))
					}
				}
			}
			perSecond(b, len(records))
		})
	}
	b.Run("derive", func(b *testing.B) {
		e := ordinary(0)
		b.ReportAllocs()
		for b.Loop() {
			p.Derive(&e, false)
		}
		perSecond(b, 1)
	})
}

// What verification does with each row.
func BenchmarkRows(b *testing.B) {
	_, pool := viewtest.LeadTables(b)
	v := view.Bind(pgstore.New(pool), leads.New(pool, pool), 0)
	stream := view.Stream{Projection: leads.Name, Topic: events.Topic, Partition: 3}
	if err := v.Create(b.Context(), view.Position{Stream: stream}); err != nil {
		b.Fatal(err)
	}
	at, err := v.Claim(b.Context(), stream)
	for at.Next < benchRows && err == nil {
		batch := make([]events.Event, 2000)
		for i := range batch {
			batch[i] = ordinary(at.Next + int64(i))
		}
		at, err = v.Apply(b.Context(), at, view.Mark{Next: at.Next + int64(len(batch))}, batch)
	}
	if err == nil {
		_, err = pool.Exec(b.Context(), `analyze`)
	}
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range v.Rows(b.Context(), 3, 0, math.MaxInt64) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != benchRows {
			b.Fatalf("%d rows", n)
		}
	}
	perSecond(b, benchRows)
}

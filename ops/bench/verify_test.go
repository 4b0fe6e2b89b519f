package bench

import (
	"math"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events/broker"
	"leadlog/ops/control"
	"leadlog/ops/stack/localpg/pgtest"
	"leadlog/projectors/catalog"
)

// BenchmarkVerify compares views of a million events with the log, and shows beside it how fast the log, and the view's rows,
// can be read alone.
func BenchmarkVerify(b *testing.B) {
	log := newBacklog(b)
	for _, target := range []struct {
		name, projection string
		urls             func(*testing.B) catalog.URLs
	}{
		{"leads", "leads", func(b *testing.B) catalog.URLs { return catalog.URLs{Database: pgtest.New(b)} }},
		{"audit-postgresql", "audit", func(b *testing.B) catalog.URLs { return catalog.URLs{Database: pgtest.New(b)} }},
		{"audit-mongodb", "audit", func(b *testing.B) catalog.URLs {
			return catalog.URLs{Mongo: inDatabase(need(b, "MONGODB_URI"), "leadlog_bench_"+uuid.NewString()[:8])}
		}},
	} {
		b.Run(target.name, func(b *testing.B) {
			urls := target.urls(b)
			log.drain(b, target.projection, urls)
			read, rows := log.readAlone(b), log.rowsAlone(b, target.projection, urls)
			rate := log.verify(b, target.projection, urls) // its loop takes back what was reported before
			b.ReportMetric(read, "log/s")
			b.ReportMetric(rows, "rows/s")
			b.ReportMetric(rate, "events/s")
		})
	}
}

// readAlone consumes the topic, and returns records a second.
func (log *backlog) readAlone(b *testing.B) float64 {
	b.Helper()
	client, err := broker.NewClient(broker.Config{Brokers: log.brokers, ClientID: "leadlog-bench"}, kgo.ConsumeTopics(log.topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	began := time.Now()
	for read := 0; read < log.events; {
		fetches := client.PollFetches(b.Context())
		if err := fetches.Err(); err != nil {
			b.Fatal(err)
		}
		read += fetches.NumRecords()
	}
	return float64(log.events) / time.Since(began).Seconds()
}

// rowsAlone reads the rows of a view, one partition after another, and returns rows a second.
func (log *backlog) rowsAlone(b *testing.B, projection string, urls catalog.URLs) float64 {
	b.Helper()
	stores := &catalog.Stores{URLs: urls, Application: "leadlog-bench", Connections: 16}
	defer stores.Close()
	entries, err := catalog.Pick(urls, projection)
	if err != nil {
		b.Fatal(err)
	}
	v, err := entries[0].Open(b.Context(), stores)
	if err != nil {
		b.Fatal(err)
	}
	began, rows := time.Now(), 0
	for partition := range broker.Submissions().Partitions {
		for _, err := range v.Rows(b.Context(), partition, 0, math.MaxInt64) {
			if err != nil {
				b.Fatal(err)
			}
			rows++
		}
	}
	return float64(rows) / time.Since(began).Seconds()
}

// verify compares a view with the log, and returns events a second.
func (log *backlog) verify(b *testing.B, projection string, urls catalog.URLs) (rate float64) {
	b.Helper()
	system, err := control.Open(control.Config{Brokers: log.brokers, URLs: urls})
	if err != nil {
		b.Fatal(err)
	}
	defer system.Close()
	for b.Loop() {
		report, err := system.Verify(b.Context(), control.Verification{
			Views: []string{projection}, Partitions: control.Partitions{Topic: log.topic},
		})
		if err != nil || !report.Clean() {
			b.Fatalf("%v, %+v", err, report)
		}
		rate = float64(report.Views[0].Events) / report.Views[0].Took.Seconds()
	}
	return rate
}

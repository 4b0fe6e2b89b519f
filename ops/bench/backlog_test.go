package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/ops/stack/localpg/pgtest"
	"leadlog/ops/telemetry"
	"leadlog/projectors/catalog"
	"leadlog/projectors/runner"
	"leadlog/projectors/view"
)

// need returns a variable, or skips and names it.
func need(b testing.TB, name string) string {
	b.Helper()
	value := os.Getenv(name)
	if value == "" {
		b.Skipf("%s is not set", name)
	}
	return value
}

func brokers(b testing.TB) []string {
	b.Helper()
	list, err := broker.ParseBrokers(need(b, "KAFKA_BROKERS"))
	if err != nil {
		b.Fatal(err)
	}
	return list
}

// backlogSize is the number of events of a backlog; BACKLOG sets another.
func backlogSize() int {
	if n, err := strconv.Atoi(os.Getenv("BACKLOG")); err == nil && n > 0 {
		return n
	}
	return 1_000_000
}

// backlog is a topic with events of phones of which every tenth was there before, removed at the end.
type backlog struct {
	brokers    []string
	topic      string
	events     int
	partitions int32 // that have events, the first so many; 0: all
	tuning     tuning
	heap       float64 // the most that Go had in use in the last drain, in bytes
}

// tuning is what a sweep changes. The zero value is what the program has.
type tuning struct {
	batch, bigBatches int
	connections       int32
}

func newBacklog(b testing.TB) *backlog {
	b.Helper()
	log := &backlog{brokers: brokers(b), topic: "phone-submitted-bench-" + uuid.NewString(), events: backlogSize()}
	client, err := broker.NewClient(broker.Config{Brokers: log.brokers, ClientID: "leadlog-bench"},
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(5*time.Millisecond),
		kgo.MaxBufferedRecords(50_000), kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(client.Close)
	spec := broker.Submissions()
	spec.Topic = log.topic
	if _, err := broker.Create(b.Context(), client, spec, false); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _, _ = kadm.NewClient(client).DeleteTopics(context.Background(), log.topic) })
	log.fill(b, client)
	return log
}

func (log *backlog) fill(b testing.TB, client *kgo.Client) {
	b.Helper()
	var failed atomic.Pointer[error]
	for i, made := 0, 0; made < log.events; i++ {
		phone := phoneOf(i)
		if log.partitions > 0 && events.PartitionOf(phone) >= log.partitions {
			continue
		}
		made++
		id := uuid.Must(uuid.NewV7())
		record, err := events.Encode(&events.Event{
			RecordID: id, EventID: id, Claimed: time.Now(), Source: "urn:leadlog:edge:bench",
			Submission: events.Submission{
				Phone: phone, IP: "198.51.100.7", Path: "/api/submit",
				UserAgent: "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36",
				Page:      "https://landing.example/", Device: "mobile", Campaign: events.Campaign{Source: "bench", Medium: "cpc"},
			},
		})
		if err != nil {
			b.Fatal(err)
		}
		client.Produce(b.Context(), broker.ToKafka(log.topic, &record), func(_ *kgo.Record, err error) {
			if err != nil {
				failed.Store(&err)
			}
		})
	}
	if err := client.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := failed.Load(); err != nil {
		b.Fatal(*err)
	}
}

// phoneOf is the phone of the i-th event: every tenth event is of one that was there before.
func phoneOf(i int) string {
	if i%10 == 9 {
		i -= 9
	}
	return fmt.Sprintf("0912%08d", i)
}

// ends returns the end of each partition.
func (log *backlog) ends(b testing.TB, client *kgo.Client) map[int32]int64 {
	b.Helper()
	listed, err := kadm.NewClient(client).ListEndOffsets(b.Context(), log.topic)
	if err != nil {
		b.Fatal(err)
	}
	ends := make(map[int32]int64)
	listed.Each(func(o kadm.ListedOffset) { ends[o.Partition] = o.Offset })
	return ends
}

// BenchmarkBacklog drains a backlog of a million events into each view. The lead table's references take turns with it, the
// median of three: a loop that COPYs the same rows and knows nothing of Kafka, one that does no more than it must (consume,
// decode, look up openers, COPY and the position in one transaction a batch), and Kafka Connect with Debezium's JDBC sink,
// when it is warm.
func BenchmarkBacklog(b *testing.B) {
	log := newBacklog(b)
	b.Run("leads", func(b *testing.B) {
		var ours, plain, copied []load
		var empty, full float64
		for b.Loop() {
			for range min(*edgeRuns, 3) {
				plain = append(plain, load{rate: log.drainPlain(b)})
				urls := catalog.URLs{Database: pgtest.New(b)}
				empty = storeBytes(b, urls)
				ours = append(ours, load{rate: log.drain(b, "leads", urls)})
				full = storeBytes(b, urls)
				copied = append(copied, load{rate: copyRows(b, log.events)})
			}
		}
		o, p, c := median(ours).rate, median(plain).rate, median(copied).rate
		b.ReportMetric(o, "events/s")
		b.ReportMetric(o/p, "of-plain")
		compare(b, against{"leads catch-up", "loop: consume, decode, look up, COPY", "events/s", o, p, ">= 0.8"})
		compare(b, against{"leads catch-up", "loop: COPY alone", "rows/s", o, c, ""})
		measure(b, "log, a replica", log.logBytes(b), "bytes/event", "")
		measure(b, "lead table", (full-empty)/float64(log.events), "bytes/event", "")
		if classpath := os.Getenv("CONNECT_CLASSPATH"); classpath == "" {
			note(b, "leads catch-up | CONNECT_CLASSPATH is not set: Kafka Connect is left out")
		} else {
			compare(b, against{"leads catch-up", "Kafka Connect, Debezium JDBC sink, warm", "events/s", o, drainConnect(b, log), ">= 1.5"})
		}
	})
	for _, target := range []struct {
		name, projection string
		urls             func(testing.TB) catalog.URLs
	}{
		{"audit-postgresql", "audit", func(b testing.TB) catalog.URLs { return catalog.URLs{Database: pgtest.New(b)} }},
		{"audit-mongodb", "audit", func(b testing.TB) catalog.URLs { return catalog.URLs{Mongo: ownMongo(b)} }},
		{"dedup", "dedup", func(b testing.TB) catalog.URLs { return catalog.URLs{Redis: ownRedis(b)} }},
	} {
		b.Run(target.name, func(b *testing.B) {
			urls, rate := target.urls(b), 0.0
			empty := storeBytes(b, urls)
			for b.Loop() {
				rate = log.drain(b, target.projection, urls)
			}
			if full := storeBytes(b, urls); full > empty {
				measure(b, target.name, (full-empty)/float64(log.events), "bytes/event", "")
			}
			b.ReportMetric(rate, "events/s")
			measure(b, target.name+" catch-up", rate, "events/s", "")
		})
	}
}

// drain runs a projection until it has caught up, and returns its events a second and what the process took.
func (log *backlog) drain(b *testing.B, projection string, urls catalog.URLs) float64 {
	b.Helper()
	return log.drainAnd(b, projection, urls, func(view.View, map[int32]int64) {})
}

// drainAnd does something with the view once it has caught up, while the projection goes on.
func (log *backlog) drainAnd(b *testing.B, projection string, urls catalog.URLs, do func(v view.View, ends map[int32]int64)) float64 {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	stores := &catalog.Stores{URLs: urls, Application: "leadlog-bench", Connections: cmp.Or(log.tuning.connections, 16)}
	defer stores.Close()
	if err := catalog.Migrate(ctx, stores); err != nil {
		b.Fatal(err)
	}
	entries, err := catalog.Pick(urls, projection)
	if err != nil {
		b.Fatal(err)
	}
	v, err := entries[0].Open(ctx, stores)
	if err != nil {
		b.Fatal(err)
	}
	client, err := broker.NewClient(broker.Config{Brokers: log.brokers, ClientID: "leadlog-bench"})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	ends := log.ends(b, client)
	run, err := runner.New(runner.Config{
		View: v, Topic: log.topic, Broker: broker.Config{Brokers: log.brokers}, Health: telemetry.NewHealth(),
		Log: slog.New(slog.DiscardHandler), BatchSize: log.tuning.batch, BigBatches: log.tuning.bigBatches,
	})
	if err != nil {
		b.Fatal(err)
	}
	var group errgroup.Group
	started := time.Now()
	group.Go(func() error { return run.Run(ctx) })
	peak := awaitEnds(b, v, log.topic, ends)
	took := time.Since(started)
	do(v, ends)
	cancel()
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	log.heap = peak
	b.ReportMetric(peak/(1<<20), "MB-heap")
	return float64(log.events) / took.Seconds()
}

// awaitEnds waits until a view has applied everything, and returns the most memory that Go had in use meanwhile.
func awaitEnds(b testing.TB, v view.View, topic string, ends map[int32]int64) (peak float64) {
	b.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		var mem runtime.MemStats
		runtime.ReadMemStats(&mem)
		peak = max(peak, float64(mem.HeapInuse))
		positions, err := v.Positions(b.Context(), topic)
		if err != nil && !errors.Is(err, view.ErrStoreDown) {
			b.Fatal(err)
		}
		done := 0
		for _, p := range positions {
			if p.Next >= ends[p.Partition] {
				done++
			}
		}
		if done == len(ends) {
			return peak
		}
	}
	return peak
}

// inDatabase returns a MongoDB URI with another database.
func inDatabase(uri, database string) string {
	for i := len("mongodb://"); i < len(uri); i++ {
		if uri[i] == '/' {
			return uri[:i+1] + database
		}
	}
	return uri + "/" + database
}

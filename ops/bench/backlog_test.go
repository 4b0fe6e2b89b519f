package bench

import (
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
	"github.com/jackc/pgx/v5"
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
	brokers []string
	topic   string
	events  int
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
	for i := range log.events {
		n := i
		if i%10 == 9 {
			n = i - 9
		}
		id := uuid.Must(uuid.NewV7())
		record, err := events.Encode(&events.Event{
			RecordID: id, EventID: id, Claimed: time.Now(), Source: "urn:leadlog:edge:bench",
			Submission: events.Submission{
				Phone: fmt.Sprintf("0912%08d", n), IP: "198.51.100.7", Path: "/api/submit",
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

// BenchmarkBacklog drains a backlog of a million events into each view, and into PostgreSQL with a plain loop that does no
// more than it must: consume, decode, look up openers, COPY and the position in one transaction a batch.
func BenchmarkBacklog(b *testing.B) {
	log := newBacklog(b)
	plain := 0.0
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			plain = log.drainPlain(b)
		}
		b.ReportMetric(plain, "events/s")
	})
	for _, target := range []struct {
		name, projection string
		urls             func(testing.TB) catalog.URLs
	}{
		{"leads", "leads", func(b testing.TB) catalog.URLs { return catalog.URLs{Database: pgtest.New(b)} }},
		{"audit-postgresql", "audit", func(b testing.TB) catalog.URLs { return catalog.URLs{Database: pgtest.New(b)} }},
		{"audit-mongodb", "audit", func(b testing.TB) catalog.URLs {
			return catalog.URLs{Mongo: inDatabase(need(b, "MONGODB_URI"), "leadlog_bench_"+uuid.NewString()[:8])}
		}},
		{"dedup", "dedup", func(b testing.TB) catalog.URLs { return catalog.URLs{Redis: need(b, "REDIS_URL")} }},
	} {
		b.Run(target.name, func(b *testing.B) {
			urls, rate := target.urls(b), 0.0
			for b.Loop() {
				rate = log.drain(b, target.projection, urls)
			}
			b.ReportMetric(rate, "events/s")
			if target.name == "leads" && plain > 0 {
				b.ReportMetric(rate/plain, "of-plain")
			}
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
	stores := &catalog.Stores{URLs: urls, Application: "leadlog-bench", Connections: 16}
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
		Log: slog.New(slog.DiscardHandler),
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

// drainPlain is the reference: two workers, batches of 5000, nothing checked.
func (log *backlog) drainPlain(b *testing.B) float64 {
	b.Helper()
	ctx := b.Context()
	url := pgtest.New(b)
	setup, err := pgx.Connect(ctx, url)
	if err != nil {
		b.Fatal(err)
	}
	defer setup.Close(ctx) //nolint:errcheck // the database goes
	if _, err := setup.Exec(ctx, plainTables); err != nil {
		b.Fatal(err)
	}
	client, err := broker.NewClient(broker.Config{Brokers: log.brokers, ClientID: "leadlog-bench"}, kgo.ConsumeTopics(log.topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	queue := make(chan []*kgo.Record, 4)
	var workers errgroup.Group
	for range 2 {
		workers.Go(func() error { return plainWorker(ctx, url, queue) })
	}
	started := time.Now()
	pending := make(map[int32][]*kgo.Record)
	for read := 0; read < log.events; {
		client.PollFetches(ctx).EachPartition(func(p kgo.FetchTopicPartition) {
			read += len(p.Records)
			pending[p.Partition] = append(pending[p.Partition], p.Records...)
			if len(pending[p.Partition]) >= 5000 {
				queue <- pending[p.Partition]
				delete(pending, p.Partition)
			}
		})
	}
	for _, rest := range pending {
		queue <- rest
	}
	close(queue)
	if err := workers.Wait(); err != nil {
		b.Fatal(err)
	}
	return float64(log.events) / time.Since(started).Seconds()
}

const plainTables = `
	create table lead (id bigint, phone varchar(20), created_at timestamptz, record_id uuid, event_id uuid, log_partition int, log_offset bigint,
		page text, referrer text, campaign jsonb, variant text, device text, primary key (created_at, log_partition, log_offset));
	create index on lead (phone, created_at); create index on lead (created_at);
	create index on lead (log_partition, log_offset); create index on lead (event_id);
	create table pos (partition int primary key, next_offset bigint)`

func plainWorker(ctx context.Context, url string, queue <-chan []*kgo.Record) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // the database goes
	for records := range queue {
		if err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return plainBatch(ctx, tx, records) }); err != nil {
			return err
		}
	}
	return nil
}

func plainBatch(ctx context.Context, tx pgx.Tx, records []*kgo.Record) error {
	batch := make([]events.Event, 0, len(records))
	for _, r := range records {
		record := broker.FromKafka(r)
		e, err := events.Decode(&record)
		if err != nil {
			return err
		}
		batch = append(batch, e)
	}
	rows, err := tx.Query(ctx, `select u.phone, l.log_offset, l.created_at from unnest($1::text[]) as u(phone) cross join lateral (
		select log_offset, created_at from lead l where l.phone = u.phone order by log_offset desc limit 1) l`, events.Phones(batch))
	if err != nil {
		return err
	}
	window := make(events.Window)
	var phone string
	var o events.Opener
	if _, err := pgx.ForEachRow(rows, []any{&phone, &o.Offset, &o.Time}, func() error { window[phone] = o; return nil }); err != nil {
		return err
	}
	var openers []*events.Event
	for i := range batch {
		if !window.Judge(&batch[i]) {
			openers = append(openers, &batch[i])
		}
	}
	columns := []string{"id", "phone", "created_at", "record_id", "event_id", "log_partition", "log_offset", "page", "campaign", "device"}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"lead"}, columns, pgx.CopyFromSlice(len(openers), func(i int) ([]any, error) {
		e := openers[i]
		return []any{
			e.Offset*16 + int64(e.Partition), e.Phone, e.Time, [16]byte(e.RecordID), [16]byte(e.EventID), e.Partition, e.Offset,
			e.Page, `{"utm_source":"bench","utm_medium":"cpc"}`, e.Device,
		}, nil
	}))
	if err != nil {
		return err
	}
	last := records[len(records)-1]
	_, err = tx.Exec(ctx, `insert into pos values ($1, $2) on conflict (partition) do update set next_offset = excluded.next_offset`,
		last.Partition, last.Offset+1)
	return err
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

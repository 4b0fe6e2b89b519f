package bench

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/ops/cli"
	"leadlog/ops/control"
	"leadlog/ops/stack/localpg/pgtest"
	"leadlog/projectors/catalog"
)

// planSize is the number of events that a plan is made for; PLAN_EVENTS sets another.
func planSize() int64 {
	if n, err := strconv.ParseInt(os.Getenv("PLAN_EVENTS"), 10, 64); err == nil && n > 0 {
		return n
	}
	return 10_000_000
}

// BenchmarkPlan makes the plan of a rewind of the lead table to the log's start, by the whole command as a person runs it. The
// log is kfake's, in this process: views are made of one topic alone, and on a shared cluster that is somebody's.
func BenchmarkPlan(b *testing.B) {
	fake, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(fake.Close)
	url, each := pgtest.New(b), planSize()/events.Partitions
	cfg := control.Config{Brokers: fake.ListenAddrs(), URLs: catalog.URLs{Database: url}, Dev: true}
	system, err := control.Open(cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(system.Close)
	if _, err := system.Init(b.Context(), nil); err != nil {
		b.Fatal(err)
	}
	topicID := fillPlanned(b, cfg.Brokers, each)
	fillLeads(b, url, topicID, each)
	env := map[string]string{"KAFKA_BROKERS": strings.Join(cfg.Brokers, ","), "DATABASE_URL": url, "DEV": "1"}
	longest := time.Duration(0)
	for b.Loop() {
		var out strings.Builder
		began := time.Now()
		err := cli.Run(b.Context(), []string{"rewind", "leads", "--to-earliest"}, func(name string) string { return env[name] },
			strings.NewReader(""), &out, io.Discard)
		longest = max(longest, time.Since(began))
		if err != nil || !strings.HasPrefix(out.String(), "plan: ") {
			b.Fatalf("%v\n%s", err, out.String())
		}
	}
	b.ReportMetric(longest.Seconds(), "s-longest")
	b.ReportMetric(float64(each*events.Partitions), "events")
}

// plannedAt is T of an event at an offset: one a millisecond, the last one an hour ago.
func plannedAt(offset, each int64) time.Time {
	return time.Now().Truncate(time.Hour).Add(-time.Hour - time.Duration(each-offset)*time.Millisecond)
}

// plannedKey is the record key at a place; fillLeads makes the same in SQL.
func plannedKey(partition int32, offset int64) uuid.UUID {
	return uuid.MustParse(fmt.Sprintf("0191d5a0-0000-7000-80%02x-%012x", partition, offset))
}

// fillPlanned fills each partition with small events of phones that are never seen again, and returns the topic's id.
func fillPlanned(b *testing.B, brokers []string, each int64) uuid.UUID {
	b.Helper()
	client, err := broker.NewClient(broker.Config{Brokers: brokers, ClientID: "leadlog-bench", Dev: true},
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(20*time.Millisecond),
		kgo.MaxBufferedRecords(50_000), kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(client.Close)
	var failed atomic.Pointer[error]
	start := plannedAt(0, each)
	for offset := range each {
		for partition := range int32(events.Partitions) {
			id := plannedKey(partition, offset)
			record, err := events.Encode(&events.Event{
				RecordID: id, EventID: id, Claimed: start, Source: "urn:leadlog:edge:bench",
				Submission: events.Submission{Phone: plannedPhone(partition, offset), IP: "198.51.100.7", Path: "/api/submit"},
			})
			if err != nil {
				b.Fatal(err)
			}
			r := broker.ToKafka(events.Topic, &record)
			r.Partition, r.Timestamp = partition, start.Add(time.Duration(offset)*time.Millisecond)
			client.Produce(b.Context(), r, func(_ *kgo.Record, err error) {
				if err != nil {
					failed.Store(&err)
				}
			})
		}
	}
	if err := client.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := failed.Load(); err != nil {
		b.Fatal(*err)
	}
	topics, err := kadm.NewClient(client).ListTopics(b.Context(), events.Topic)
	if err != nil {
		b.Fatal(err)
	}
	return uuid.UUID(topics[events.Topic].ID)
}

func plannedPhone(partition int32, offset int64) string {
	return fmt.Sprintf("0912%08d", offset*events.Partitions+int64(partition))
}

// fillLeads puts the rows of those events into the lead table, and the positions behind them, as a projection leaves them.
func fillLeads(b *testing.B, url string, topicID uuid.UUID, each int64) {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(b.Context()) //nolint:errcheck // the database goes
	start := plannedAt(0, each)
	for month := time.Date(start.Year(), start.Month(), 1, 0, 0, 0, 0, time.UTC); month.Before(time.Now()); month = month.AddDate(0, 1, 0) {
		_, err := conn.Exec(b.Context(), fmt.Sprintf(`create table if not exists leads_v1.%s partition of leads_v1.landing_phone
			for values from ('%s') to ('%s')`, month.Format("landing_phone_2006_01"), month.Format(time.RFC3339), month.AddDate(0, 1, 0).Format(time.RFC3339)))
		if err != nil {
			b.Fatal(err)
		}
	}
	for _, sql := range []string{
		`insert into leads_v1.landing_phone (id, phone, created_at, record_id, event_id, log_partition, log_offset)
			select o * 16 + p, '0912' || lpad((o * 12 + p)::text, 8, '0'), $1::timestamptz + o * interval '1 ms', key, key, p, o
			from generate_series(0, $2::bigint - 1) o, generate_series(0, 11) p,
				lateral (select ('0191d5a0-0000-7000-80' || lpad(to_hex(p), 2, '0') || '-' || lpad(to_hex(o), 12, '0'))::uuid as key) k`,
		`insert into leadlog.position (projection, topic, partition, topic_id, generation, next_offset, leader_epoch)
			select 'leads', 'phone-submitted', p, $3, 1, $2, -1 from generate_series(0, 11) p where $1::timestamptz is not null`,
	} {
		args := []any{start, each, topicID}
		if strings.HasPrefix(sql, "insert into leads_v1") {
			args = args[:2]
		}
		if _, err := conn.Exec(b.Context(), sql, args...); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := conn.Exec(b.Context(), `vacuum analyze`); err != nil {
		b.Fatal(err)
	}
}

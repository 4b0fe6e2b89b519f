package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/ops/stack/localpg/pgtest"
)

const (
	connectName  = "leadlog-bench"
	connectGroup = "connect-" + connectName // of a sink, by Connect's own rule
)

// drainConnect has Kafka Connect carry the same events into a table with as many indexes, and returns events a second from
// when a third of them is there: a JVM takes its time to become warm. What it does is less: no window, no position in the
// table's own transaction, and a duplicate is a row like any other.
func drainConnect(b *testing.B, log *backlog) float64 {
	b.Helper()
	topic := "connect-bench-" + uuid.NewString()
	client := fillConnect(b, log, topic)
	database := pgtest.New(b)
	setup, err := pgx.Connect(b.Context(), database)
	if err != nil {
		b.Fatal(err)
	}
	defer setup.Close(b.Context()) //nolint:errcheck // the database goes
	if _, err := setup.Exec(b.Context(), connectTable); err != nil {
		b.Fatal(err)
	}
	_, _ = kadm.NewClient(client).DeleteGroup(b.Context(), connectGroup) // there may be none
	exited := startConnect(b, log.brokers, topic, database)
	rate := connectRate(b, client, topic, int64(log.events), exited)
	var rows int
	if err := setup.QueryRow(b.Context(), `select count(*) from lead`).Scan(&rows); err != nil || rows != log.events {
		b.Fatalf("Connect wrote %d rows of %d events: %v", rows, log.events, err)
	}
	return rate
}

// connectTable has the primary key that an upsert needs, and otherwise the indexes of the lead table.
const connectTable = `
	create table lead (id bigint, phone varchar(20), created_at timestamptz, record_id uuid primary key, event_id uuid, log_partition int,
		log_offset bigint, page text, campaign jsonb, device text);
	create index on lead (phone, created_at); create index on lead (created_at);
	create index on lead (log_partition, log_offset); create index on lead (event_id)`

// connectSchema is given to the converter once (Kafka 4.2 can), not with each record, which would halve the rate.
const connectSchema = `{"type":"struct","optional":false,"fields":[
	{"field":"id","type":"int64"},{"field":"phone","type":"string"},
	{"field":"created_at","type":"int64","name":"org.apache.kafka.connect.data.Timestamp","version":1},
	{"field":"record_id","type":"string","name":"io.debezium.data.Uuid","version":1},
	{"field":"event_id","type":"string","name":"io.debezium.data.Uuid","version":1},
	{"field":"log_partition","type":"int32"},{"field":"log_offset","type":"int64"},{"field":"page","type":"string"},
	{"field":"campaign","type":"string","name":"io.debezium.data.Json","version":1},{"field":"device","type":"string"}]}`

// connectRow is the event as the sink needs it: flat, as the row will be.
type connectRow struct {
	ID           int64  `json:"id"`
	Phone        string `json:"phone"`
	CreatedAt    int64  `json:"created_at"`
	RecordID     string `json:"record_id"`
	EventID      string `json:"event_id"`
	LogPartition int32  `json:"log_partition"`
	LogOffset    int64  `json:"log_offset"`
	Page         string `json:"page"`
	Campaign     string `json:"campaign"`
	Device       string `json:"device"`
}

// fillConnect makes a topic with as many events of the same phones.
func fillConnect(b *testing.B, log *backlog, topic string) *kgo.Client {
	b.Helper()
	client, err := broker.NewClient(broker.Config{Brokers: log.brokers, ClientID: "leadlog-bench"},
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(5*time.Millisecond),
		kgo.MaxBufferedRecords(50_000), kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(client.Close)
	spec := broker.Submissions()
	spec.Topic = topic
	if _, err := broker.Create(b.Context(), client, spec, false); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _, _ = kadm.NewClient(client).DeleteTopics(context.Background(), topic) })
	var failed atomic.Pointer[error]
	for i := range log.events {
		phone, id := phoneOf(i), uuid.Must(uuid.NewV7()).String()
		partition := events.PartitionOf(phone)
		value, err := json.Marshal(connectRow{
			ID: int64(i)*16 + int64(partition), Phone: phone, CreatedAt: time.Now().UnixMilli(), RecordID: id, EventID: id, LogPartition: partition,
			LogOffset: int64(i), Page: "https://landing.example/", Campaign: `{"utm_source":"bench","utm_medium":"cpc"}`, Device: "mobile",
		})
		if err != nil {
			b.Fatal(err)
		}
		client.Produce(b.Context(), &kgo.Record{Topic: topic, Partition: partition, Key: []byte(id), Value: value}, func(_ *kgo.Record, err error) {
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
	return client
}

// startConnect starts a standalone worker with two tasks. The returned channel tells how it ended, should it end early.
func startConnect(b *testing.B, servers []string, topic, database string) <-chan error {
	b.Helper()
	dir := b.TempDir()
	worker, sink := filepath.Join(dir, "worker.properties"), filepath.Join(dir, "sink.properties")
	jdbc, user, password := jdbcOf(b, database)
	write(b, worker, map[string]string{
		"bootstrap.servers": strings.Join(servers, ","), "plugin.path": need(b, "CONNECT_PLUGINS"), "plugin.discovery": "hybrid_warn",
		"key.converter": "org.apache.kafka.connect.storage.StringConverter", "value.converter": "org.apache.kafka.connect.json.JsonConverter",
		"offset.storage.file.filename": filepath.Join(dir, "offsets"), "offset.flush.interval.ms": "500",
		"listeners": "http://" + freeAddress(b), "connector.client.config.override.policy": "All",
	})
	write(b, sink, map[string]string{
		"name": connectName, "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector", "tasks.max": "2", "topics": topic,
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "true",
		"value.converter.schema.content": strings.ReplaceAll(strings.ReplaceAll(connectSchema, "\n", ""), "\t", ""),
		"connection.url":                 jdbc, "connection.username": user, "connection.password": password,
		"insert.mode": "upsert", "primary.key.mode": "record_value", "primary.key.fields": "record_id", "schema.evolution": "none",
		"table.name.format": "lead", "collection.name.format": "lead", "batch.size": "5000", "use.time.zone": "UTC",
		"consumer.override.max.poll.records": "5000", "consumer.override.auto.offset.reset": "earliest",
		"consumer.override.max.partition.fetch.bytes": "4194304", "consumer.override.fetch.min.bytes": "262144",
	})
	said := filepath.Join(b.ArtifactDir(), "connect.log")
	out, err := os.Create(said)
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command("java", "-Xms512m", "-Xmx1g", "-cp", need(b, "CONNECT_CLASSPATH"),
		"org.apache.kafka.connect.cli.ConnectStandalone", worker, sink)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	exited := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		exited <- cmd.Wait()
		close(done)
	}()
	b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-done
		_ = out.Close()
		if text, err := os.ReadFile(said); err == nil && b.Failed() {
			b.Logf("Connect said last:\n%s", text[max(0, len(text)-4000):])
		}
	})
	return exited
}

// connectRate follows the offsets that the sink commits, and returns events a second between a third of them and the last.
func connectRate(b *testing.B, client *kgo.Client, topic string, all int64, exited <-chan error) float64 {
	b.Helper()
	admin := kadm.NewClient(client)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(5 * time.Minute)
	var warm, done int64
	var since time.Time
	for done < all {
		select {
		case <-tick.C:
		case err := <-exited:
			b.Fatalf("Connect has ended: %v", err)
		case <-deadline:
			b.Fatalf("Connect has applied %d of %d events in five minutes", done, all)
		}
		committed, err := admin.FetchOffsets(b.Context(), connectGroup)
		if err != nil {
			continue // the group is being made
		}
		done = 0
		committed.Each(func(o kadm.OffsetResponse) {
			if o.Topic == topic {
				done += max(o.At, 0)
			}
		})
		if warm == 0 && done >= all/3 {
			warm, since = done, time.Now()
		}
	}
	if warm >= all {
		b.Fatalf("%d events are too few to see Connect warm", all)
	}
	return float64(all-warm) / time.Since(since).Seconds()
}

// jdbcOf turns a URL of PostgreSQL into what the driver wants.
func jdbcOf(b *testing.B, database string) (jdbc, user, password string) {
	b.Helper()
	u, err := url.Parse(database)
	if err != nil {
		b.Fatal(err)
	}
	password, _ = u.User.Password()
	return "jdbc:postgresql://" + u.Host + u.Path + "?reWriteBatchedInserts=true&sslmode=disable", u.User.Username(), password
}

// write writes a properties file.
func write(b *testing.B, path string, properties map[string]string) {
	b.Helper()
	var text strings.Builder
	for name, value := range properties {
		fmt.Fprintf(&text, "%s=%s\n", name, value)
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
}

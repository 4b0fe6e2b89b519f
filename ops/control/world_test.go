package control_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/ops/control"
	"leadlog/ops/stack/localpg/pgtest"
	"leadlog/ops/stack/localredis"
	"leadlog/ops/telemetry"
	"leadlog/projectors/catalog"
	"leadlog/projectors/run"
)

func TestMain(m *testing.M) {
	redis.SetLogger(&logging.VoidLogger{}) // a Redis that is down is what some tests are about
	pgtest.Main(m)
}

// patience is how long a test waits for what must happen. It is no part of any promise.
const patience = 30 * time.Second

// world is a log and stores of a test's own.
type world struct {
	*testing.T
	cfg    control.Config
	fake   *kfake.Cluster
	client *kgo.Client
	pool   *pgxpool.Pool
	system *control.System
}

// newWorld returns a world in which nothing is made yet. The audit log is in a MongoDB, or without one in PostgreSQL.
func newWorld(t *testing.T, mongo ...string) *world {
	t.Helper()
	t.Parallel()
	fake, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	w := &world{T: t, fake: fake, cfg: control.Config{
		Brokers: fake.ListenAddrs(), Dev: true,
		URLs: catalog.URLs{Database: pgtest.New(t), Redis: newRedis(t), Mongo: strings.Join(mongo, "")},
	}}
	w.system = w.open(w.cfg)
	w.client, err = broker.NewClient(broker.Config{Brokers: w.cfg.Brokers, ClientID: "leadlog-test"},
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.client.Close)
	if w.pool, err = pgxpool.New(t.Context(), w.cfg.URLs.Database); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.pool.Close)
	return w
}

func newRedis(t *testing.T) (url string) {
	t.Helper()
	server, err := localredis.Listen(localredis.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return server.URL()
}

func (w *world) open(cfg control.Config) *control.System {
	w.Helper()
	system, err := control.Open(cfg)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(system.Close)
	return system
}

// made is a world with topics and tables.
func made(t *testing.T, mongo ...string) *world {
	t.Helper()
	w := newWorld(t, mongo...)
	if _, err := w.system.Init(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return w
}

// project fills the views until the returned function, or the end of the test.
func (w *world) project() (stop func()) {
	w.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- run.Projections(ctx, run.Config{
			Entries: w.system.Entries(), URLs: w.cfg.URLs, Brokers: w.cfg.Brokers, Dev: true,
			Log: slog.New(slog.DiscardHandler), Health: telemetry.NewHealth(), Registry: prometheus.NewRegistry(),
		})
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.Errorf("projections: %v", err)
		}
	})
	w.Cleanup(stop)
	return stop
}

// await waits until a condition holds.
func (w *world) await(what string, holds func() bool) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.Fatalf("still not so: %s", what)
		}
	}
}

// awaitApplied waits until every view has applied all that is in the log.
func (w *world) awaitApplied() {
	w.Helper()
	w.await("everything is applied", func() bool {
		rows, err := w.system.Lag(w.Context())
		if err != nil {
			return false
		}
		for _, r := range rows {
			if r.Lag != 0 {
				return false
			}
		}
		return true
	})
}

// lead appends a submission, with a receipt of its own or the given one, and returns its record.
func (w *world) lead(phone string, receipt ...uuid.UUID) *kgo.Record {
	w.Helper()
	id := uuid.Must(uuid.NewV7())
	e := &events.Event{
		RecordID: id, EventID: id, Claimed: time.Now(), Source: "test",
		Submission: events.Submission{Phone: phone, IP: "192.0.2.1", Path: "/api/submit"},
	}
	if len(receipt) > 0 {
		e.EventID = receipt[0]
	}
	record, err := events.Encode(e)
	if err != nil {
		w.Fatal(err)
	}
	return w.append(broker.ToKafka(events.Topic, &record))
}

// poison appends a record that no view can apply.
func (w *world) poison(partition int32) *kgo.Record {
	w.Helper()
	return w.append(&kgo.Record{
		Topic: events.Topic, Partition: partition, Key: []byte(uuid.Must(uuid.NewV7()).String()), Value: []byte(`{"phone":"0912 123 45 67"`),
		Headers: []kgo.RecordHeader{{Key: "note", Value: []byte("of 09121234567")}},
	})
}

// erase appends the tombstone of a record.
func (w *world) erase(r *kgo.Record) {
	w.Helper()
	w.append(&kgo.Record{Topic: events.Topic, Partition: r.Partition, Key: r.Key})
}

func (w *world) append(r *kgo.Record) *kgo.Record {
	w.Helper()
	if err := w.client.ProduceSync(w.Context(), r).FirstErr(); err != nil {
		w.Fatal(err)
	}
	return r
}

// exec changes something behind everybody's back.
func (w *world) exec(sql string, args ...any) {
	w.Helper()
	if _, err := w.pool.Exec(w.Context(), sql, args...); err != nil {
		w.Fatal(err)
	}
}

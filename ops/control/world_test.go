package control_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/ops/control"
	"leadlog/ops/opstest"
	"leadlog/ops/stack/localpg/pgtest"
	"leadlog/projectors/catalog"
)

func TestMain(m *testing.M) {
	redis.SetLogger(&logging.VoidLogger{}) // a Redis that is down is what some tests are about
	pgtest.Main(m)
}

// world is a log and stores of a test's own.
type world struct {
	*testing.T
	cfg    control.Config
	log    *opstest.Log
	fake   *kfake.Cluster
	pool   *pgxpool.Pool
	system *control.System
}

// newWorld returns a world in which nothing is made yet. The audit log is in a MongoDB, or without one in PostgreSQL.
func newWorld(t *testing.T, mongo ...string) *world {
	t.Helper()
	t.Parallel()
	return worldWith(t, pgtest.New(t), mongo...)
}

func worldWith(t *testing.T, database string, mongo ...string) *world {
	t.Helper()
	log := opstest.EmptyLog(t)
	w := &world{T: t, log: log, fake: log.Fake, cfg: control.Config{
		Brokers: log.Brokers, Dev: true,
		URLs: catalog.URLs{Database: database, Redis: opstest.Redis(t), Mongo: strings.Join(mongo, "")},
	}}
	w.system = w.open(w.cfg)
	var err error
	if w.pool, err = pgxpool.New(t.Context(), w.cfg.URLs.Database); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.pool.Close)
	return w
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
	if len(mongo) > 0 {
		w := newWorld(t, mongo...)
		if _, err := w.system.Init(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		return w
	}
	t.Parallel()
	w := worldWith(t, opstest.Database(t))
	w.log.MakeTopics()
	return w
}

// project fills the views until the returned function, or the end of the test.
func (w *world) project() (stop func()) {
	w.Helper()
	return opstest.Project(w.T, w.cfg)
}

// await waits until a condition holds.
func (w *world) await(what string, holds func() bool) {
	w.Helper()
	opstest.Await(w.T, what, holds)
}

// awaitApplied waits until every view has applied all that is in the log.
func (w *world) awaitApplied() {
	w.Helper()
	opstest.AwaitApplied(w.T, w.system)
}

// lead appends a submission, with a receipt of its own or the given one, and returns its record.
func (w *world) lead(phone string, receipt ...uuid.UUID) *kgo.Record {
	w.Helper()
	lead := opstest.Lead{Phone: phone}
	if len(receipt) > 0 {
		lead.Receipt = receipt[0]
	}
	return w.log.Append(lead)
}

// poison appends a record that no view can apply.
func (w *world) poison(partition int32) *kgo.Record {
	w.Helper()
	return w.log.Poison(partition)
}

// erase appends the tombstone of a record.
func (w *world) erase(r *kgo.Record) {
	w.Helper()
	w.log.Erase(r)
}

func (w *world) append(r *kgo.Record) *kgo.Record {
	w.Helper()
	return w.log.Produce(r)
}

// exec changes something behind everybody's back.
func (w *world) exec(sql string, args ...any) {
	w.Helper()
	if _, err := w.pool.Exec(w.Context(), sql, args...); err != nil {
		w.Fatal(err)
	}
}
